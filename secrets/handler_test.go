package secrets_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

const leaked = "S3CR3T-leaked-value"

// around is a handler that hides what is inside.
type around struct{ slog.Handler }

func (a around) WithAttrs(attrs []slog.Attr) slog.Handler { return around{a.Handler.WithAttrs(attrs)} }

func (a around) WithGroup(name string) slog.Handler { return around{a.Handler.WithGroup(name)} }

// inner are the handlers that print.
var inner = map[string]func(io.Writer) slog.Handler{
	"json":        func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, untimed) },
	"json around": func(w io.Writer) slog.Handler { return around{slog.NewJSONHandler(w, untimed)} },
	"text":        func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, untimed) },
}

var untimed = &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}}

func handler(t testing.TB, next slog.Handler, opts *secrets.HandlerOptions) slog.Handler {
	h, err := secrets.NewHandler(next, opts)
	require.NoError(t, err)
	return h
}

func TestHandlerPassesSlogtest(t *testing.T) {
	for _, name := range []string{"json", "json around"} {
		for _, opts := range []*secrets.HandlerOptions{nil, {Keys: &secrets.Keys{}}, {Redactor: redactor(t, leaked)}} {
			var b bytes.Buffer
			next := slog.Handler(slog.NewJSONHandler(&b, nil))
			if name != "json" {
				next = around{next}
			}
			require.NoError(t, slogtest.TestHandler(handler(t, next, opts), func() (all []map[string]any) {
				for d := json.NewDecoder(&b); d.More(); {
					var m map[string]any
					require.NoError(t, d.Decode(&m))
					all = append(all, m)
				}
				return all
			}), name)
		}
	}
}

func TestHandlerRefusesNil(t *testing.T) {
	h, err := secrets.NewHandler(nil, nil)
	require.Nil(t, h)
	require.ErrorContains(t, err, "slog.NewJSONHandler")
}

type (
	inside struct {
		Tok string `json:"token"`
		ID  int    `json:"id,omitempty"`
	}
	embedded struct{ Password string }
	account  struct {
		embedded
		inside
		Name    string            `json:"name"`
		AuthKey string            `json:"api_key,omitzero"`
		Codes   []string          `json:"codes"`
		Next    *account          `json:"next,omitempty"`
		Any     any               `json:"any"`
		Labels  map[string]string `json:"labels"`
		Count   int64             `json:"count,string"`
		At      time.Time         `json:"at"`
		Typed   secrets.Value     `json:"client_secret"`
	}
	name     string
	celsius  int
	shouting struct{ text string }
	encoded  struct{ text string }
	resolved struct{ attr any }
)

func (c celsius) String() string  { return fmt.Sprintf("%d C", int(c)) }
func (s shouting) String() string { return "shouting " + s.text + "!" }
func (e encoded) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"text": e.text})
}
func (r resolved) LogValue() slog.Value { return slog.AnyValue(r.attr) }

