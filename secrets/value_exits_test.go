package secrets_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	htmltemplate "html/template"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"text/template"
	"unsafe"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/masaruk/devops/secrets"
)

// defined is a type of its own, which has none of the methods of Value.
type defined secrets.Value

// embedding has all of them.
type embedding struct {
	secrets.Value
	Other string
}

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
	Keys     map[*secrets.Value]int
	keys     map[*secrets.Value]int
	Any      any
	any      any
	Inner    struct{ inner struct{ deep secrets.Value } }
	//lint:ignore SA5008 the option has no meaning here, and must not open the value
	Quoted   secrets.Value `json:",string"`
	Defined  defined
	Embedded embedding
	Err      error
}

type holderError struct{ value secrets.Value }

func (e *holderError) Error() string { return fmt.Sprintf("failed with %v and %+v", e.value, *e) }

func newHolder(v secrets.Value) *holder {
	h := &holder{
		Exported: v, hidden: v, Pointer: &v, ptr: &v, Slice: []secrets.Value{v}, slice: []secrets.Value{v},
		Map: map[string]secrets.Value{"k": v}, mapped: map[string]secrets.Value{"k": v},
		Keys: map[*secrets.Value]int{&v: 1}, keys: map[*secrets.Value]int{&v: 1}, Any: v, any: &v,
		Quoted: v, Defined: defined(v), Embedded: embedding{Value: v},
		Err: fmt.Errorf("wrapped: %w", errors.Join(&holderError{v}, fmt.Errorf("%w and %v", &holderError{v}, &v))),
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
		"map": map[string]secrets.Value{"k": v}, "keys": map[*secrets.Value]string{&v: "x"}, "any slice": []any{v, &v, h},
		"error": h.Err, "anonymous": struct{ v secrets.Value }{v}, "defined": defined(v), "embedding": embedding{Value: v},
	}
	for name, x := range whole {
		prints(out, name, x)
		slogs(out, name, x)
		templates(t, out, name, x)
		out["dump "+name] = dump(reflect.ValueOf(x), 0)
	}
	out["string"], out["gostring"] = v.String(), v.GoString()
	encoders(t, out, v, h)
	xmls(t, out, v)
	gobs(t, out, v)
	yamls(t, out, v)
	return out
}

func prints(out map[string]string, name string, x any) {
	for _, verb := range "bcdeEfFgGoOpqstTUvxXwz!" {
		for _, flags := range []string{"", "+", "#", " ", "0", "-20.3", "+#012", "# x", "[1]"} {
			format := "%" + flags + string(verb)
			out["fmt "+name+format] = fmt.Sprintf(format, x)
		}
	}
	for _, wrong := range []string{"%*d", "%.*d", "none", "%[9]v", "%", "%v %v"} {
		out["fmt wrong "+wrong+name] = fmt.Sprintf(wrong, x)
	}
	out["sprint "+name] = fmt.Sprint(x, x) + fmt.Sprintln(x, x)
	out["error "+name] = fmt.Errorf("%w: %v %+v", errors.New("x"), x, x).Error()
}

func slogs(out map[string]string, name string, x any) {
	var b bytes.Buffer
	for kind, handler := range map[string]slog.Handler{"json": slog.NewJSONHandler(&b, plainTime()), "text": slog.NewTextHandler(&b, plainTime())} {
		b.Reset()
		l := slog.New(handler).With("with", x).WithGroup("group")
		l.Info("m", "top", x, slog.Group("g", "a", x, slog.Group("h", "b", []any{x})), "map", map[string]any{"k": x}, "value", slog.AnyValue(x))
		l.Info(fmt.Sprint(x), "err", fmt.Errorf("%v", x), "attrs", []slog.Attr{slog.Any("a", x)})
		out["slog "+kind+" "+name] = b.String()
	}
}

// plainTime lets records have no time, so that they can be compared.
func plainTime() *slog.HandlerOptions {
	return &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
}

