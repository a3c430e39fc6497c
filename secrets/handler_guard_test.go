package secrets_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

type (
	bomb      struct{ text string }
	failing   struct{ text string }
	verbose   struct{ text string }
	textual   struct{ text string }
	encodable struct{ Text string }
	node      struct {
		Name        string `json:"name"`
		Left, Right *node
		List        []any
	}
)

func (b bomb) LogValue() slog.Value              { panic("with " + b.text) }
func (f *failing) Error() string                 { panic("with " + f.text) }
func (v verbose) Error() string                  { return "short" }
func (v verbose) Format(f fmt.State, _ rune)     { fmt.Fprint(f, "long with ", v.text) }
func (v textual) MarshalText() ([]byte, error)   { return []byte("text " + v.text), nil }
func (e encodable) MarshalJSON() ([]byte, error) { return nil, errors.New("refused " + e.Text) }

// logged returns what each handler prints of x, plain and masked.
func logged(t testing.TB, form string, opts *secrets.HandlerOptions, x any) (plain, masked string) {
	var b, m bytes.Buffer
	slog.New(inner[form](&b)).Info("m", "x", x, "password", "p")
	slog.New(handler(t, inner[form](&m), opts)).Info("m", "x", x, "password", "p")
	return b.String(), m.String()
}

// Panics, errors and methods leave nothing, and the record is printed as the
// plain handler does.
func TestHandlerAndMethodsOfValues(t *testing.T) {
	opts := &secrets.HandlerOptions{Redactor: redactor(t, leaked)}
	var none *failing
	for name, x := range map[string]any{
		"panic of an error":   &failing{leaked},
		"nil error":           none,
		"panic in any":        map[string]any{"e": encoded{leaked}, "p": &failing{leaked}},
		"long error":          verbose{leaked},
		"text":                textual{leaked},
		"text in any":         []any{textual{leaked}},
		"refused":             encodable{leaked},
		"refused in any":      []any{encodable{leaked}},
		"of no JSON":          map[string]any{"f": func() {}, "s": leaked},
		"bytes":               []byte("is " + leaked),
		"log value in a list": []slog.Value{slog.StringValue(leaked)},
	} {
		for form := range inner {
			plain, masked := logged(t, form, opts, x)
			require.NotContains(t, masked, leaked, "%s, %s", form, name)
			if name == "bytes" || name == "of no JSON" {
				continue // base64, and an address
			}
			want := strings.ReplaceAll(strings.ReplaceAll(plain, leaked, "[redacted]"), `"password":"p"`, `"password":"[redacted]"`)
			require.Equal(t, strings.ReplaceAll(want, "password=p", "password=[redacted]"), masked, "%s, %s", form, name)
		}
	}
	_, masked := logged(t, "json", opts, bomb{leaked})
	require.Contains(t, masked, "LogValue panicked")
	require.NotContains(t, masked, leaked)
}

func loggedText(t testing.TB, opts *secrets.HandlerOptions, x any) string {
	var b bytes.Buffer
	slog.New(handler(t, inner["text"](&b), opts)).Info("m", "x", x)
	return b.String()
}

func TestHandlerAndCycles(t *testing.T) {
	opts := &secrets.HandlerOptions{Redactor: redactor(t, leaked)}
	ring := &node{Name: "is " + leaked}
	ring.Left, ring.Right = ring, ring
	list := []any{leaked, nil, nil}
	list[1], list[2] = list, list
	clean := &node{Name: "a"}
	clean.Left, clean.Right = clean, &node{Name: "b", Left: clean, Right: clean}
	table := map[string]any{}
	table["self"], table["list"] = table, []any{table, table}
	for name, x := range map[string]any{"ring": ring, "clean ring": clean, "list": list, "map": table} {
		for _, form := range []string{"json", "json around"} {
			plain, masked := logged(t, form, opts, x)
			require.Equal(t, strings.Replace(plain, `"password":"p"`, `"password":"[redacted]"`, 1), masked, "%s, %s", form, name)
			require.Contains(t, masked, "!ERROR:json: unsupported value: encountered a cycle", name)
		}
	}
	masked := loggedText(t, opts, ring)
	require.Contains(t, masked, "Name:is [redacted] Left:0x")
	masked = loggedText(t, opts, list)
	require.Contains(t, masked, `x="[[redacted] [[redacted]`, "package fmt would never end here")
	require.NotContains(t, masked, leaked)
}

