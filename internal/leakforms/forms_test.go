package leakforms_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"html/template"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/leakforms"
)

func texts(value string) []string {
	var all []string
	for _, f := range leakforms.Of(value) {
		all = append(all, f.Text)
	}
	return all
}

// awkward is what encoders treat in different ways.
const awkward = "pä\u2028ss'wo\"rd\\</&+ =#@:~!*()\x01\n\tz😀"

// TestWhatOtherProgramsPrint compares with what Node 22, Python 3 and bash 5.2
// printed for awkward and for some texts more.
func TestWhatOtherProgramsPrint(t *testing.T) {
	for name, want := range map[string]string{
		"JSON.stringify":     "pä\u2028ss'wo\\\"rd\\\\</&+ =#@:~!*()\\u0001\\n\\tz😀",
		"encodeURIComponent": "p%C3%A4%E2%80%A8ss'wo%22rd%5C%3C%2F%26%2B%20%3D%23%40%3A~!*()%01%0A%09z%F0%9F%98%80",
		"encodeURI":          "p%C3%A4%E2%80%A8ss'wo%22rd%5C%3C/&+%20=#@:~!*()%01%0A%09z%F0%9F%98%80",
		"URLSearchParams":    "p%C3%A4%E2%80%A8ss%27wo%22rd%5C%3C%2F%26%2B+%3D%23%40%3A%7E%21*%28%29%01%0A%09z%F0%9F%98%80",
		"json.dumps":         `p\u00e4\u2028ss'wo\"rd\\</&+ =#@:~!*()\u0001\n\tz\ud83d\ude00`,
		"quote":              "p%C3%A4%E2%80%A8ss%27wo%22rd%5C%3C/%26%2B%20%3D%23%40%3A~%21%2A%28%29%01%0A%09z%F0%9F%98%80",
		"quote_plus":         "p%C3%A4%E2%80%A8ss%27wo%22rd%5C%3C%2F%26%2B+%3D%23%40%3A~%21%2A%28%29%01%0A%09z%F0%9F%98%80",
		"html.escape":        "pä\u2028ss&#x27;wo&quot;rd\\&lt;/&amp;+ =#@:~!*()\x01\n\tz😀",
		"shlex.quote":        "pä\u2028ss'\"'\"'wo\"rd\\</&+ =#@:~!*()\x01\n\tz😀",
		"in single quotes":   `pä` + "\u2028" + `ss'\''wo"rd\</&+ =#@:~!*()` + "\x01\n\tz😀",
		"PHP's slashes":      "pä\u2028ss'wo\\\"rd\\\\<\\/&+ =#@:~!*()\\u0001\\n\\tz😀",
		"util.inspect":       "pä\u2028ss'wo\"rd\\\\</&+ =#@:~!*()\\x01\\n\\tz😀",
		"upper case units":   `p\u00E4\u2028ss'wo\"rd\\</&+ =#@:~!*()\u0001\n\tz\uD83D\uDE00`,
	} {
		require.Contains(t, texts(awkward), want, name)
	}
	for value, want := range map[string]string{
		"pä s'wo\"rd\\</&+ =#@:~!*()$`{}[]^|;,?z": `pä\ s\'wo\"rd\\\</\&+\ =#@:\~\!\*\(\)\$\` + "`" + `\{\}\[\]\^\|\;\,\?z`,
		"a\tb\n'\\\x01\x7f\\ü$\"z":                `a\tb\n\'\\\001\177\\ü$"z`,
		"~#x%=z":                                  `\~#x%=z`,
		"a:~b=~c":                                 `a:\~b=\~c`,
		"pass-ü":                                  `pass-\303\274`,
		"pa$s`w\"o\\rd":                           "pa\\$s\\`w\\\"o\\\\rd",
		"x\\y\"z":                                 `x\\y"z`,
		"p'a\"s\\s`w":                             "p\\'a\"s\\\\s`w",
		"a\x01b\nc\x1bdé long":                    `a\x01b\nc\x1Bdé long`,
	} {
		require.Contains(t, texts(value), want, "printf %%q, double quotes; util.inspect")
	}
}

// FuzzOf compares with the encoders of the standard library.
func FuzzOf(f *testing.F) {
	for _, s := range []string{awkward, "plain-secret", "\xff\x00\x80four", "ÄÖÜ+/==", "a\u2029<b>&'\"\x7f", "a\bb\fc\vd\x1be"} {
		f.Add(s, "ab", "c")
	}
	f.Fuzz(func(t *testing.T, s, before, after string) {
		if strings.TrimSpace(s) != s || !leakforms.Fit(s) {
			return
		}
		all := leakforms.Of(s)
		require.Equal(t, leakforms.Form{Name: "raw", Text: s}, all[0])
		got := texts(s)
		for name, want := range standard(t, s) {
			require.Contains(t, got, want, name)
		}
		requireFoundInBase64(t, got, s, before, after)
	})
}