func templates(t testing.TB, out map[string]string, name string, x any) {
	const text = `{{.}} {{printf "%#v %x" . .}} {{print .}} {{println .}} {{html .}} {{js .}} {{urlquery .}} {{if .}}x{{end}} {{and . 1}}`
	const page = `<p title="{{.}}">{{.}}</p><a href="?q={{.}}" onclick="f({{.}})" style="width: {{.}}">x</a><script>let x = {{.}}, y = "{{.}}"</script>`
	var b bytes.Buffer
	require.NoError(t, template.Must(template.New("").Parse(text)).Execute(&b, x))
	err := htmltemplate.Must(htmltemplate.New("").Parse(page)).Execute(&b, x)
	out["template "+name] = fmt.Sprint(b.String(), err)
	for _, wrong := range []string{`{{len .}}`, `{{index . 0}}`, `{{slice . 1 2}}`, `{{call .}}`, `{{eq . "x"}}`, `{{lt . "x"}}`, `{{range .}}{{.}}{{end}}`} {
		b.Reset()
		err := template.Must(template.New("").Parse(wrong)).Execute(&b, x)
		out["template "+wrong+" "+name] = fmt.Sprint(b.String(), err)
	}
}

// dump prints what reflection can read, in unexported fields too, as dumpers
// that use package unsafe do. It stops where it has been deep enough.
func dump(v reflect.Value, depth int) string {
	if !v.IsValid() || depth > 12 {
		return "."
	}
	if v.CanAddr() {
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	}
	var b strings.Builder
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		b.WriteString(dump(v.Elem(), depth+1))
	case reflect.Struct:
		addressable := reflect.New(v.Type()).Elem()
		if v.CanInterface() {
			addressable.Set(v)
			v = addressable
		}
		for _, field := range v.Fields() {
			b.WriteString(dump(field, depth+1))
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			b.WriteString(dump(v.Index(i), depth+1))
		}
	case reflect.Map:
		for iter := v.MapRange(); iter.Next(); {
			b.WriteString(dump(iter.Key(), depth+1) + dump(iter.Value(), depth+1))
		}
	case reflect.Func:
		fmt.Fprintf(&b, "%s %t;", v.Type(), v.IsNil())
	default:
		fmt.Fprintf(&b, "%s %v;", v.Type(), v)
	}
	return b.String()
}

func encoders(t testing.TB, out map[string]string, v secrets.Value, h *holder) {
	text, err := v.MarshalText()
	require.NoError(t, err)
	bin, err := v.MarshalBinary()
	require.NoError(t, err)
	out["text"], out["binary"] = string(text), string(bin)
	for name, x := range map[string]any{
		"value": v, "pointer": &v, "holder": h, "any": []any{v, &v}, "keys": map[*secrets.Value]int{&v: 1},
		"embedding": embedding{Value: v}, "defined": defined(v), "number": struct{ V json.Marshaler }{json.RawMessage("1")},
	} {
		j, err := json.MarshalIndent(x, "", " ")
		require.NoError(t, err)
		out["json "+name] = string(j)
	}
	argument, err := v.Value()
	out["query argument"] = fmt.Sprint(argument, err)
	var read secrets.Value
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	var usage bytes.Buffer
	flags.SetOutput(&usage)
	flags.TextVar(&read, "password", v, "the `password`")
	flags.PrintDefaults()
	out["flag"] = usage.String() + flags.Lookup("password").DefValue
}

func xmls(t testing.TB, out map[string]string, v secrets.Value) {
	x, err := xml.Marshal(struct {
		XMLName xml.Name        `xml:"x"`
		Attr    secrets.Value   `xml:"attr,attr"`
		Other   *secrets.Value  `xml:"other,attr"`
		Element secrets.Value   `xml:"element"`
		Many    []secrets.Value `xml:"many>one"`
		Any     any             `xml:"any"`
		Chars   secrets.Value   `xml:",chardata"`
	}{xml.Name{}, v, &v, v, []secrets.Value{v}, v, v})
	require.NoError(t, err)
	out["xml"] = string(x)
	for name, x := range map[string]any{
		"cdata": struct {
			V secrets.Value `xml:",cdata"`
		}{v},
		"inner": struct {
			V secrets.Value `xml:",innerxml"`
		}{v},
		"comment": struct {
			V secrets.Value `xml:",comment"`
		}{v},
		"embedding": embedding{Value: v}, "defined": defined(v), "value": v, "pointer": &v,
	} {
		text, err := xml.Marshal(x)
		out["xml "+name] = fmt.Sprint(string(text), err)
	}
}

