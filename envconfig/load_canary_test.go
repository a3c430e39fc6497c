package envconfig_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/envconfig/dotenv"
	"github.com/masaruk/devops/secrets"
)

// loadCanary is planted wherever a value can be.
const loadCanary = "kanaryQWZXJK"

// blabber is a decoder that tells everybody what it was given.
type blabber struct{ text string }

func (b *blabber) UnmarshalText(text []byte) error {
	b.text = string(text)
	return &blabberError{text: string(text)}
}

type blabberError struct{ text string }

func (e *blabberError) Error() string { return "cannot make anything of " + e.text }

// absent fails if a piece of the loadCanary is in what err shows in any way, along
// its whole tree.
func absent(t *testing.T, err error, about string) {
	t.Helper()
	require.Error(t, err, about)
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		shown := err.Error()
		if p, ok := err.(*envconfig.Problem); ok {
			raw, _ := json.Marshal(p)
			shown = string(raw) + fmt.Sprintf("%v %+v %#v", p, *p, *p)
		}
		for at := range len(loadCanary) - 4 {
			if strings.Contains(shown, loadCanary[at:at+5]) {
				t.Fatalf("%s: %q is in %s", about, loadCanary[at:at+5], shown)
			}
		}
		switch e := err.(type) {
		case interface{ Unwrap() []error }:
			for _, one := range e.Unwrap() {
				walk(one)
			}
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		}
	}
	walk(err)
}

// planted returns texts that hold the loadCanary and that no type, or only the
// most tolerant ones, can take.
func planted() []string {
	return []string{
		loadCanary, " " + loadCanary, loadCanary + "\n" + loadCanary, "1" + loadCanary, "-" + loadCanary, loadCanary + ",,x", "a," + loadCanary, loadCanary + ":1," + loadCanary + ":2", "x:" + loadCanary,
		"http://[::1" + loadCanary, "http://" + loadCanary + " /", "%zz" + loadCanary, "localhost:" + loadCanary, "2026-01-31T00:00:00" + loadCanary, "Mars/" + loadCanary, "../" + loadCanary,
		loadCanary + "[redacted]", "1h" + loadCanary, "64MiB" + loadCanary, "1e" + loadCanary, "true" + loadCanary, "0x" + loadCanary, "${" + loadCanary, "${" + loadCanary + "}",
		"secret:" + loadCanary, "secret:x/" + loadCanary, loadCanary + "\x00", loadCanary + "\xff", base64.StdEncoding.EncodeToString([]byte(loadCanary)) + loadCanary,
	}
}

// TestNoErrorShowsAValue goes through every kind, rule, option and input.
func TestNoErrorShowsAValue(t *testing.T) {
	types := []reflect.Type{
		reflect.TypeFor[string](), reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[uint16](), reflect.TypeFor[float64](),
		reflect.TypeFor[time.Duration](), reflect.TypeFor[envconfig.Size](), reflect.TypeFor[url.URL](), reflect.TypeFor[*url.URL](), reflect.TypeFor[time.Time](),
		reflect.TypeFor[*time.Location](), reflect.TypeFor[secrets.Value](), reflect.TypeFor[[]byte](), reflect.TypeFor[slog.Level](), reflect.TypeFor[netip.Addr](),
		reflect.TypeFor[regexp.Regexp](), reflect.TypeFor[blabber](), reflect.TypeFor[*int](), reflect.TypeFor[[]string](), reflect.TypeFor[[]int](),
		reflect.TypeFor[[]blabber](), reflect.TypeFor[[]secrets.Value](), reflect.TypeFor[[]url.URL](), reflect.TypeFor[map[string]string](),
		reflect.TypeFor[map[int]bool](), reflect.TypeFor[map[string]blabber](), reflect.TypeFor[map[netip.Addr]time.Duration](),
	}
	tags := []string{
		`env:"V"`, `env:"V" oneof:"a,b"`, `env:"V" pattern:"[0-9]+"`, `env:"V" min:"1000"`, `env:"V" max:"1"`, `env:"V" min:"9000h"`, `env:"V" max:"1B"`,
		`env:"V" min:"2999-01-01T00:00:00Z"`, `env:"V,expand"`, `env:"V,ref"`, `env:"V,secret"`, `env:"V,optional"`, `env:"V,file"`, `env:"V" layout:"2006"`, `env:"V" sep:";"`,
	}
	told, combinations := map[string]int{}, 0
	for _, typ := range types {
		for _, tag := range tags {
			st := reflect.StructOf([]reflect.StructField{{Name: "V", Type: typ, Tag: reflect.StructTag(tag)}})
			if _, _, err := envconfig.LoadType(t.Context(), st, &envconfig.LoadOptions{Inputs: []envconfig.Input{}}); strings.Contains(fmt.Sprint(err), "from type struct") {
				continue // the tag does not fit the type
			}
			combinations++
			for _, text := range planted() {
				for input, opts := range canaryInputs(tag, text) {
					about := fmt.Sprintf("%s %s %q %s", typ, tag, text, input)
					_, shown, err := envconfig.LoadType(t.Context(), st, opts)
					if err == nil {
						showsNothing(t, tag, shown, about)
						continue
					}
					absent(t, err, about)
					for _, p := range envconfig.Problems(err) {
						told[p.Rule]++
					}
				}
			}
		}
	}
	t.Logf("%d kinds with tags, %d different rules broken", combinations, len(told))
	require.Greater(t, combinations, 200)
	require.Greater(t, len(told), 35, "the texts do not reach the rules any more")
}

