package secrets_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

// TestRedactorFindsEveryForm prints a secret as programs do, with the encoders
// of the standard library, within a text.
func TestRedactorFindsEveryForm(t *testing.T) {
	const m = secrets.Placeholder
	for _, value := range []string{"correct-horse-battery", `p&ss "w'ord" <é\/> 100%+`, "\xff\x00binary\x80value"} {
		var page strings.Builder
		require.NoError(t, template.Must(template.New("").Parse(`<p title="{{.}}">{{.}}</p>`)).Execute(&page, value))
		object, err := json.Marshal(map[string]string{"key": value})
		require.NoError(t, err)
		nested, err := json.Marshal(string(object))
		require.NoError(t, err)
		r := redactor(t, value)
		for name, c := range map[string][2]string{
			"raw":          {"a " + value + " b", "a " + m + " b"},
			"json":         {string(object), `{"key":"` + m + `"}`},
			"nested json":  {string(nested), `"{\"key\":\"` + m + `\"}"`},
			"query":        {"?k=" + url.QueryEscape(value) + "&x=1", "?k=" + m + "&x=1"},
			"path":         {"/k/" + url.PathEscape(value) + "/x", "/k/" + m + "/x"},
			"user info":    {(&url.URL{Scheme: "https", User: url.UserPassword("u", value), Host: "h"}).String(), "https://u:" + m + "@h"},
			"lower case":   {strings.ToLower("?K=") + lowerEscapes(url.QueryEscape(value)) + ".", "?k=" + m + "."},
			"html":         {"<b>" + html.EscapeString(value) + "</b>", "<b>" + m + "</b>"},
			"template":     {page.String(), `<p title="` + m + `">` + m + `</p>`},
			"single quote": {"PASS='" + strings.ReplaceAll(value, "'", `'\''`) + "' x", "PASS='" + m + "' x"},
			"base64":       {"k: " + base64.StdEncoding.EncodeToString([]byte(value)) + "\n", "k: " + m + "\n"},
			"raw url64":    {"k: " + base64.RawURLEncoding.EncodeToString([]byte(value)) + "\n", "k: " + m + "\n"},
			"hex":          {"x'" + hex.EncodeToString([]byte(value)) + "'", "x'" + m + "'"},
			"upper hex":    {fmt.Sprintf("0x%X,", value), "0x" + m + ","},
		} {
			require.Equal(t, c[1], r.String(c[0]), "%s of %q", name, value)
			require.Equal(t, c[1], stream(t, r, c[0], func(left int) int { return min(left, 3) }), "%s of %q", name, value)
		}
	}
}

// lowerEscapes writes %xx in lower case.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i < len(b); i++ {
		if b[i] == '%' {
			copy(b[i:], strings.ToLower(s[i:i+3]))
			i += 2
		}
	}
	return string(b)
}

// TestRedactorFindsBase64OfATextAround, at every alignment: what is left of a
// user:password pair does not decode to any byte of the password.
func TestRedactorFindsBase64OfATextAround(t *testing.T) {
	const value = "Zk7q-Vb2x"
	r := redactor(t, value)
	for before := range 7 {
		for after := range 7 {
			text := strings.Repeat("u", before) + value + strings.Repeat(".", after)
			for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
				whole := e.EncodeToString([]byte(text))
				left, right, found := strings.Cut(r.String("Basic "+whole), secrets.Placeholder)
				require.True(t, found, "%d before, %d after", before, after)
				require.LessOrEqual(t, len(left), len("Basic ")+(8*before+5)/6)
				require.LessOrEqual(t, len(right), len(whole)-8*(before+len(value))/6)
			}
		}
	}
}

func TestRedactorRefusesWhatIsTooMuch(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	huge := make([]byte, 600<<10)
	for i := range huge {
		huge[i] = "abcdefghijklmnop"[rnd.IntN(16)]
	}
	for size, why := range map[int]string{500 << 10: "at most 131072 of 4194304 bytes", 600 << 10: "has 614400 bytes"} {
		r := redactor(t)
		err := r.Add(secrets.New("first-value"), secrets.New(string(huge[:size])), secrets.New("last-value"))
		require.ErrorContains(t, err, "value 2 of 3")
		require.ErrorContains(t, err, why)
		require.NotContains(t, err.Error(), string(huge[:8]))
		require.Equal(t, "[redacted] [redacted]", r.String("first-value last-value"))
		require.Equal(t, string(huge[:100]), r.String(string(huge[:100])))
	}
}

// TestAddTheSameAgain costs nothing of what a Redactor may hold.
func TestAddTheSameAgain(t *testing.T) {
	r := redactor(t)
	value := secrets.New(strings.Repeat("0123456789abcdef", 3000)) // 400 kB in all forms
	for range 20 {
		require.NoError(t, r.Add(value))
	}
}