func gobs(t testing.TB, out map[string]string, v secrets.Value) {
	var b bytes.Buffer
	require.NoError(t, gob.NewEncoder(&b).Encode(struct {
		V secrets.Value
		P *secrets.Value
		S []secrets.Value
		M map[string]secrets.Value
		E embedding
	}{v, &v, []secrets.Value{v}, map[string]secrets.Value{"k": v}, embedding{Value: v}}))
	out["gob"] = b.String()
	b.Reset()
	gob.Register(secrets.Value{})
	require.NoError(t, gob.NewEncoder(&b).Encode(struct{ V any }{v}))
	out["gob interface"] = b.String()
}

func yamls(t testing.TB, out map[string]string, v secrets.Value) {
	for name, x := range map[string]any{
		"value": v, "pointer": &v, "any": []any{v, &v}, "keys": map[*secrets.Value]int{&v: 1},
		"struct": struct {
			V secrets.Value
			F secrets.Value            `yaml:",flow"`
			M map[string]secrets.Value `yaml:",inline"`
		}{v, v, map[string]secrets.Value{"k": v}},
		"inline": struct {
			V secrets.Value `yaml:",inline"`
		}{v},
		"embedding": struct {
			embedding `yaml:",inline"`
		}{embedding{Value: v}},
		"defined": defined(v),
	} {
		text, err := yaml.Marshal(x)
		require.NoError(t, err, name)
		out["yaml "+name] = string(text)
	}
}

// withoutAddresses returns text with "#" for each run of six or more hexadecimal
// digits: for the addresses in memory that package fmt prints, which are the
// only thing that differs from run to run.
func withoutAddresses(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && strings.IndexByte("0123456789abcdefABCDEF", text[end]) >= 0 {
			end++
		}
		switch {
		case end-i >= 6:
			b.WriteByte('#')
			for end < len(text) && text[end] == ' ' { // up to the width
				end++
			}
		case end == i:
			end++
			fallthrough
		default:
			b.WriteString(text[i:end])
		}
		i = end
	}
	return b.String()
}

// newValue is New at one place in the code, which fmt shows for a function.
//
//go:noinline
func newValue(s string) secrets.Value { return secrets.New(s) }

// FuzzValueExits proves that no exit shows the secret: all of them give for
// every secret what they give for another of another length. So nothing of it
// comes out, in whatever form.
func FuzzValueExits(f *testing.F) {
	for _, s := range []string{"", "correct horse battery", "p%s%v\x00\xff\n\"'<>&", strings.Repeat("k3y", 3000), secrets.Placeholder, "null", "1"} {
		f.Add(s)
	}
	want := exits(f, newValue("reference"))
	plain := map[string]string{} // without addresses
	for exit, text := range want {
		plain[exit] = withoutAddresses(text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		secret := "S3CR3T~" + s // found in no text by chance
		got := exits(t, newValue(secret))
		require.Len(t, got, len(want))
		for exit, text := range got {
			if text == want[exit] {
				continue
			}
			requireHidden(t, exit, text)
			require.True(t, plain[exit] == withoutAddresses(text), "an exit depends on the secret: %s", exit)
		}
		require.Equal(t, secret, secrets.New(secret).Reveal())
	})
}

// canary is how the beginning of a secret looks in the forms that fmt and the
// encoders could show it in.
var canary = []string{"s3cr3t", "533343523354", "53 33 43 52", "0x53, 0x33", "0x53,0x33", "0x530x33", "83 51 67 82", "83, 51, 67", "83,51,67", "uzndujnu"}

func requireHidden(t testing.TB, exit, text string) {
	lower := strings.ToLower(text)
	for _, form := range canary {
		if at := strings.Index(lower, form); at >= 0 {
			require.Fail(t, "a secret is shown", "%s: %.300q", exit, lower[max(0, at-100):])
		}
	}
}
