package secrets_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

// holder holds a Value in every kind of place.
type holder struct {
	Exported secrets.Value
	hidden   secrets.Value
	Pointer  *secrets.Value
	ptr      *secrets.Value
	Slice    []secrets.Value
	slice    []secrets.Value
	Map      map[string]secrets.Value
	mapped   map[string]secrets.Value
	Any      any
	any      any
	Inner    struct{ inner struct{ deep secrets.Value } }
	Err      error
}

type holderError struct{ value secrets.Value }

func (e *holderError) Error() string { return fmt.Sprintf("failed with %v and %+v", e.value, *e) }

func newHolder(v secrets.Value) *holder {
	h := &holder{
		Exported: v, hidden: v, Pointer: &v, ptr: &v, Slice: []secrets.Value{v}, slice: []secrets.Value{v},
		Map: map[string]secrets.Value{"k": v}, mapped: map[string]secrets.Value{"k": v}, Any: v, any: &v,
		Err: fmt.Errorf("wrapped: %w", &holderError{v}),
	}
	h.Inner.inner.deep = v
	return h
}

// exits runs everything that turns a value into text and returns the texts.
func exits(t testing.TB, v secrets.Value) map[string]string {
	out := map[string]string{}
	h := newHolder(v)
	whole := map[string]any{
		"value": v, "pointer": &v, "holder": h, "holder value": *h, "slice": []secrets.Value{v}, "array": [2]secrets.Value{v, v},
		"map": map[string]secrets.Value{"k": v}, "any slice": []any{v, &v, h}, "error": h.Err, "anonymous": struct{ v secrets.Value }{v},
	}
	for name, x := range whole {
		for _, verb := range "bcdeEfFgGopqstTUvxXwz!" {
			for _, flags := range []string{"", "+", "#", "-20.3"} {
				format := "%" + flags + string(verb)
				out["fmt "+name+format] = fmt.Sprintf(format, x)
			}
		}
		for _, wrong := range []string{"%*d", "%.*d", "none", "%[9]v", "%"} {
			out["fmt wrong "+wrong+name] = fmt.Sprintf(wrong, x)
		}
		out["sprint "+name] = fmt.Sprint(x)
		out["error "+name] = fmt.Errorf("%w: %v %+v", errors.New("x"), x, x).Error()
		slogs(out, name, x)
		templates(t, out, name, x)
	}
	out["string"], out["gostring"] = v.String(), v.GoString()
	encoders(t, out, v, h)
	return out
}

// failure keeps the text of a failed test.
type failure struct{ text string }

func (f *failure) Errorf(format string, args ...any) { f.text += fmt.Sprintf(format, args...) }
func (f *failure) FailNow()                          {}

func slogs(out map[string]string, name string, x any) {
	var b bytes.Buffer
	for kind, handler := range map[string]slog.Handler{"json": slog.NewJSONHandler(&b, nil), "text": slog.NewTextHandler(&b, nil)} {
		b.Reset()
		l := slog.New(handler).With("with", x).WithGroup("group")
		l.Info("m", "top", x, slog.Group("g", "a", x, slog.Group("h", "b", []any{x})), "map", map[string]any{"k": x}, "value", slog.AnyValue(x))
		l.Info(fmt.Sprint(x), "err", fmt.Errorf("%v", x), "attrs", []slog.Attr{slog.Any("a", x)})
		out["slog "+kind+" "+name] = b.String()
	}
}

func templates(t testing.TB, out map[string]string, name string, x any) {
	const text = `{{.}} {{printf "%#v" .}} {{print .}} {{html .}} {{js .}} {{urlquery .}}`
	var b bytes.Buffer
	require.NoError(t, template.Must(template.New("").Parse(text)).Execute(&b, x))
	require.NoError(t, htmltemplate.Must(htmltemplate.New("").Parse(`<p title="{{.}}">{{.}}</p><a href="?q={{.}}">x</a>`)).Execute(&b, x))
	out["template "+name] = b.String()
}

func encoders(t testing.TB, out map[string]string, v secrets.Value, h *holder) {
	text, err := v.MarshalText()
	require.NoError(t, err)
	bin, err := v.MarshalBinary()
	require.NoError(t, err)
	out["text"], out["binary"] = string(text), string(bin)
	for name, x := range map[string]any{"value": v, "pointer": &v, "holder": h, "any": []any{v}} {
		j, err := json.MarshalIndent(x, "", " ")
		require.NoError(t, err)
		out["json "+name] = string(j)
	}
	x, err := xml.Marshal(struct {
		XMLName xml.Name        `xml:"x"`
		Attr    secrets.Value   `xml:"attr,attr"`
		Element secrets.Value   `xml:"element"`
		Many    []secrets.Value `xml:"many>one"`
		Chars   secrets.Value   `xml:",chardata"`
	}{xml.Name{}, v, v, []secrets.Value{v}, v})
	require.NoError(t, err)
	out["xml"] = string(x)
	var b bytes.Buffer
	require.NoError(t, gob.NewEncoder(&b).Encode(struct {
		V secrets.Value
		M map[string]secrets.Value
	}{v, map[string]secrets.Value{"k": v}}))
	out["gob"] = b.String()
}

// FuzzValueExits proves that no exit shows the secret.
func FuzzValueExits(f *testing.F) {
	for _, s := range []string{"correct horse battery", "p%s%v\x00\xff\n\"'<>&", strings.Repeat("k3y", 3000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		secret := "S3CR3T~" + s // found in no text by chance
		for exit, text := range exits(t, secrets.New(secret)) {
			requireHidden(t, exit, text)
		}
		require.Equal(t, secret, secrets.New(secret).Reveal())
	})
}

