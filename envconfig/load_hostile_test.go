package envconfig_test

import (
	"encoding"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/envconfig/dotenv"
	"github.com/masaruk/devops/secrets"
)

// panicking is a decoder that gives up, and tells what it was given.
type panicking struct{}

func (*panicking) UnmarshalText(text []byte) error { panic("cannot read " + string(text)) }

// uncomparable is a key that no map can hold, though it compiles.
type uncomparable struct{ any }

func (u *uncomparable) UnmarshalText(text []byte) error {
	u.any = text
	return nil
}

var _ encoding.TextUnmarshaler = (*uncomparable)(nil)

func TestADecoderThatPanicsIsAProblem(t *testing.T) {
	type config struct {
		One  panicking            `env:"ONE"`
		Some []panicking          `env:"SOME"`
		Keys map[uncomparable]int `env:"KEYS"`
		Port int                  `env:"PORT"`
	}
	_, err := load[config](t, map[string]string{"ONE": loadCanary, "SOME": loadCanary, "KEYS": loadCanary + ":1", "PORT": "x"})
	absent(t, err, "panic")
	require.Equal(t, []string{
		"ONE One: is a text that envconfig_test.panicking accepts",
		"SOME Some: has only items of which each is a text that envconfig_test.panicking accepts",
		"KEYS Keys: has only items of which each has a key that can be one",
		"PORT Port: is a whole number of 64 bits",
	}, rules(t, err))
	require.ErrorContains(t, err, "UnmarshalText of envconfig_test.panicking, which panics")

	type withDefault struct {
		One panicking `env:"ONE" default:"x"`
	}
	_, err = envconfig.NewLoader[withDefault](nil)
	require.Equal(t, []string{"One: has a default that is a text that envconfig_test.panicking accepts"}, rules(t, err))
}

type rash struct {
	Key secrets.Value `env:"KEY"`
}

func (r *rash) Validate() error { panic("not this: " + r.Key.Reveal()) }

// silent is an error that cannot say anything.
type silent struct{ error }

type mute struct {
	Key string `env:"KEY"`
}

func (mute) Validate() error { return errors.Join(errors.New("heard"), silent{}) }

// Settled has a method that is promoted, to whatever embeds a pointer to it.
type Settled struct {
	Mode string `env:"MODE"`
}

func (s *Settled) Validate() error {
	if s.Mode != "on" {
		return errors.New("mode is off")
	}
	return nil
}

func TestAValidateThatPanicsIsAProblem(t *testing.T) {
	_, err := load[rash](t, map[string]string{"KEY": loadCanary})
	absent(t, err, "panic")
	require.Equal(t, []string{"envconfig_test.rash: passes its method Validate"}, rules(t, err))
	_, err = load[mute](t, map[string]string{"KEY": "x"})
	require.Equal(t, []string{"envconfig_test.mute: passes its method Validate"}, rules(t, err))

	type config struct {
		*Settled
		Port int `env:"PORT"`
	}
	_, err = load[config](t, map[string]string{"PORT": "1", "MODE": "on"})
	require.NoError(t, err)
	_, err = load[config](t, map[string]string{"PORT": "1"})
	require.Len(t, rules(t, err), 1)
	require.ErrorContains(t, err, "an embedded pointer is called with nil")
}

// Secrets are hidden in what Validate says also if they are loaded after it was
// called.
func TestSecretsLoadedLaterAreHidden(t *testing.T) {
	type config struct {
		Said  said          `env:"SAID"`
		Later secrets.Value `env:"LATER"`
	}
	_, err := load[config](t, map[string]string{"SAID_TEXT": "x" + loadCanary, "LATER": loadCanary})
	absent(t, err, "later")
	require.ErrorContains(t, err, "no x"+secrets.Placeholder)
}

type said struct {
	Text string `env:"TEXT"`
}

func (s said) Validate() error { return errors.New("no " + s.Text) }

type box[T any] struct {
	V T `env:"V"`
}

