package leakscan_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
	"github.com/masaruk/devops/secrets/leakscan"
)

func TestEveryRule(t *testing.T) {
	s := newScanner(t, nil)
	tested := map[string]bool{leakscan.LoadedValue: true}
	for _, p := range plants() {
		tested[p.rule] = true
		require.Equal(t, []place{{p.rule, 2, len(p.before) + 1}}, places(text(t, s, "first line\n"+p.text()+"last line")), p.rule)

		off := newScanner(t, &leakscan.Options{Disable: []string{p.rule}})
		for _, f := range text(t, off, p.text()) {
			require.NotEqual(t, p.rule, f.Rule)
		}
	}
	for _, r := range leakscan.Rules() {
		require.True(t, tested[r.ID], "a test of %s", r.ID)
		require.NotEmpty(t, r.Name)
	}
}

// TestNothingOfTheSecretIsShown looks for pieces of secrets in all that can be
// made of findings.
func TestNothingOfTheSecretIsShown(t *testing.T) {
	s := newScanner(t, &leakscan.Options{Redactor: redactor(t, "hunter22-the-loaded-one")})
	var all strings.Builder
	all.WriteString("x = hunter22-the-loaded-one\n")
	var pieces []string
	for _, p := range append(plants(), planted{secret: "hunter22-the-loaded-one"}) {
		all.WriteString(p.text())
		for i := 0; i+8 <= len(p.secret); i++ {
			pieces = append(pieces, p.secret[i:i+8])
		}
	}
	findings := text(t, s, all.String())
	require.Greater(t, len(findings), len(plants()))
	asJSON, err := json.Marshal(findings)
	require.NoError(t, err)
	var shown strings.Builder
	fmt.Fprintf(&shown, "%v %+v %#v %q %s", findings, findings, findings, findings, asJSON)
	require.NoError(t, leakscan.NewBaseline(findings).Write(&shown))
	for _, p := range pieces {
		// Labels of PEM blocks are no secrets, and are in the names of rules.
		if strings.Trim(p, "-ABCDEFGHIJKLMNOPQRSTUVWXYZ ") != "" {
			require.NotContains(t, shown.String(), p)
		}
	}
}

func redactor(t testing.TB, values ...string) *secrets.Redactor {
	t.Helper()
	r := &secrets.Redactor{}
	for _, v := range values {
		require.NoError(t, r.Add(secrets.New(v)))
	}
	return r
}

func TestLoadedValues(t *testing.T) {
	r := redactor(t, "correct horse battery")
	s := newScanner(t, &leakscan.Options{Redactor: r})
	require.Equal(t, []place{{leakscan.LoadedValue, 1, 3}, {leakscan.LoadedValue, 2, 3}},
		places(text(t, s, "a correct horse battery\nb correct%20horse%20battery\n")))
	require.Equal(t, []place{{leakscan.LoadedValue, 1, 14}}, places(text(t, s, "Y29ycmVjdCBi Y29ycmVjdCBob3JzZSBiYXR0ZXJ5\n")), "base64")
	require.Empty(t, text(t, s, "added afterwards"))
	require.NoError(t, r.Add(secrets.New("added afterwards")))
	require.Len(t, text(t, s, "added afterwards"), 1)
}

// TestMostSpecificCounts has secrets that several rules find.
func TestMostSpecificCounts(t *testing.T) {
	key := "sk" + "_live_" + alnum[:24]
	line := "STRIPE_SECRET_KEY=" + key + "\n"
	require.Equal(t, []place{{"stripe-key", 1, 19}}, places(text(t, newScanner(t, nil), line)))
	require.Equal(t, []place{{"assigned-secret", 1, 19}}, places(text(t, newScanner(t, &leakscan.Options{Disable: []string{"stripe-key"}}), line)))
	require.Equal(t, []place{{leakscan.LoadedValue, 1, 19}}, places(text(t, newScanner(t, &leakscan.Options{Redactor: redactor(t, key)}), line)))

	// A line of a key that is loaded is shown besides the key that is not.
	loaded := newScanner(t, &leakscan.Options{Redactor: redactor(t, strings.Repeat(alnum, 2)[:64])})
	require.Equal(t, []place{{"private-key", 1, 1}, {leakscan.LoadedValue, 2, 1}}, places(text(t, loaded, pem()))[:2])
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []leakscan.Options{
		{Disable: []string{"stripe"}}, {Disable: []string{leakscan.LoadedValue}}, {Skip: []string{"[a"}},
	} {
		_, err := leakscan.New(&o)
		require.ErrorContains(t, err, "leakscan: Options.")
	}
}

func TestBinary(t *testing.T) {
	s := newScanner(t, &leakscan.Options{Redactor: redactor(t, "correct horse")})
	key := "sk" + "_live_" + alnum[:24]
	findings := text(t, s, "\x7fELF\x00\n\n"+key+"\x00PASSWORD="+alnum[:20]+"\ncorrect horse # leakscan:allow")
	require.Equal(t, []place{{"stripe-key", 0, 0}, {leakscan.LoadedValue, 0, 0}}, places(findings))
	require.EqualValues(t, 7, findings[0].Offset)
	require.Equal(t, "a.txt: byte 7: stripe-key: Stripe secret or restricted key", findings[0].String())

	allowed := "\x00" + key + " leakscan:allow\n"
	require.Len(t, text(t, s, allowed), 1, "a comment in a binary file")
	late := strings.Repeat("x", 8000) + "\n\x00" + key
	require.Equal(t, []place{{"stripe-key", 2, 2}}, places(text(t, s, late)))
}

func TestUTF16(t *testing.T) {
	s := newScanner(t, nil)
	line := "key " + "sk" + "_live_" + alnum[:24] + "\r\n"
	for _, little := range []bool{true, false} {
		units := append([]uint16{0xfeff}, utf16.Encode([]rune("é😀\r\n"))...)
		units = append(append(units, 0xd800), utf16.Encode([]rune(line))...) // half a pair, which is 3 bytes of UTF-8
		units = append(units, 0xd800, 'x', 0xdc00, 0xd800)                   // halves of pairs
		var b []byte
		for _, u := range units {
			if little {
				b = append(b, byte(u), byte(u>>8))
			} else {
				b = append(b, byte(u>>8), byte(u))
			}
		}
		require.Equal(t, []place{{"stripe-key", 2, 8}}, places(text(t, s, string(b))))
		require.Equal(t, []place{{"stripe-key", 2, 8}}, places(text(t, s, string(b[:len(b)-1]))))
	}
}

func TestStringOfStrangePaths(t *testing.T) {
	f := leakscan.Finding{Rule: "jwt", Name: "token", Path: "a\x1b[2J\n", Line: 1, Column: 2}
	require.Equal(t, `"a\x1b[2J\n":1:2: jwt: token`, f.String())
}