// canary is how the beginning of a secret looks in the forms that fmt and the
// encoders could show it in.
var canary = regexp.MustCompile(`(?i)S3CR3T|533343523354|53 33 43 52|0x53, ?0x33|0x530x33|83 51 67 82|83, ?51, ?67|UzNDUjNU`)

func requireHidden(t testing.TB, exit, text string) {
	if at := canary.FindStringIndex(text); at != nil {
		require.Fail(t, "a secret is shown", "%s: %.300q", exit, text[max(0, at[0]-100):])
	}
}

// testify dumps what failed to be equal, and follows every pointer for it.
func TestAFailedTestShowsNoSecret(t *testing.T) {
	h := newHolder(secrets.New("S3CR3T-of-a-test"))
	for _, x := range []any{h, *h, h.Exported, &h.Exported, []any{h}, h.Err} {
		var failed failure
		require.Equal(&failed, x, "something else")
		require.NotEmpty(t, failed.text)
		requireHidden(t, "failed test", failed.text)
	}
}

// An exit that shows nothing but addresses beside the placeholder tells no
// lengths either.
func TestExitsAreTheSameForEverySecret(t *testing.T) {
	// The value alone has no address in it.
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%30s", "%-3.2v"} {
		want := fmt.Sprintf(format, secrets.New("a secret"))
		require.Equal(t, want, fmt.Sprintf(format, secrets.New("")), format)
		require.Equal(t, want, fmt.Sprintf(format, secrets.Value{}), format)
		require.Contains(t, want, secrets.Placeholder)
	}
	for _, v := range []secrets.Value{{}, secrets.New("a secret")} {
		j, err := json.Marshal(map[string]any{"a": v, "b": &v})
		require.NoError(t, err)
		require.JSONEq(t, `{"a":"[redacted]","b":"[redacted]"}`, string(j))
	}
	var none *secrets.Value
	require.Equal(t, "<nil> <nil>", fmt.Sprintf("%v %+v", none, none))
}

// TestPanicText lets a child process die of a Value.
func TestPanicText(t *testing.T) {
	const secret, env = "S3CR3T-of-a-panic", "SECRETS_TEST_PANIC"
	values := map[string]any{
		"value": secrets.New(secret), "holder": newHolder(secrets.New(secret)), "error": newHolder(secrets.New(secret)).Err,
		"struct": struct{ v secrets.Value }{secrets.New(secret)},
	}
	if kind := os.Getenv(env); kind != "" {
		panic(values[kind])
	}
	for kind := range values {
		cmd := exec.Command(os.Args[0], "-test.run=^TestPanicText$")
		cmd.Env = append(os.Environ(), env+"="+kind)
		out, err := cmd.CombinedOutput()
		require.Error(t, err, "the child must die")
		require.Contains(t, string(out), "panic: ")
		require.NotContains(t, string(out), "S3CR3T")
	}
}

func TestUnmarshal(t *testing.T) {
	type config struct {
		P secrets.Value `xml:"P"`
	}
	var c config
	require.NoError(t, json.Unmarshal([]byte(`{"P":"from json"}`), &c))
	require.Equal(t, "from json", c.P.Reveal())
	require.NoError(t, xml.Unmarshal([]byte(`<c><P>from xml</P></c>`), &c))
	require.Equal(t, "from xml", c.P.Reveal())

	kept := c.P
	for name, err := range map[string]error{
		"json":   json.Unmarshal([]byte(`{"P":"[redacted]"}`), &c),
		"url":    json.Unmarshal([]byte(`{"P":"postgres://api:[redacted]@db/app"}`), &c),
		"xml":    xml.Unmarshal([]byte(`<c><P>[redacted]</P></c>`), &c),
		"text":   c.P.UnmarshalText([]byte("[redacted]")),
		"binary": c.P.UnmarshalBinary([]byte("[redacted]")),
	} {
		require.ErrorIs(t, err, secrets.ErrRedacted, name)
		require.ErrorContains(t, err, "put the secret itself in its place", name)
	}
	require.True(t, kept.Equal(c.P), "a refused text changed the value")

	var b bytes.Buffer
	require.NoError(t, gob.NewEncoder(&b).Encode(c))
	require.ErrorIs(t, gob.NewDecoder(&b).Decode(&config{}), secrets.ErrRedacted)

	for _, bad := range []string{`{"P":73501234}`, `{"P":{"x":"73501234"}}`, `{"P":["73501234"]}`, `{"P":true}`} {
		err := json.Unmarshal([]byte(bad), &c)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "7350")
	}
}

func TestUnmarshalTextKeepsNothingOfTheCaller(t *testing.T) {
	text := []byte("a secret")
	var v secrets.Value
	require.NoError(t, v.UnmarshalText(text))
	clear(text)
	require.Equal(t, "a secret", v.Reveal())
}

func TestEqualAndIsZero(t *testing.T) {
	require.True(t, secrets.New("one").Equal(secrets.New("one")))
	require.False(t, secrets.New("one").Equal(secrets.New("two")))
	require.False(t, secrets.New("one").Equal(secrets.New("one more")))
	require.True(t, secrets.Value{}.Equal(secrets.New("")))
	require.True(t, secrets.Value{}.IsZero())
	require.True(t, secrets.New("").IsZero())
	require.False(t, secrets.New(" ").IsZero())

	out, err := json.Marshal(struct {
		P secrets.Value `json:",omitzero"`
	}{})
	require.NoError(t, err)
	require.JSONEq(t, `{}`, string(out))
}
