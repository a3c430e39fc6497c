package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
	"github.com/masaruk/devops/secrets/sourcetest"
)

const planted = "canary-9c1f4e2ab7"

// knownSecrets are what every source under test has, in names that a file, a
// variable and an argument can have.
func knownSecrets() map[string]secrets.Value {
	return map[string]secrets.Value{
		"PASSWORD": secrets.New("first " + planted),
		"TLS_KEY":  secrets.New("-----BEGIN KEY-----\nsecond " + planted + "\n-----END KEY-----\n"),
		"SPACES":   secrets.New("  third " + planted + "\t"),
		"EMPTY":    secrets.New(""),
	}
}

// requireFails expects an error that names source and secret, holds no canary,
// and says not found only if it should.
func requireFails(t *testing.T, from secrets.Source, name string, missing bool) error {
	t.Helper()
	v, err := from.Lookup(t.Context(), name)
	require.Error(t, err)
	require.True(t, v.IsZero())
	require.Equal(t, missing, errors.Is(err, fs.ErrNotExist), "%v", err)
	var e *secrets.SourceError
	require.ErrorAs(t, err, &e)
	require.Equal(t, name, e.Name)
	require.NotEmpty(t, e.Source)
	for below := err; below != nil; below = errors.Unwrap(below) {
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", below, below, below), "canary")
	}
	return err
}

