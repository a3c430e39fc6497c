package envconfig_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

func TestValueFromFile(t *testing.T) {
	type config struct {
		Key  secrets.Value `env:"KEY,file"`
		Note string        `env:"NOTE,file,optional"`
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(path, []byte("secret one\r\n\n"), 0o600))
	l, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{envconfig.FromMap("m", map[string]string{"KEY_FILE": path})}})
	require.NoError(t, err)
	require.Equal(t, "secret one\r\n", l.Value.Key.Reveal(), "one line ending, not two")
	require.Equal(t, "m by KEY_FILE", l.Explain()[0].Origin.String())

	_, err = load[config](t, map[string]string{"KEY_FILE": filepath.Join(dir, "none"), "NOTE": "n"})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, []string{"KEY_FILE Key: is the path of a file that can be read"}, rules(t, err))
	_, err = load[config](t, map[string]string{"KEY_FILE": dir})
	require.ErrorContains(t, err, "not a regular file")
	_, err = load[config](t, map[string]string{"KEY_FILE": path, "KEY": "x"})
	require.Equal(t, []string{"KEY Key: is given in one way"}, rules(t, err))
	_, err = load[config](t, map[string]string{"NOTE_FILE": ""})
	require.Equal(t, []string{"KEY Key: is set", "NOTE_FILE Note: is the path of a file that can be read"}, rules(t, err))

	require.NoError(t, os.WriteFile(path, make([]byte, secrets.MaxSize+1), 0o600))
	_, err = load[config](t, map[string]string{"KEY_FILE": path})
	require.ErrorContains(t, err, "larger than")

	// An earlier input wins, whichever way it gives the value.
	l, err = envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{
		envconfig.FromMap("one", map[string]string{"KEY": "direct"}), envconfig.FromMap("two", map[string]string{"KEY_FILE": path}),
	}})
	require.NoError(t, err)
	require.Equal(t, "direct", l.Value.Key.Reveal())
	_, err = envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{
		envconfig.FromMap("one", map[string]string{"KEY_FILE": path}), envconfig.FromMap("two", map[string]string{"KEY": "direct"}),
	}})
	require.ErrorContains(t, err, "larger than")
}

func TestExpansion(t *testing.T) {
	type config struct {
		Password secrets.Value `env:"PASSWORD,optional"`
		URL      string        `env:"URL,expand" default:"http://${HOST}/"`
		Plain    string        `env:"PLAIN,optional"`
	}
	for text, want := range map[string]string{
		"${A}${B}": "1${A}", "pa$$word $A $": "pa$$word $A $", "$${A}": "${A}", "$$${A}": "$${A}", "x${A}y$${": "x1y${", "": "http://1/",
	} {
		variables := map[string]string{"A": "1", "B": "${A}", "HOST": "1", "PLAIN": "${A}"}
		if text != "" {
			variables["URL"] = text
		}
		got, err := load[config](t, variables)
		require.NoError(t, err, text)
		require.Equal(t, want, got.URL, text)
		require.Equal(t, "${A}", got.Plain)
	}
	for _, text := range []string{"${", "${A", "${}", "${A:-x}", "${A }", "${$(id)}", "${NOPE}", "${A}${NOPE}"} {
		_, err := load[config](t, map[string]string{"A": "1", "URL": text})
		require.Len(t, rules(t, err), 1, text)
	}
	l, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{
		envconfig.FromMap("m", map[string]string{"PASSWORD": "hunter22", "URL": "x/${PASSWORD}"}),
	}})
	require.NoError(t, err)
	require.NotContains(t, l.Explain().String(), "hunter22")
}

func TestUnset(t *testing.T) {
	type config struct {
		Key   secrets.Value `env:"UNSET_KEY,unset,file"`
		Other int           `env:"UNSET_OTHER"`
	}
	t.Setenv("UNSET_KEY", "secret")
	t.Setenv("UNSET_OTHER", "x")
	_, err := envconfig.Load[config](t.Context(), nil)
	require.Error(t, err)
	require.Equal(t, "secret", os.Getenv("UNSET_KEY"), "nothing is removed by a load that failed")

	t.Setenv("UNSET_OTHER", "1")
	// What comes from elsewhere is not the environment's.
	inputs := []envconfig.Input{envconfig.FromMap("m", map[string]string{"UNSET_KEY": "m"}), envconfig.FromProcess()}
	l, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: inputs})
	require.NoError(t, err)
	require.Equal(t, "m", l.Value.Key.Reveal())
	require.Equal(t, "secret", os.Getenv("UNSET_KEY"))

	l, err = envconfig.Load[config](t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "secret", l.Value.Key.Reveal())
	_, still := os.LookupEnv("UNSET_KEY")
	require.False(t, still)
	require.Equal(t, "1", os.Getenv("UNSET_OTHER"))
}

func TestReferences(t *testing.T) {
	type config struct {
		Key    secrets.Value `env:"KEY,ref" default:"secret:db/password"`
		Plain  string        `env:"PLAIN" default:"secret:db/password"`
		Direct string        `env:"DIRECT,ref,optional"`
	}
	asked := 0
	source := secrets.SourceFunc(func(_ context.Context, name string) (secrets.Value, error) {
		asked++
		if name == "down" {
			return secrets.Value{}, errors.New("source down is away")
		}
		if name != "db/password" {
			return secrets.Value{}, &secrets.SourceError{Source: "test", Name: name, Err: fs.ErrNotExist}
		}
		return secrets.New("hunter22"), nil
	})
	opts := func(variables map[string]string) *envconfig.LoadOptions {
		return &envconfig.LoadOptions{Secrets: source, Inputs: []envconfig.Input{envconfig.FromMap("m", variables)}}
	}
	l, err := envconfig.Load[config](t.Context(), opts(map[string]string{"DIRECT": "value secret:db/password"}))
	require.NoError(t, err)
	require.Equal(t, "hunter22", l.Value.Key.Reveal())
	require.Equal(t, "secret:db/password", l.Value.Plain, "a field that does not say so was looked up")
	require.Equal(t, "value secret:db/password", l.Value.Direct)
	require.Equal(t, 1, asked)
	require.Equal(t, "default by secret source", l.Explain()[0].Origin.String())
	require.NotContains(t, l.Explain().String(), "hunter22")

	_, err = envconfig.Load[config](t.Context(), opts(map[string]string{"KEY": "secret:other", "DIRECT": "secret:down"}))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, []string{"KEY Key: is a secret that can be looked up", "DIRECT Direct: is a secret that can be looked up"}, rules(t, err))
	require.NotContains(t, err.Error(), "other", "what stands in the variable may be the secret itself")
	require.ErrorContains(t, err, "is away")
	require.False(t, errors.As(err, new(*secrets.SourceError)), "a wrapped error has the text of the variable")

	_, err = load[config](t, nil)
	require.ErrorContains(t, err, "LoadOptions.Secrets")

	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("stopped")
	o := opts(nil)
	o.Secrets = secrets.SourceFunc(func(ctx context.Context, _ string) (secrets.Value, error) {
		cancel(cause)
		return secrets.Value{}, ctx.Err()
	})
	_, err = envconfig.Load[config](ctx, o)
	require.ErrorIs(t, err, cause)
	_, err = envconfig.Load[config](ctx, o)
	require.ErrorIs(t, err, cause)
}