// holders returns values of many types that hold s in places that a key of
// the default keys names, or as text that only its value gives away.
func holders(s string) (byKey, byValue map[string]any) {
	whole := account{Name: "x<y>&", embedded: embedded{s}, inside: inside{Tok: s}, AuthKey: s, Count: 7}
	deep := whole
	deep.Next = &whole
	byKey = map[string]any{
		"struct":       whole,
		"pointer":      &deep,
		"map":          map[string]any{"password": s, "a": 1, "b": []any{map[string]any{"Auth-Token": s}}},
		"strings":      map[string]string{"refreshToken": s, "z": "z"},
		"header":       http.Header{"Authorization": {s}, "Accept": {"*/*"}},
		"slice":        []embedded{{s}, {s}},
		"any":          []any{1, embedded{s}, nil, "x"},
		"array":        [2]inside{{Tok: s, ID: 1}, {Tok: s}},
		"map of ints":  map[int]map[name]string{2: {"cvv": s}, 10: {"q": "q"}},
		"list of maps": map[string]any{"raw": []map[string]string{{"otp": s}}},
	}
	byValue = map[string]any{
		"struct":    account{Name: "is " + s, Codes: []string{"a", s}, Labels: map[string]string{"k": s}},
		"pointer":   &account{inside: inside{Tok: s}},
		"interface": account{Any: account{Any: []string{s}}},
		"map":       map[string]any{"a": s, s: 1, "x": map[string]string{s: "y"}},
		"named":     map[name]name{"a": name(s)},
		"name":      name(s),
		"slice":     []string{"a", s},
		"any":       []any{s, 1, []any{s}},
		"error":     errors.New("failed with " + s),
		"wrapped":   fmt.Errorf("outer: %w", errors.New("failed with "+s)),
		"joined":    errors.Join(errors.New("one"), errors.New(s)),
		"stringer":  shouting{s},
		"encoded":   encoded{s},
		"encoded in": map[string]any{
			"x": encoded{s},
		},
		"resolved":       resolved{s},
		"resolved twice": resolved{resolved{account{Name: s}}},
		"url":            map[string][]string{"q": {"a", s}},
		"two levels":     &map[string]*account{"a": {Name: s}},
	}
	return byKey, byValue
}

// printed logs x in an attribute, in a group and with With.
func printed(h slog.Handler, b *bytes.Buffer, x any) string {
	b.Reset()
	l := slog.New(h)
	l.Info("m", "k", x, "n", 1)
	l.Info("m", "a", 1, slog.Group("g", "b", 2, slog.Group("h", "x", x)))
	l.With("with", x).WithGroup("in").Info("m", "b", "c", "x", x)
	return b.String()
}

// What is masked is what the plain handler prints, but for the secret.
func TestHandlerPrintsAllElseAsBefore(t *testing.T) {
	byKey, byValue := holders(leaked)
	for form, next := range inner {
		check := func(kind string, values map[string]any, opts *secrets.HandlerOptions) {
			for name, x := range values {
				var b bytes.Buffer
				before := printed(next(&b), &b, x)
				want := strings.ReplaceAll(before, leaked, secrets.Placeholder)
				if form == "json" || form == "json around" {
					want = strings.ReplaceAll(want, `["[redacted]"],"Accept"`, `"[redacted]","Accept"`)
					want = strings.ReplaceAll(want, `"Authorization":["[redacted]"]`, `"Authorization":"[redacted]"`)
				} else {
					want = strings.ReplaceAll(want, `Authorization:[[redacted]]`, `Authorization:[redacted]`)
				}
				got := printed(handler(t, next(&b), opts), &b, x)
				require.Equal(t, want, got, "%s, %s, %s", form, kind, name)
				require.Equal(t, before, printed(next(&b), &b, x), "the value changed")
			}
		}
		check("by key", byKey, nil)
		check("by value", byValue, &secrets.HandlerOptions{Keys: &secrets.Keys{}, Redactor: redactor(t, leaked)})
	}
}