func requireFinds(t *testing.T, from secrets.Source, name, want string) {
	t.Helper()
	v, err := from.Lookup(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, want, v.Reveal())
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func newStatic() (secrets.Source, error) { return secrets.Static(knownSecrets()), nil }

func TestStatic(t *testing.T) {
	sourcetest.Run(t, knownSecrets(), newStatic)

	mine := knownSecrets()
	from := secrets.Static(mine)
	delete(mine, "PASSWORD")
	requireFinds(t, from, "PASSWORD", "first "+planted)
	requireFails(t, secrets.Static(map[string]secrets.Value{"": secrets.New(planted)}), "", false)
	require.NotContains(t, fmt.Sprintf("%+v %#v", from, from), "canary")
}

func TestEnvironment(t *testing.T) {
	known := knownSecrets()
	names := []string{"UNSET"}
	for name, v := range known {
		t.Setenv(name, v.Reveal())
		names = append(names, name)
	}
	sourcetest.Run(t, known, func() (secrets.Source, error) { return secrets.NewEnvironment(names...) })

	from, err := secrets.NewEnvironment(names...)
	require.NoError(t, err)
	names[0] = "NOT_NAMED"
	t.Setenv("NOT_NAMED", planted)
	require.ErrorContains(t, requireFails(t, from, "NOT_NAMED", true), "NewEnvironment")
	require.ErrorContains(t, requireFails(t, from, "UNSET", true), "not set")
	t.Setenv("PASSWORD", "another")
	requireFinds(t, from, "PASSWORD", "another")
	t.Setenv("PASSWORD", "line\n")
	requireFinds(t, from, "PASSWORD", "line\n")
	t.Setenv("PASSWORD", planted+secrets.Placeholder)
	require.ErrorIs(t, requireFails(t, from, "PASSWORD", false), secrets.ErrRedacted)
}

func TestEnvironmentRefuses(t *testing.T) {
	for _, name := range []string{"", "PASSWORD=" + planted, "A\x00" + planted} {
		_, err := secrets.NewEnvironment("GOOD", name)
		require.ErrorContains(t, err, "variable 2 of 2")
		require.NotContains(t, err.Error(), "canary")
	}
}

func TestSourceFunc(t *testing.T) {
	sourcetest.Run(t, knownSecrets(), func() (secrets.Source, error) {
		return secrets.SourceFunc(secrets.Static(knownSecrets()).Lookup), nil
	})
	requireFails(t, secrets.SourceFunc(nil), "PASSWORD", false)
}

// broken is a source that gives an error, and beside it a value that nobody
// may see.
func broken(err error) secrets.Source {
	return secrets.SourceFunc(func(context.Context, string) (secrets.Value, error) { return secrets.New(planted), err })
}

func TestChain(t *testing.T) {
	known := knownSecrets()
	sourcetest.Run(t, known, func() (secrets.Source, error) {
		first, second := map[string]secrets.Value{}, map[string]secrets.Value{}
		for name, v := range known {
			if strings.HasPrefix(name, "P") {
				first[name] = v
			} else {
				second[name] = v
			}
		}
		return secrets.Chain(secrets.Static(first), secrets.Static(nil), secrets.Static(second)), nil
	})

	has := func(name, text string) secrets.Source {
		return secrets.Static(map[string]secrets.Value{name: secrets.New(text)})
	}
	requireFinds(t, secrets.Chain(has("a", "1"), has("a", "2")), "a", "1")
	requireFinds(t, secrets.Chain(has("a", ""), has("a", "2")), "a", "")
	down := errors.New("out of reach")
	require.ErrorIs(t, requireFails(t, secrets.Chain(broken(down), has("a", "2")), "a", false), down)
	requireFinds(t, secrets.Chain(has("a", "1"), broken(down)), "a", "1")
	requireFinds(t, secrets.Chain(broken(fs.ErrNotExist), has("a", "2")), "a", "2")
	requireFails(t, secrets.Chain(broken(fs.ErrNotExist)), "a", true)
	requireFails(t, secrets.Chain(), "a", true)
	requireFails(t, secrets.Chain(nil, has("a", "2")), "a", false)

	sources := []secrets.Source{has("a", "1")}
	from := secrets.Chain(sources...)
	sources[0] = has("a", "2")
	requireFinds(t, from, "a", "1")
}

// A chain does not ask on for a caller that has left, even where a source that
// pays no attention says that it has nothing.
func TestChainStopsWhenTheContextEnds(t *testing.T) {
	left := errors.New("the caller left")
	for _, more := range [][]secrets.Source{nil, {broken(nil)}} {
		ctx, end := context.WithCancelCause(t.Context())
		leaves := secrets.SourceFunc(func(context.Context, string) (secrets.Value, error) {
			end(left)
			return secrets.Value{}, fs.ErrNotExist
		})
		_, err := secrets.Chain(append([]secrets.Source{leaves}, more...)...).Lookup(ctx, "a")
		require.ErrorIs(t, err, left)
		require.NotErrorIs(t, err, fs.ErrNotExist)
	}
}

func TestPrefix(t *testing.T) {
	below := map[string]secrets.Value{"prod/api/": secrets.New(planted), "": secrets.New(planted)}
	for name, v := range knownSecrets() {
		below["prod/api/"+name] = v
	}
	sourcetest.Run(t, knownSecrets(), func() (secrets.Source, error) {
		return secrets.Prefix(secrets.Static(below), "prod/api/"), nil
	})
	require.ErrorContains(t, requireFails(t, secrets.Prefix(secrets.Static(below), "prod/api/"), "KEY", true), `"prod/api/KEY"`)
	requireFails(t, secrets.Prefix(nil, "prod/"), "KEY", false)
	requireFails(t, secrets.Prefix(broken(errors.New("down")), "prod/"), "KEY", false)
}

func TestRename(t *testing.T) {
	others := map[string]secrets.Value{"EMPTY": secrets.New("")}
	names := map[string]string{}
	for name, v := range knownSecrets() {
		if name != "EMPTY" {
			names[name] = "other-" + name
			others["other-"+name] = v
		}
	}
	newSource := func() (secrets.Source, error) { return secrets.Rename(secrets.Static(others), names), nil }
	sourcetest.Run(t, knownSecrets(), newSource)

	from, _ := newSource()
	requireFinds(t, from, "other-PASSWORD", "first "+planted)
	delete(names, "PASSWORD")
	requireFinds(t, from, "PASSWORD", "first "+planted)
	requireFails(t, secrets.Rename(secrets.Static(others), map[string]string{"a": ""}), "a", false)
	requireFails(t, secrets.Rename(nil, nil), "a", false)
}
