package secrets_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

func allPatterns() []secrets.Pattern {
	return []secrets.Pattern{
		secrets.PaymentCards, secrets.JSONWebTokens, secrets.PrivateKeys, secrets.ProviderKeys,
		secrets.EmailAddresses, secrets.PhoneNumbers,
	}
}

// random returns n characters of base64 that are always the same.
func random(n int) string {
	rnd := rand.New(rand.NewPCG(uint64(n), 5))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return base64.RawURLEncoding.EncodeToString(b)[:n]
}

func letterDigits(n int) string {
	return strings.NewReplacer("-", "x", "_", "y").Replace(random(n))
}

func token() string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"1234567890","iat":1516239022}`)) + "." + random(43)
}

func pemKey(lines int) string {
	var b strings.Builder
	b.WriteString("-----BEGIN RSA PRIVATE KEY-----\n")
	for i := range lines {
		b.WriteString(strings.NewReplacer("-", "+", "_", "/").Replace(random(64 + i)[i:]) + "\n")
	}
	return b.String() + "-----END RSA PRIVATE KEY-----"
}

// shaped are texts of each pattern, made up here so that no scanner of this
// repository takes them for real ones.
func shaped() []string {
	return []string{
		"4111 1111 1111 1111", token(), pemKey(12), "sk_" + "live_" + letterDigits(24), "AK" + "IA" + "Q3EGTRBKNWIVXJ2M", "gh" + "p_" + letterDigits(36),
		"ada.lovelace@mail.example.com", "+49 (0) 711 123456-78",
	}
}

func patterns(t testing.TB, of ...secrets.Pattern) *secrets.Redactor {
	r := redactor(t)
	require.NoError(t, r.AddPatterns(of...))
	return r
}

// requireFiltered checks text as a whole and in pieces of every small size.
func requireFiltered(t *testing.T, r *secrets.Redactor, want, text string) {
	t.Helper()
	require.Equal(t, want, r.String(text))
	for n := 1; n <= min(len(text), 70); n++ {
		require.Equal(t, want, stream(t, r, text, func(left int) int { return min(n, left) }), "pieces of %d", n)
	}
}

func TestPaymentCards(t *testing.T) {
	const m = secrets.Placeholder
	r := patterns(t, secrets.PaymentCards)
	for text, want := range map[string]string{
		"card 4111111111111111 ok":                   "card " + m + " ok",
		"4111 1111 1111 1111":                        m,
		"4111-1111-1111-1111.":                       m + ".",
		"3782 822463 10005":                          m,
		"378282246310005,6011000990139424":           m + "," + m,
		"4222222222222":                              m, // 13 digits
		"6304000000000000000":                        m, // 19 digits
		`"pan":"5555555555554444"`:                   `"pan":"` + m + `"`,
		`line\n5105105105105100\n`:                   `line\n` + m + `\n`,
		"12 4111111111111111 12/27":                  "12 " + m + " 12/27",
		"x4111111111111111x":                         "x" + m + "x",
		"4111111111111112":                           "4111111111111112", // no check digit
		"411111111111":                               "411111111111",
		"41111111111111111111":                       "41111111111111111111", // 20 digits
		"4111  1111 1111 1111":                       "4111  1111 1111 1111", // two spaces
		"1732477753008":                              "1732477753008",        // a time
		"0.4111111111111111":                         "0.4111111111111111",
		"5555555555555555":                           "5555555555555555",
		strings.Repeat("9", 20) + "4111111111111111": strings.Repeat("9", 20) + "4111111111111111", // the end of a longer number
		strings.Repeat("7", 100):                     strings.Repeat("7", 100),
		strings.Repeat("4 2 ", 10):                   r.String(strings.Repeat("4 2 ", 10)),
		"2026-11-24 4111 1111 1111 1111 \n":          "2026-11-24 " + m + " \n",
	} {
		requireFiltered(t, r, want, text)
	}
}

func TestTokensAndKeys(t *testing.T) {
	const m = secrets.Placeholder
	r := patterns(t, secrets.JSONWebTokens, secrets.PrivateKeys, secrets.ProviderKeys)
	stripe := "sk_" + "live_" + letterDigits(24)
	for text, want := range map[string]string{
		"Authorization: Bearer " + token() + "\n":                             "Authorization: Bearer " + m + "\n",
		`{"token":"` + token() + `","a":1}`:                                   `{"token":"` + m + `","a":1}`,
		"a\n" + pemKey(20) + "\nb":                                            "a\n" + m + "\nb",
		`{"key":"` + strings.ReplaceAll(pemKey(8), "\n", `\n`) + `\n","b":2}`: `{"key":"` + m + `\n","b":2}`,
		"STRIPE=" + stripe + " x":                                             "STRIPE=" + m + " x",
		"id AK" + "IAQ3EGTRBKNWIVXJ2M, next":                                  "id " + m + ", next",
		"eyJust a word":                                                       "eyJust a word",
		"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----":          "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
		"sk_live_ is the prefix of a key":                                     "sk_live_ is the prefix of a key",
	} {
		requireFiltered(t, r, want, text)
	}
	only := patterns(t, secrets.JSONWebTokens)
	require.Equal(t, stripe+" "+m, only.String(stripe+" "+token()), "nothing but what was asked for")
}

func TestKeyWithoutAnEnd(t *testing.T) {
	r := patterns(t, secrets.PrivateKeys)
	key := pemKey(20)
	begun := strings.TrimSuffix(key, "-----END RSA PRIVATE KEY-----")
	requireFiltered(t, r, "x "+secrets.Placeholder+"{", "x "+begun+"{")
	require.Equal(t, "x "+secrets.Placeholder, stream(t, r, "x "+begun, func(left int) int { return min(left, 7) }))

	endless := strings.Repeat(begun, 40)
	var out bytes.Buffer
	w := r.Writer(&out)
	sent := 0
	for piece := range strings.SplitAfterSeq(endless, "\n") {
		_, err := io.WriteString(w, piece)
		require.NoError(t, err)
		sent += len(piece)
		if sent > 32<<10 {
			require.NotEmpty(t, out.String(), "no more than 24 KiB are held back")
		}
	}
	require.NoError(t, w.Close())
	for line := range strings.SplitSeq(begun, "\n") {
		if len(line) > 40 {
			require.NotContains(t, out.String(), line)
		}
	}
}

func TestContacts(t *testing.T) {
	const m = secrets.Placeholder
	r := patterns(t, secrets.EmailAddresses, secrets.PhoneNumbers)
	for text, want := range map[string]string{
		"from ada.lovelace+tag@mail.example.com.": "from " + m + ".",
		`"email":"a_b@x.io"`:                      `"email":"` + m + `"`,
		"user@localhost":                          "user@localhost",
		"a @ b.com @x.com x@":                     "a @ b.com @x.com x@",
		"git@1.2.3.4":                             "git@1.2.3.4",
		"a@b.c d@e.fg":                            "a@b.c " + m,
		"a@b..com":                                "a@b..com",
		strings.Repeat("a", 100) + "@ex.com":      strings.Repeat("a", 36) + m,
		"call +49 (0) 711 123456-78 now":          "call " + m + " now",
		"tel:+14155550123;":                       "tel:" + m + ";",
		"0049 711 123 456":                        m,
		"555-010-4477, (555) 010-4477":            m + ", " + m,
		"1+12345678":                              "1+12345678",
		"+1234567":                                "+1234567",
		"+1234567890123456":                       "+1234567890123456",
		"2026-11-24 10:00:00":                     "2026-11-24 10:00:00",
		"555-010-44775":                           "555-010-44775",
	} {
		requireFiltered(t, r, want, text)
	}
	require.Equal(t, "a@b.de 4111111111111111", patterns(t, secrets.PrivateKeys).String("a@b.de 4111111111111111"), "only where asked")
}

func TestPatternsHoldBackLittle(t *testing.T) {
	for _, c := range []struct {
		of         secrets.Pattern
		text, want string
	}{
		{secrets.PaymentCards, "price 12 of 4111 1111", "price "}, // 12 and the rest may be one number
		{secrets.PaymentCards, "no digits", "no digits"},
		{secrets.JSONWebTokens, "word eyJabc", "word "},
		{secrets.PrivateKeys, "a -----BEG", "a "},
		{secrets.EmailAddresses, "some word", "some "},
		{secrets.PhoneNumbers, "call +49", "call "},
	} {
		var out bytes.Buffer
		_, err := io.WriteString(patterns(t, c.of).Writer(&out), c.text)
		require.NoError(t, err)
		if c.of == secrets.PaymentCards && c.text[0] == 'p' {
			c.want = "price 12 of " // a 12 at the beginning is no card
		}
		require.Equal(t, c.want, out.String())
	}
}

func TestAddPatternsRefuses(t *testing.T) {
	r := redactor(t)
	require.ErrorContains(t, r.AddPatterns(secrets.PaymentCards, 0), "no pattern 0")
	require.Error(t, r.AddPatterns(99))
	require.Error(t, (*secrets.Redactor)(nil).AddPatterns(secrets.PaymentCards))
	require.Equal(t, "4111111111111111", r.String("4111111111111111"), "none is added")
}

func TestAddPatternsWhileWriting(t *testing.T) {
	var out bytes.Buffer
	r := redactor(t, "first-value")
	w := r.Writer(&out)
	fmt.Fprint(w, "4111111111111111 first-va")
	require.NoError(t, r.AddPatterns(secrets.PaymentCards, secrets.PaymentCards))
	fmt.Fprint(w, "lue 41111111")
	fmt.Fprint(w, "11111111")
	require.NoError(t, w.Close())
	require.Equal(t, "4111111111111111 [redacted] [redacted]", out.String())
}

// TestAPatternAndAValueThatOverlap are one placeholder.
func TestAPatternAndAValueThatOverlap(t *testing.T) {
	r := redactor(t, "1111-tail")
	require.NoError(t, r.AddPatterns(secrets.PaymentCards))
	requireFiltered(t, r, "x [redacted] y", "x 4111 1111 1111 1111-tail y")
}

func ExampleRedactor_AddPatterns() {
	r := &secrets.Redactor{}
	if err := r.AddPatterns(secrets.PaymentCards, secrets.EmailAddresses); err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stdout, r.String("ada@example.com paid with 4111 1111 1111 1111"))
	// Output: [redacted] paid with [redacted]
}