// canaryInputs returns each kind of input that can hold text.
func canaryInputs(tag, text string) map[string]*envconfig.LoadOptions {
	source := secrets.SourceFunc(func(_ context.Context, name string) (secrets.Value, error) {
		return secrets.Value{}, &secrets.SourceError{Source: "test", Name: name, Err: errors.New("no " + name)}
	})
	giving := secrets.Static(map[string]secrets.Value{"x": secrets.New(text), loadCanary: secrets.New(text)})
	all := map[string]*envconfig.LoadOptions{
		"map": {Inputs: []envconfig.Input{envconfig.FromMap("m", map[string]string{"V": text})}, Secrets: source},
	}
	if strings.Contains(tag, ",ref") {
		all["giving"] = &envconfig.LoadOptions{Inputs: []envconfig.Input{envconfig.FromMap("m", map[string]string{"V": "secret:x"})}, Secrets: giving}
	}
	if strings.Contains(tag, ",file") {
		all["file by path"] = &envconfig.LoadOptions{Inputs: []envconfig.Input{envconfig.FromMap("m", map[string]string{"V_FILE": text})}}
	}
	if line, err := dotenv.Format([]dotenv.Entry{{Name: "V", Value: text}}, dotenv.Node); err == nil {
		all["text"] = &envconfig.LoadOptions{Inputs: []envconfig.Input{envconfig.FromText("t", line, dotenv.Node, &envconfig.FileOptions{Closed: true})}, Secrets: giving}
	}
	all["raw text"] = &envconfig.LoadOptions{Inputs: []envconfig.Input{envconfig.FromText("t", "V="+text+"\n"+text, dotenv.Node, nil)}}
	return all
}

// showsNothing looks at what is shown of a load that succeeded, where the
// field says that it is secret.
func showsNothing(t *testing.T, tag string, l *envconfig.Loaded[struct{}], about string) {
	if !strings.Contains(tag, ",secret") && !strings.Contains(tag, ",ref") {
		return
	}
	raw, err := json.Marshal(l)
	require.NoError(t, err)
	snapshot, err := json.Marshal(l.Snapshot(envconfig.Staging(), nil))
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("loaded", "config", l)
	for _, shown := range []string{string(raw), string(snapshot), log.String(), l.Explain().String(), fmt.Sprintf("%v %+v %#v %s %d", l, l, *l, l, l)} {
		if strings.Contains(shown, loadCanary) {
			t.Fatalf("%s: it is in %s", about, shown)
		}
	}
}

func TestNoErrorShowsAProcessValue(t *testing.T) {
	type config struct {
		Int  int           `env:"CANARY_INT"`
		Wait time.Duration `env:"CANARY_WAIT"`
		Key  secrets.Value `env:"CANARY_KEY,file" min:"99"`
		Own  blabber       `env:"CANARY_OWN"`
	}
	for _, text := range planted() {
		if strings.Contains(text, "\x00") {
			continue // no environment can hold it
		}
		for _, name := range []string{"CANARY_INT", "CANARY_WAIT", "CANARY_KEY", "CANARY_OWN"} {
			t.Setenv(name, text)
		}
		_, err := envconfig.Load[config](t.Context(), nil)
		absent(t, err, text)
		require.Len(t, envconfig.Problems(err), 4, text)
	}
}

