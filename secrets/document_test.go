package secrets_test

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

func keys(t testing.TB, paths ...string) *secrets.Keys {
	k, err := secrets.NewKeys(paths...)
	require.NoError(t, err)
	return k
}

func TestJSON(t *testing.T) {
	k := keys(t, "**.password", "req.headers.authorization", "users[*].token", "items[0].card", "*.one", "h.*")
	r := redactor(t, "hunter22", `quo"ted\value`, "4242424242424242")
	for _, c := range []struct{ name, doc, want string }{
		{"nothing", ` { "a" : [1, -2.50e+7 ,true,null,"x\u00e9\/"] }` + "\n", ""},
		{"a word", `"x"`, ""},
		{"top and deep", `{"password":"a","b":[{"PASSWORD":1}]}`, `{"password":"[redacted]","b":[{"PASSWORD":"[redacted]"}]}`},
		{"spaces stay", "{ \"Pass_Word\" :\t{\"a\":[1]} , \"z\": 1.0 }", "{ \"Pass_Word\" :\t\"[redacted]\" , \"z\": 1.0 }"},
		{"twice", `{"password":"a","password":"b","x":1}`, `{"password":"[redacted]","password":"[redacted]","x":1}`},
		{"null too", `{"password":null}`, `{"password":"[redacted]"}`},
		{"escaped key", `{"pass\u0077ord":"a"}`, `{"pass\u0077ord":"[redacted]"}`},
		{
			"path", `{"req":{"headers":{"Authorization":"a","x":1}},"headers":{"authorization":"b"}}`,
			`{"req":{"headers":{"Authorization":"[redacted]","x":1}},"headers":{"authorization":"b"}}`,
		},
		{
			"array", `{"users":[{"token":"a"},{"token":"b"}],"items":[{"card":1},{"card":2}],"token":"c"}`,
			`{"users":[{"token":"[redacted]"},{"token":"[redacted]"}],"items":[{"card":"[redacted]"},{"card":2}],"token":"c"}`,
		},
		{"one level", `{"one":1,"a":{"one":2,"b":{"one":3}}}`, `{"one":1,"a":{"one":"[redacted]","b":{"one":3}}}`},
		{"all below", `{"h":{"x":1,"y":[2]},"i":3}`, `{"h":{"x":"[redacted]","y":"[redacted]"},"i":3}`},
		{"value", `{"a":"x hunter22 y","b":["hunter22"]}`, `{"a":"x [redacted] y","b":["[redacted]"]}`},
		{"value in a key", `{"hunter22":1}`, `{"[redacted]":1}`},
		{"escaped value", `{"a":"<quo\"ted\\value>","b":"\u0068unter22\n"}`, `{"a":"<[redacted]>","b":"[redacted]\n"}`},
		{"number", `{"a":4242424242424242,"b":4242}`, `{"a":"[redacted]","b":4242}`},
		{"alone", `"hunter22"`, `"[redacted]"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.want == "" {
				c.want = c.doc
			}
			in := []byte(c.doc)
			out, err := k.JSON(in, r)
			require.NoError(t, err)
			require.Equal(t, c.want, string(out))
			require.Equal(t, c.doc, string(in), "the argument changed")
		})
	}
}

func TestJSONThatIsNone(t *testing.T) {
	k, r := keys(t, "**.password"), redactor(t, "hunter22")
	for doc, want := range map[string]string{
		``:                                      `[redacted]`,
		`  `:                                    `  [redacted]`,
		`{`:                                     `{[redacted]`,
		`{"password":"abc`:                      `{"password":[redacted]`,
		`{"password":{"a":"secret","b":tru`:     `{"password":[redacted]`,
		`{"password":"abc"} x`:                  `{"password":"[redacted]"} [redacted]`,
		`{"a":"hunter22","b":"hunter2`:          `{"a":"[redacted]","b":[redacted]`,
		`{"a":"x" "password":"abc"}`:            `{"a":"x" [redacted]`,
		`{'password':'abc'}`:                    `{[redacted]`,
		`{"a":1,}`:                              `{"a":1,[redacted]`,
		`[1,]`:                                  `[1,[redacted]`,
		`[01]`:                                  `[[redacted]`,
		`4242-4242`:                             `[redacted]`,
		`{"a":"\x","password":"abc"}`:           `{"a":[redacted]`,
		"{\"a\":\"line\nline\"}":                `{"a":[redacted]`,
		`{"a":NaN,"password":"abc"}`:            `{"a":[redacted]`,
		strings.Repeat("[", 10001):              strings.Repeat("[", 10000) + "[redacted]",
		strings.Repeat(`{"a":`, 100) + `secret`: strings.Repeat(`{"a":`, 100) + `[redacted]`,
	} {
		out, err := k.JSON([]byte(doc), r)
		require.Error(t, err, "%.40s", doc)
		require.NotContains(t, err.Error(), "secret}")
		require.Equal(t, want, string(out), "%.40s", doc)
	}
	_, err := k.JSON([]byte(`{"a":nope}`), r)
	require.EqualError(t, err, "secrets: no JSON from byte 6 of 10 on; it is masked from there")
}

func TestJSONWithNothingToHide(t *testing.T) {
	doc := []byte(`{"level":30,"msg":"request completed","req":{"id":7}}`)
	var none *secrets.Keys
	for _, k := range []*secrets.Keys{none, {}, keys(t, secrets.DefaultKeys()...)} {
		out, err := k.JSON(doc, nil)
		require.NoError(t, err)
		require.Same(t, &doc[0], &out[0], "the document itself")
	}
}

// FuzzJSON compares what both decoders make of a document before and after.
func FuzzJSON(f *testing.F) {
	for _, doc := range []string{
		`{"password":"a","b":[{"token":1,"x":[1.50,"\u0041\ud83d\ude00\ud800"]}]}`, `[]`, `{"a":{"a":{"a":"b"}}}`, `"hunter22"`,
		`{"a":"\"hunter22\"","hunter22":hunter22}`, "\xff", `{"pass\u0077ord":null,"a":1e400}`, "[\"\xff\"]", `{"a":1}{"b":2}`, `4242-4242`,
	} {
		f.Add(doc)
	}
	k := keys(f, "**.password", "a.*.token", "b[*].token", "x[1]", "**.*key")
	r := redactor(f, "hunter22", "73501234")
	f.Fuzz(func(t *testing.T, doc string) {
		out, err := k.JSON([]byte(doc), r)
		require.Equal(t, json.Valid([]byte(doc)), err == nil, "%q: %v", doc, err)
		if err != nil {
			require.True(t, strings.HasSuffix(string(out), secrets.Placeholder))
			return
		}
		want := maskedTokens(t, []byte(doc), r)
		got := decode(t, out)
		require.True(t, reflect.DeepEqual(want, got), "%q: %q, want %v", doc, out, want)
		again, err := k.JSON(out, r)
		require.NoError(t, err)
		require.Equal(t, string(out), string(again), "masking twice")
	})
}

// decode returns a document as a list of tokens, which keeps duplicate keys.
func decode(t testing.TB, doc []byte) []any {
	var all []any
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		all = append(all, token)
	}
}

// maskedTokens masks the tokens of a document in the plainest way.
func maskedTokens(t testing.TB, doc []byte, r *secrets.Redactor) []any {
	m := &tokens{t: t, all: decode(t, doc), r: r}
	m.value(nil)
	return m.out
}

type tokens struct {
	t   testing.TB
	all []any
	out []any
	r   *secrets.Redactor
}

func (m *tokens) next() any {
	first := m.all[0]
	m.all = m.all[1:]
	return first
}

func (m *tokens) value(path []string) {
	if modelHit(path) {
		kept := m.out
		m.inside(path)
		m.out = append(kept[:len(kept):len(kept)], secrets.Placeholder)
		return
	}
	m.inside(path)
}

func (m *tokens) inside(path []string) {
	switch x := m.next().(type) {
	case json.Delim:
		m.out = append(m.out, x)
		for i := 0; m.all[0] != json.Delim('}') && m.all[0] != json.Delim(']'); i++ {
			name := "[" + string(rune('0'+min(i, 9))) + "]"
			if x == '{' {
				name = m.next().(string)
				m.out = append(m.out, m.r.String(name))
			}
			m.value(append(path[:len(path):len(path)], name))
		}
		m.out = append(m.out, m.next())
	case string:
		m.out = append(m.out, m.r.String(x))
	case json.Number:
		if s := m.r.String(x.String()); s != x.String() {
			m.out = append(m.out, s)
			return
		}
		m.out = append(m.out, x)
	default:
		m.out = append(m.out, x)
	}
}

// modelHit says the paths of FuzzJSON again. A key that looks like an index
// is the caller's concern.
func modelHit(path []string) bool {
	if len(path) == 0 {
		return false
	}
	fold := func(s string) string {
		return strings.Map(func(c rune) rune {
			switch {
			case 'A' <= c && c <= 'Z':
				return c + 32
			case c == '_' || c == '-':
				return -1
			}
			return c
		}, s)
	}
	n := len(path)
	last := fold(path[n-1])
	index := func(s string) bool { return len(s) == 3 && s[0] == '[' && s[2] == ']' }
	return last == "password" ||
		n == 3 && fold(path[0]) == "a" && last == "token" ||
		n == 3 && fold(path[0]) == "b" && index(path[1]) && last == "token" ||
		n == 2 && fold(path[0]) == "x" && path[1] == "[1]" ||
		strings.HasSuffix(last, "key")
}
