package envconfig_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/envconfig/dotenv"
	"github.com/masaruk/devops/secrets"
)

// FuzzLoad loads random text into a field of a random type with a random tag:
// nothing panics, no error shows the text, and of a secret field nothing else
// does.
func FuzzLoad(f *testing.F) {
	types := []reflect.Type{
		reflect.TypeFor[string](), reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[uint8](), reflect.TypeFor[float32](), reflect.TypeFor[time.Duration](),
		reflect.TypeFor[envconfig.Size](), reflect.TypeFor[url.URL](), reflect.TypeFor[*url.URL](), reflect.TypeFor[time.Time](), reflect.TypeFor[*time.Location](),
		reflect.TypeFor[secrets.Value](), reflect.TypeFor[[]byte](), reflect.TypeFor[slog.Level](), reflect.TypeFor[*string](), reflect.TypeFor[[]string](),
		reflect.TypeFor[[]int](), reflect.TypeFor[map[string]string](), reflect.TypeFor[map[string]time.Duration](), reflect.TypeFor[[]secrets.Value](),
		reflect.TypeFor[blabber](), reflect.TypeFor[pool](), reflect.TypeFor[*pool](), reflect.TypeFor[[]pool](), reflect.TypeFor[chan int](),
	}
	for i, tag := range []string{
		`env:"V"`, `env:"V,secret,empty"`, `env:"V,ref,optional"`, `env:"V,file,unset"`, `env:"V,expand" default:"${V}"`, `env:"V" min:"1" max:"2"`, `env:"V" sep:";"`,
		`env:"V" oneof:"a,b"`, `env:"V" pattern:"[a-z]*"`, `env:"V" layout:"2006"`, `env:"V" default:"a:b"`, `env:"-"`, `env:V`, `env:"V"x`,
	} {
		for kind := range types {
			f.Add(uint8(kind), tag, "http://u:", []string{"@h/", ",b", ":1", "}", ""}[i%5])
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, tag, before, after string) {
		if strings.Contains(tag, loadCanary) {
			return
		}
		st := reflect.StructOf([]reflect.StructField{{Name: "V", Type: types[int(kind)%len(types)], Tag: reflect.StructTag(tag)}})
		text := before + loadCanary + after
		variables := map[string]string{"V": text, "V_MIN": text, "V_0_SECRET": text, before: text}
		for _, in := range []envconfig.Input{
			envconfig.FromMap("m", variables), envconfig.FromMap("m", map[string]string{"V_FILE": text}),
			envconfig.FromText("t", "V="+text, dotenv.Node, &envconfig.FileOptions{Closed: true}),
		} {
			opts := &envconfig.LoadOptions{Inputs: []envconfig.Input{in}, Secrets: secrets.Static(map[string]secrets.Value{strings.TrimPrefix(text, "secret:"): secrets.New(text)})}
			_, l, err := envconfig.LoadType(t.Context(), st, opts)
			if err == nil {
				showsNothing(t, tag, l, tag)
				_ = l.Explain().String()
				continue
			}
			raw, _ := json.Marshal(envconfig.Problems(err))
			// The names of variables and of unknown ones are no values.
			if shown := fmt.Sprintf("%v %+v %s", err, err, raw); strings.Contains(shown, loadCanary) && !strings.Contains(text, "\n") && !strings.Contains(text, "=") && !strings.Contains(text, "\r") {
				t.Fatalf("%q into %s %q: %s", text, st, tag, shown)
			}
		}
	})
}

// FuzzSize parses what it prints, and nothing else twice.
func FuzzSize(f *testing.F) {
	for _, text := range []string{"0", "64MiB", "10 MB", "1B", "9223372036854775807B", "8EiB", "-1B", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s, back envconfig.Size
		if s.UnmarshalText([]byte(text)) != nil {
			return
		}
		if s < 0 || back.UnmarshalText([]byte(s.String())) != nil || s != back {
			t.Fatalf("%q is %d, printed %s", text, int64(s), s)
		}
	})
}