func TestNoErrorShowsWhatAFileHolds(t *testing.T) {
	type config struct {
		Int int           `env:"INT,file"`
		Key secrets.Value `env:"KEY,file" pattern:"x"`
		Own blabber       `env:"OWN,file"`
	}
	path := filepath.Join(t.TempDir(), "value")
	for _, text := range planted() {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := load[config](t, map[string]string{"INT_FILE": path, "KEY_FILE": path, "OWN_FILE": path})
		absent(t, err, text)
		require.Len(t, envconfig.Problems(err), 3, text)
	}
}

// chatty is a struct whose method tells a secret.
type chatty struct {
	Key    secrets.Value   `env:"KEY"`
	Plain  string          `env:"PLAIN,secret"`
	List   []secrets.Value `env:"LIST"`
	URL    url.URL         `env:"URL"`
	Raw    []byte          `env:"RAW,secret"`
	Public string          `env:"PUBLIC"`
}

func (c *chatty) Validate() error {
	password, _ := c.URL.User.Password()
	return fmt.Errorf("public is %s, not %s or %q or %s; %w", c.Public, c.Key.Reveal(), c.Plain, c.Raw,
		errors.Join(errors.New("list "+c.List[1].Reveal()), errors.New("password "+password)))
}

func TestWhatValidateSaysIsRedacted(t *testing.T) {
	// In turn each field is the only one that has it, so that none hides it for
	// another.
	for _, where := range []string{"KEY", "PLAIN", "LIST", "URL", "RAW"} {
		text := func(name string) string {
			if name == where {
				return loadCanary
			}
			return "another-" + name
		}
		_, err := load[chatty](t, map[string]string{
			"KEY": text("KEY"), "PLAIN": text("PLAIN"), "LIST": "aaaa1," + text("LIST"), "URL": "postgres://app:" + text("URL") + "@db/x",
			"RAW": base64.StdEncoding.EncodeToString([]byte(text("RAW"))), "PUBLIC": "seen",
		})
		absent(t, err, where)
		require.ErrorContains(t, err, "public is seen", "what is no secret helps")
		require.ErrorContains(t, err, secrets.Placeholder)
	}
}

// What nobody declared a secret is hidden all the same where it holds one.
func TestUndeclaredSecretsAreHidden(t *testing.T) {
	type config struct {
		URL    url.URL  `env:"URL"`
		Text   string   `env:"TEXT"`
		DSN    string   `env:"DSN"`
		List   []string `env:"LIST"`
		Public string   `env:"PUBLIC"`
	}
	l, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{envconfig.FromMap("m", map[string]string{
		"URL": "redis://:" + loadCanary + "@cache:6379", "TEXT": "postgres://u:" + loadCanary + "@db/x", "DSN": "host=db PASSWORD=" + loadCanary,
		"LIST": "http://a,https://u:" + loadCanary + "@b", "PUBLIC": "seen",
	})}})
	require.NoError(t, err)
	raw, err := json.Marshal(l)
	require.NoError(t, err)
	snapshot, err := json.Marshal(l.Snapshot(envconfig.Staging(), nil))
	require.NoError(t, err)
	for _, shown := range []string{string(raw), l.Explain().String(), fmt.Sprintf("%+v %#v", l, *l), string(snapshot)} {
		require.NotContains(t, shown, loadCanary)
		require.Contains(t, shown, "seen")
	}
}

func TestNoTagErrorShowsADefaultThatIsASecret(t *testing.T) {
	type config struct {
		Key   secrets.Value `env:"KEY" default:"kanaryQWZXJK"`
		Plain string        `env:"PLAIN,secret" default:"kanaryQWZXJK"`
		Ref   string        `env:"REF,ref" default:"kanaryQWZXJK"`
		Int   int           `env:"INT" default:"kanaryQWZXJK"`
	}
	_, err := envconfig.NewLoader[config](nil)
	absent(t, err, "tags")
	require.Len(t, envconfig.Problems(err), 4)
}

// What a program printed is never loaded as if it were the secret.
func TestPlaceholdersAreRefused(t *testing.T) {
	type config struct {
		Plain string        `env:"PLAIN,secret"`
		Key   secrets.Value `env:"KEY"`
		Other string        `env:"OTHER"`
	}
	_, err := load[config](t, map[string]string{"PLAIN": "x[redacted]", "KEY": "[redacted]", "OTHER": "[redacted]"})
	require.Equal(t, []string{"PLAIN Plain: is a secret, not the placeholder of one", "KEY Key: is a secret, not the placeholder of one"}, rules(t, err))
}