// Text shows the names of Go fields, JSON only those of its own.
func TestHandlerJudgesTheNamesThatArePrinted(t *testing.T) {
	x := struct {
		Password string `json:"p"`
		Letters  string `json:"token"`
	}{"one", "two"}
	_, masked := logged(t, "json", nil, x)
	require.Contains(t, masked, `"x":{"p":"one","token":"[redacted]"}`)
	_, masked = logged(t, "text", nil, x)
	require.Contains(t, masked, `x="{Password:[redacted] Letters:[redacted]}"`)
}

// A look reads no more than the handler that prints: what is not printed may
// be in use by others, so the race detector has to be content here.
func TestHandlerLeavesAloneWhatIsNotPrinted(t *testing.T) {
	type server struct {
		Name   string            `json:"name"`
		Hidden map[string]string `json:"-"`
		state  map[string]string
		peer   *server
	}
	s := &server{Name: "n", Hidden: map[string]string{}, state: map[string]string{"a": leaked}}
	s.peer = s
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				s.state[fmt.Sprint(i%100)], s.Hidden[fmt.Sprint(i%100)] = leaked, leaked
			}
		}
	}()
	l := slog.New(handler(t, slog.NewJSONHandler(io.Discard, nil), &secrets.HandlerOptions{Redactor: redactor(t, leaked)}))
	for range 200 {
		l.Info("m", "server", s)
	}
	// Package fmt prints no more of what a pointer in a value leads to.
	l = slog.New(handler(t, slog.NewTextHandler(io.Discard, nil), &secrets.HandlerOptions{Redactor: redactor(t, leaked)}))
	for range 200 {
		l.Info("m", "list", []*server{s})
	}
	close(stop)
	<-done
}

func TestHandlerTakesNoMemoryForCleanRecords(t *testing.T) {
	type address struct{ Street, City string }
	type user struct {
		ID      int64
		Name    string `json:"name,omitempty"`
		Home    *address
		Tags    []string
		Any     any
		Header  http.Header
		Secret  secrets.Value
		Created time.Time
		Next    *user
	}
	u := &user{1, "a name that is long enough", &address{"a street", "a city"}, []string{"x", "y"}, 1.5, http.Header{"Accept": {"text/plain"}}, secrets.New(leaked), time.Now(), nil}
	rec := slog.NewRecord(time.Now(), slog.LevelInfo, "a message that is long enough", 0)
	rec.AddAttrs(slog.String("s", "a text that is long enough to look at"), slog.Int("n", 1), slog.Any("user", u), slog.Any("value", *u), slog.Any("token", secrets.New(leaked)),
		slog.Any("map", map[string]any{"a": "b", "c": []any{1, "a text that is long enough"}}), slog.Any("err", errors.New("an error that is long enough")),
		slog.Group("g", slog.String("a", "b"), slog.Group("h", slog.Any("header", http.Header{"Accept": {"text/plain"}}))))
	for name, opts := range map[string]*secrets.HandlerOptions{
		"keys": nil, "values": {Redactor: redactor(t, leaked)}, "paths": {Keys: keys(t, "a.b.card", "**.x.pin", "users[*].token"), Redactor: redactor(t, leaked)},
	} {
		plain, masked := slog.Handler(slog.NewJSONHandler(io.Discard, nil)), handler(t, slog.NewJSONHandler(io.Discard, nil), opts)
		count := func(h slog.Handler) float64 {
			return testing.AllocsPerRun(200, func() { _ = h.Handle(context.Background(), rec) })
		}
		require.InDelta(t, count(plain), count(masked), poolNoise, name)
	}
}

// The handler and the finished line together: what only the line shows, such
// as a name or a number, is gone too.
func TestHandlerWithTheFinishedLine(t *testing.T) {
	r := redactor(t, leaked, "73501234")
	for form, next := range inner {
		var b bytes.Buffer
		l := slog.New(handler(t, next(r.Writer(&b)), &secrets.HandlerOptions{Redactor: r}))
		byKey, byValue := holders(leaked)
		for _, values := range []map[string]any{byKey, byValue} {
			for _, x := range values {
				l.Info("about "+leaked, "x", x, leaked, 1, "number", 73501234, "bytes", []byte("x"+leaked), slog.Group(leaked, "a", "b"))
			}
		}
		require.NotContains(t, b.String(), leaked, form)
		require.NotContains(t, b.String(), "73501234", form)
		require.NotContains(t, b.String(), "UzNDUjNUL", form)
		require.Equal(t, len(byKey)+len(byValue), strings.Count(b.String(), "\n"), "each line is out at once")
	}
}
