package secrets_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

type (
	track    string
	reverse  string
	deep     struct{ Token string }
	harmless struct{ A int }
	card     struct {
		Number   string `json:"card_number"`
		CVC      string `json:"cvc,omitempty"`
		PIN      string `json:",omitzero"`
		Track1   track
		Holder   string        `json:"holder"`
		Tags     []string      `json:"tags,omitempty"`
		Since    time.Time     `json:"since"`
		Typed    secrets.Value `json:"client_secret"`
		Amount   *int          `json:"amount"`
		Ratio    float64
		Header   http.Header `json:"header"`
		Any      any         `json:"any"`
		Skipped  string      `json:"-"`
		internal string
	}
)

func (r *reverse) MarshalText() ([]byte, error) { return []byte("reverse of " + *r), nil }

// structs hold leaked for the names of fields only.
func structs() map[string]any {
	one := 1
	whole := card{"1", "2", "3", "4", "n", []string{"t"}, time.Unix(1e9, 0), secrets.New("s"), &one, 0.5, http.Header{"Accept": {"x"}}, 1, leaked, leaked}
	inHeader := whole
	inHeader.Header = http.Header{"Cookie": {"c"}}
	inAny := whole
	inAny.Any = deep{leaked}
	return map[string]any{
		"whole": whole, "pointer": &whole, "empty": card{}, "header": inHeader, "any": inAny,
		"string option": struct {
			Token string `json:",string"`
		}{leaked},
		"invalid name":    misnamed(),
		"marshaler":       &struct{ Token reverse }{leaked},
		"not addressable": struct{ Token reverse }{leaked},
		"number":          struct{ PIN, A int }{1234, 1},
		"list":            struct{ Tokens, Token []string }{[]string{"a"}, []string{leaked}},
		"embedded":        struct{ deep }{deep{leaked}},
		"embedded too": struct {
			deep
			Pwd string
		}{deep{leaked}, leaked},
		"pointer in": struct {
			In  *deep
			Pwd string
		}{&deep{leaked}, leaked},
		"pointer twice": func() any { p := &deep{leaked}; return &p }(),
		"embedded pointer": struct {
			*harmless
			Pwd string
		}{&harmless{1}, leaked},
		"no JSON": struct {
			Pwd string
			C   chan int
		}{leaked, nil},
		"list of structs": []deep{{leaked}},
	}
}

// misnamed returns a struct with a tag that package encoding/json ignores and
// linters refuse.
func misnamed() any {
	t := reflect.StructOf([]reflect.StructField{{Name: "Password", Type: reflect.TypeFor[string](), Tag: `json:"\"p"`}})
	v := reflect.New(t).Elem()
	v.Field(0).SetString(leaked)
	return v.Interface()
}

// A struct of the same type and a stand-in are printed alike.
func TestHandlerHidesInAStructAsInAStandIn(t *testing.T) {
	for name, x := range structs() {
		for _, opts := range []*secrets.HandlerOptions{nil, {Redactor: redactor(t, "73501234")}} {
			_, same := logged(t, "json", opts, x)
			_, standIn := logged(t, "json around", opts, x)
			require.Equal(t, standIn, same, name)
			require.NotContains(t, same, leaked, name)
		}
	}
	_, line := logged(t, "json", nil, struct{ Password, User string }{leaked, "u"})
	require.Contains(t, line, `"x":{"Password":"[redacted]","User":"u"}`)
}

// The Redactor's part is still done where names hide something too.
func TestHandlerHidesInAStructByNameAndByValue(t *testing.T) {
	opts := &secrets.HandlerOptions{Redactor: redactor(t, leaked)}
	for name, x := range map[string]any{
		"text": card{Number: "1", Holder: "is " + leaked}, "list": &card{Tags: []string{leaked}}, "header": card{Header: http.Header{"X": {leaked}}},
	} {
		_, masked := logged(t, "json", opts, x)
		require.NotContains(t, masked, leaked, name)
		require.Contains(t, masked, `"card_number":"[redacted]"`, name)
	}
	_, masked := logged(t, "json", &secrets.HandlerOptions{Keys: keys(t, "x.holder", "y.card_number")}, card{Number: "1", Holder: "h"})
	require.Contains(t, masked, `"card_number":"1"`, "a path that begins at the top")
	require.Contains(t, masked, `"holder":"[redacted]"`)
}

// ReplaceAttr finds the type that was logged, and what the caller logged is as
// it was.
func TestHandlerKeepsTheTypeOfAStruct(t *testing.T) {
	var types []string
	next := slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == "x" {
			types = append(types, fmt.Sprintf("%T", a.Value.Any()))
		}
		return a
	}})
	x := card{Number: "1"}
	l := slog.New(handler(t, next, nil))
	l.Info("m", "x", x)
	l.Info("m", "x", &x)
	require.Equal(t, []string{"secrets_test.card", "*secrets_test.card"}, types)
	require.Equal(t, card{Number: "1"}, x)
}

// What JSON does not print is not read, so that the race detector is content.
func TestHandlerCopiesNothingThatIsInUse(t *testing.T) {
	type guarded struct {
		Token string
		Mu    struct {
			sync.Mutex
			n int
		}
	}
	g := &guarded{Token: leaked}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				g.Mu.Lock()
				g.Mu.n++
				g.Mu.Unlock()
			}
		}
	}()
	var b bytes.Buffer
	l := slog.New(handler(t, slog.NewJSONHandler(&b, nil), nil))
	for range 200 {
		l.Info("m", "g", g)
	}
	close(stop)
	<-done
	require.Equal(t, 200, strings.Count(b.String(), `"Token":"[redacted]"`))
}