func TestHandlerMasksByPath(t *testing.T) {
	k := keys(t, "req.headers.authorization", "*.card", "users[*].token", "session", "list[1]")
	var b bytes.Buffer
	l := slog.New(handler(t, slog.NewJSONHandler(&b, untimed), &secrets.HandlerOptions{Keys: k}))
	log := func(log func()) string {
		b.Reset()
		log()
		return strings.TrimSuffix(strings.TrimPrefix(b.String(), `{"level":"INFO","msg":"m",`), "}\n")
	}
	header := map[string]any{"headers": map[string]string{"Authorization": "x"}}
	require.Equal(t, `"req":{"headers":{"Authorization":"[redacted]"}}`, log(func() { l.Info("m", "req", header) }))
	require.Equal(t, `"other":{"headers":{"Authorization":"x"}}`, log(func() { l.Info("m", "other", header) }))
	require.Equal(t, `"req":{"headers":{"authorization":"[redacted]","x":1}}`, log(func() {
		l.WithGroup("req").Info("m", slog.Group("headers", "authorization", "x", "x", 1))
	}))
	require.Equal(t, `"req":{"headers":{"a":1,"AUTHORIZATION":"[redacted]"}}`, log(func() {
		l.WithGroup("req").WithGroup("headers").With("a", 1, "AUTHORIZATION", "x").Info("m")
	}))
	require.Equal(t, `"pay":{"card":"[redacted]","in":{"card":1}},"card":1`, log(func() {
		l.Info("m", slog.Group("pay", "card", 1, slog.Group("in", "card", 1)), "card", 1)
	}))
	require.Equal(t, `"card":1,"a":{"card":"[redacted]"}`, log(func() {
		l.Info("m", slog.Group("", "card", 1, slog.Group("a", "card", 1)))
	}), "a group without a name is none")
	require.Equal(t, `"users":[{"token":"[redacted]"},{"id":1,"token":"[redacted]"}]`, log(func() {
		l.Info("m", "users", []map[string]any{{"token": 1}, {"token": 2, "id": 1}})
	}))
	require.Equal(t, `"list":["a","[redacted]","c"],"x":["a","b"]`, log(func() {
		l.Info("m", "list", []string{"a", "b", "c"}, "x", []string{"a", "b"})
	}))
	require.Equal(t, `"session":"[redacted]"`, log(func() { l.Info("m", slog.Group("session", "a", 1)) }))
	require.Equal(t, `"session":{"a":"[redacted]","b":"[redacted]","in":"[redacted]"}`, log(func() {
		l.WithGroup("session").With("a", 1).Info("m", "b", 2, slog.Group("none"), slog.Attr{}, "in", resolved{slog.GroupValue()})
	}), "what a hidden group holds")
}

func TestHandlerMasksMessages(t *testing.T) {
	var b bytes.Buffer
	slog.New(handler(t, slog.NewJSONHandler(&b, untimed), &secrets.HandlerOptions{Redactor: redactor(t, leaked)})).Info("got "+leaked, "a", 1)
	require.Equal(t, `{"level":"INFO","msg":"got [redacted]","a":1}`+"\n", b.String())
}

// A typed secret, and what is clean, arrive as they were logged.
func TestHandlerPassesOnWhatIsClean(t *testing.T) {
	var got []any
	h := handler(t, recordFunc(func(r slog.Record) {
		r.Attrs(func(a slog.Attr) bool { got = append(got, a.Value.Any()); return true })
	}), &secrets.HandlerOptions{Redactor: redactor(t, leaked)})
	clean := &struct {
		Name   string
		At     time.Time
		In     []any
		Header http.Header
	}{"n", time.Now(), []any{1, "x"}, http.Header{"Accept": {"*/*"}}}
	err := errors.New("failed")
	for _, x := range []any{clean, err, map[string]any{"a": []any{1, "b", nil, true, 2.5}}, celsius(3), time.Now(), secrets.New(leaked)} {
		got = nil
		slog.New(h).Info("m", "x", x, "password", "hidden")
		require.Equal(t, fmt.Sprintf("%T", x), fmt.Sprintf("%T", got[0]))
		require.Equal(t, "[redacted]", got[1])
	}
}

type recordFunc func(slog.Record)

func (recordFunc) Enabled(context.Context, slog.Level) bool        { return true }
func (f recordFunc) Handle(_ context.Context, r slog.Record) error { f(r); return nil }
func (f recordFunc) WithAttrs([]slog.Attr) slog.Handler            { return f }
func (f recordFunc) WithGroup(string) slog.Handler                 { return f }

func TestHandlerConcurrently(t *testing.T) {
	byKey, byValue := holders(leaked)
	h := handler(t, slog.NewJSONHandler(io.Discard, nil), &secrets.HandlerOptions{Redactor: redactor(t, leaked)})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				for _, values := range []map[string]any{byKey, byValue} {
					for _, x := range values {
						slog.New(h).With("w", x).WithGroup("g").Info("m", "x", x)
					}
				}
			}
		})
	}
	wg.Wait()
}