func TestGenericTypesLoad(t *testing.T) {
	type config struct {
		Number box[int]              `env:"NUMBER"`
		Boxes  box[[]box[box[bool]]] `env:"BOXES"`
	}
	got, err := load[config](t, map[string]string{"NUMBER_V": "7", "BOXES_V_0_V_V": "true"})
	require.NoError(t, err)
	require.Equal(t, 7, got.Number.V)
	require.True(t, got.Boxes.V[0].V.V)
	_, err = load[box[any]](t, nil)
	require.Equal(t, []string{"V: is of a type that can be loaded, which interface {} is not"}, rules(t, err))
}

// What is no file cannot hang a load, and what is no text cannot fill memory.
func TestFilesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "huge"), make([]byte, secrets.MaxSize+1), 0o600))
	for name, why := range map[string]string{
		"fifo": "not a regular file", ".": "not a regular file", "huge": "larger than", "none": "there is none", "a\x00b": "reading failed",
	} {
		path := filepath.Join(dir, name)
		for variables, input := range map[string]envconfig.Input{
			"file":     envconfig.FromFile(path, dotenv.Node, nil),
			"variable": envconfig.FromMap("m", map[string]string{"V_FILE": path}),
		} {
			type config struct {
				V string `env:"V,file"`
			}
			_, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{input}})
			require.ErrorContains(t, err, why, "%s %s", variables, name)
		}
	}
}

// Where a thousand are missing, or wrong, a load still ends. What it takes grows
// with their number and not with its square, which took minutes.
func TestManyProblemsEnd(t *testing.T) {
	type host struct {
		Name string `env:"NAME"`
		Port int    `env:"PORT"`
		Key  string `env:"KEY,optional"`
		Said said   `env:"SAID"`
	}
	type config struct {
		Hosts []host `env:"HOSTS"`
	}
	const many = 1000
	variables := map[string]string{}
	for i := range many {
		variables[fmt.Sprintf("HOSTS_%d_NAME", i)] = "x"
		variables[fmt.Sprintf("HOSTS_%d_KEY", i)] = fmt.Sprintf("sk_live_%d", i)
		variables[fmt.Sprintf("HOSTS_%d_SAID_TEXT", i)] = fmt.Sprintf("sk_live_%d", i)
	}
	stg := envconfig.Staging()
	_, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{
		Inputs: []envconfig.Input{envconfig.FromMap("m", variables)}, Environment: &stg, Owned: []string{"HOSTS_"},
	})
	count := map[string]int{}
	for _, p := range envconfig.Problems(err) {
		count[p.Rule]++
	}
	require.Equal(t, map[string]int{"is set": many, "passes its method Validate": many, "is for payments that the environment allows": 2 * many}, count)
	require.NotContains(t, err.Error(), "no sk_live")
	require.NotContains(t, strings.Join(strings.Fields(err.Error()), " "), "sk_live")
}

// A fix says what to do in the words of the rule that is broken.
func TestFixesFitTheirRules(t *testing.T) {
	type config struct {
		Key  secrets.Value `env:"KEY" min:"32"`
		Name string        `env:"NAME" max:"3"`
		List []string      `env:"LIST" min:"2"`
		Many []string      `env:"MANY" max:"1"`
		Port int           `env:"PORT" min:"10"`
		Pool int           `env:"POOL" max:"10"`
		Open string        `env:"OPEN"`
	}
	_, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{
		envconfig.FromText(".env", "KEY=short\nNAME=long\nLIST=a\nMANY=a,b\nPORT=1\nPOOL=11\nOPEN='x\n", dotenv.Node, nil),
	}})
	var said []string
	for _, p := range envconfig.Problems(err) {
		said = append(said, p.Variable+" "+p.Rule+"; "+p.Fix)
	}
	require.Equal(t, []string{
		"OPEN is written as the dialect demands; the quote that the value begins with is never closed; close it, or put the value in other quotes",
		"KEY has a length of at least 32; make it longer", "NAME has a length of at most 3; make it shorter",
		"LIST has at least 2 items; add items", "MANY has at most 1 items; take items out", "PORT is at least 10; raise it", "POOL is at most 10; lower it",
	}, said)
}