func standard(t *testing.T, s string) map[string]string {
	var text, attr bytes.Buffer
	require.NoError(t, template.Must(template.New("").Parse("{{.}}")).Execute(&text, s))
	require.NoError(t, template.Must(template.New("").Parse(`<a title="{{.}}">`)).Execute(&attr, s))
	var x bytes.Buffer
	require.NoError(t, xml.EscapeText(&x, []byte(s)))
	want := map[string]string{
		"query":     url.QueryEscape(s),
		"path":      url.PathEscape(s),
		"user info": strings.TrimPrefix(url.UserPassword("u", s).String(), "u:"),
		"html":      html.EscapeString(s),
		"template":  text.String(),
		"attribute": strings.TrimSuffix(strings.TrimPrefix(attr.String(), `<a title="`), `">`),
		"lower hex": hex.EncodeToString([]byte(s)),
		"upper hex": fmt.Sprintf("%X", s),
	}
	if !strings.Contains(x.String(), "\uFFFD") { // what XML cannot hold
		want["xml"] = x.String()
	}
	want["quoted"], want["quoted, ASCII"] = inQuotes(strconv.Quote(s)), inQuotes(strconv.QuoteToASCII(s))
	want["slog.JSONHandler"] = logged(t, s)
	want["json"] = inQuotes(marshal(t, s))
	want["json within json"] = inQuotes(marshal(t, want["json"]))
	return want
}

func marshal(t *testing.T, s string) string {
	b, err := json.Marshal(s)
	require.NoError(t, err)
	return string(b)
}

// logged is s as log/slog writes it into JSON.
func logged(t *testing.T, s string) string {
	var b strings.Builder
	log := slog.NewJSONHandler(&b, nil)
	require.NoError(t, log.Handle(context.Background(), slog.NewRecord(time.Time{}, 0, s, 0)))
	_, text, ok := strings.Cut(strings.TrimSuffix(b.String(), "\"}\n"), `"msg":"`)
	require.True(t, ok)
	return text
}

func inQuotes(s string) string { return s[1 : len(s)-1] }

// requireFoundInBase64 encodes a text that holds s and looks for a form: all
// characters that depend on nothing else have to be in it.
func requireFoundInBase64(t *testing.T, forms []string, s, before, after string) {
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		whole := e.EncodeToString([]byte(before + s + after))
		first, last := (8*len(before)+5)/6, 8*(len(before)+len(s))/6
		if last-first < leakforms.MinLength {
			continue
		}
		require.Contains(t, forms, whole[first:last], "%q in %q", s, before+s+after)
		require.Contains(t, forms, e.EncodeToString([]byte(s)), "alone")
	}
}

func TestProperties(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		b := make([]byte, 1+rnd.IntN(40))
		const alphabet = "abcAB0+/%&'\"\\ \n\r\t[redacted]\x00\xff\xc3\xa4"
		for i := range b {
			b[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		forms := leakforms.Of(string(b))
		require.Equal(t, forms, leakforms.Of(string(b)), "the order is always the same")
		seen := map[string]bool{}
		for _, f := range forms {
			require.GreaterOrEqual(t, len(f.Text), leakforms.MinLength, "%q of %q", f.Text, b)
			require.NotContains(t, leakforms.Placeholder, f.Text, "%q", b)
			require.False(t, seen[f.Text], "%q twice for %q", f.Text, b)
			seen[f.Text] = true
			require.Contains(t, []string{"raw", "json", "url", "html", "shell", "quoted", "base64", "hex"}, f.Name)
		}
	}
}

func TestNoFormIsAPartOfThePlaceholder(t *testing.T) {
	value, err := base64.StdEncoding.DecodeString("redacted")
	require.NoError(t, err)
	got := texts(string(value))
	require.Contains(t, got, hex.EncodeToString(value))
	require.NotContains(t, got, "redacted")
}

func TestLines(t *testing.T) {
	const key = "-----BEGIN KEY-----\n  MIIB/x+y\r\n\nab=\n-----END KEY-----\n"
	got := texts(key)
	require.Equal(t, key, got[0])
	for _, line := range []string{"-----BEGIN KEY-----", "MIIB/x+y", "-----END KEY-----"} {
		for _, want := range texts(line) {
			require.Contains(t, got, want)
		}
	}
	require.NotContains(t, got, "ab=", "shorter than a form may be")
	require.Contains(t, got, strings.TrimSpace(key))
	require.Contains(t, got, hex.EncodeToString([]byte(key)))
}

func TestTooShort(t *testing.T) {
	for _, s := range []string{"", "abc", "  abc \n", "acte", "[redacted]", "a\nbc\nd"} {
		if s == "a\nbc\nd" {
			require.Equal(t, s, texts(s)[0], "together they are long enough")
			continue
		}
		require.Empty(t, leakforms.Of(s), "%q", s)
	}
}

func TestFewForTheUsualSecret(t *testing.T) {
	forms := leakforms.Of("hV7gq2LrXc8VbNm4KpHs7JdT")
	require.LessOrEqual(t, len(forms), 9, "what no encoder changes is one text: %v", forms)
	require.True(t, slices.ContainsFunc(forms, func(f leakforms.Form) bool { return f.Name == "hex" }))
}

func ExampleOf() {
	for _, f := range leakforms.Of("pass&word") {
		if f.Name == "html" || f.Name == "hex" {
			fmt.Println(f.Name, f.Text)
		}
	}
	// Output:
	// html pass&amp;word
	// hex 7061737326776f7264
	// hex 7061737326776F7264
}
