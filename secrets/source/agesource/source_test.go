package agesource_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
	"github.com/masaruk/devops/secrets/source/agesource"
	"github.com/masaruk/devops/secrets/sourcetest"
)

func known() map[string]secrets.Value {
	return map[string]secrets.Value{
		"db/password": secrets.New("canary of the database"),
		"api-key":     secrets.New(" canary of the API \U0001F511"),
		"empty":       secrets.New(""),
		"tls.key":     secrets.New("-----BEGIN KEY-----\ncanary of TLS\n-----END KEY-----\n"),
	}
}

func object(t *testing.T, of map[string]secrets.Value) []byte {
	t.Helper()
	texts := map[string]string{}
	for name, v := range of {
		texts[name] = v.Reveal()
	}
	text, err := json.MarshalIndent(texts, "", "  ")
	require.NoError(t, err)
	return text
}

func newIdentity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	return id
}

func seal(t *testing.T, text []byte, armored bool, to ...age.Recipient) []byte {
	t.Helper()
	var out bytes.Buffer
	var into io.Writer = &out
	if armored {
		into = armor.NewWriter(&out)
	}
	w, err := age.Encrypt(into, to...)
	require.NoError(t, err)
	_, err = w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	if armored {
		require.NoError(t, into.(io.Closer).Close())
	}
	return out.Bytes()
}

func write(t *testing.T, name string, text []byte, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, text, 0o600))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

// of is the source of a file that holds text, with what decrypts it.
func of(t *testing.T, text []byte, opts *agesource.Options) *agesource.Source {
	t.Helper()
	id := newIdentity(t)
	o := agesource.Options{}
	if opts != nil {
		o = *opts
	}
	o.Identities = append(o.Identities, id)
	s, err := agesource.New(write(t, "secrets.age", seal(t, text, false, id.Recipient()), 0o600), &o)
	require.NoError(t, err)
	return s
}

func requireFails(t *testing.T, from secrets.Source, name string, want error) error {
	t.Helper()
	v, err := from.Lookup(t.Context(), name)
	require.Error(t, err)
	require.True(t, v.IsZero())
	for _, kind := range []error{fs.ErrNotExist, agesource.ErrNoFile, agesource.ErrWrongIdentity, agesource.ErrCorrupt} {
		require.Equal(t, kind == want, errors.Is(err, kind), "%v", err)
	}
	var e *secrets.SourceError
	require.ErrorAs(t, err, &e)
	require.Equal(t, name, e.Name)
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

func TestSourceKeepsTheContract(t *testing.T) {
	classic := newIdentity(t)
	hybrid, err := age.GenerateHybridIdentity()
	require.NoError(t, err)
	keys := write(t, "age.key", []byte("# created: today\r\n# public key\n\n"+newIdentity(t).String()+"\n"+hybrid.String()+"\n"+classic.String()+"\r\n"), 0o600)
	text := object(t, known())
	for name, c := range map[string]struct {
		sealed []byte
		opts   agesource.Options
	}{
		"binary":           {seal(t, text, false, newIdentity(t).Recipient(), classic.Recipient()), agesource.Options{Identities: []age.Identity{newIdentity(t), classic}}},
		"armored":          {seal(t, text, true, classic.Recipient()), agesource.Options{Identities: []age.Identity{classic}}},
		"identity file":    {seal(t, text, false, classic.Recipient()), agesource.Options{IdentityFile: keys}},
		"both":             {seal(t, text, true, classic.Recipient()), agesource.Options{IdentityFile: keys, Identities: []age.Identity{newIdentity(t)}}},
		"post-quantum":     {seal(t, text, false, hybrid.Recipient()), agesource.Options{IdentityFile: keys}},
		"another identity": {seal(t, text, false, classic.Recipient()), agesource.Options{Identities: []age.Identity{own{classic}}}},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "secrets.age", c.sealed, 0o644)
			sourcetest.Run(t, known(), func() (secrets.Source, error) { return agesource.New(path, &c.opts) })
		})
	}
	t.Run("one secret each", func(t *testing.T) {
		sourcetest.Run(t, known(), func() (secrets.Source, error) {
			var all []secrets.Source
			for name, v := range known() {
				all = append(all, of(t, []byte(v.Reveal()+"\n"), &agesource.Options{Name: name}))
			}
			return secrets.Chain(all...), nil
		})
	})
}

// own is an identity of somebody else.
type own struct{ age.Identity }

func TestNewRefuses(t *testing.T) {
	id := newIdentity(t)
	for name, try := range map[string]func() (*agesource.Source, error){
		"no path":     func() (*agesource.Source, error) { return agesource.New("", &agesource.Options{IdentityFile: "key"}) },
		"no options":  func() (*agesource.Source, error) { return agesource.New("secrets.age", nil) },
		"no identity": func() (*agesource.Source, error) { return agesource.New("secrets.age", &agesource.Options{Name: "a"}) },
		"nil identity": func() (*agesource.Source, error) {
			return agesource.New("secrets.age", &agesource.Options{Identities: []age.Identity{id, nil}})
		},
	} {
		s, err := try()
		require.Error(t, err, name)
		require.Nil(t, s, name)
	}
}

func TestOneSecret(t *testing.T) {
	for text, want := range map[string]string{"a\n": "a", "a\r\n": "a", "a\n\n": "a\n", "a\r": "a\r", "": "", "\n": "", "\xff\x00\n": "\xff\x00", `{"a":"b"}`: `{"a":"b"}`} {
		s := of(t, []byte(text), &agesource.Options{Name: "key"})
		requireFinds(t, s, "key", want)
		requireFails(t, s, "other", fs.ErrNotExist)
	}
	s := of(t, []byte("canary [redacted]"), &agesource.Options{Name: "key"})
	require.ErrorIs(t, requireFails(t, s, "key", nil), secrets.ErrRedacted)
}

func TestAReplacedFileIsSeen(t *testing.T) {
	id := newIdentity(t)
	path := write(t, "secrets.age", seal(t, []byte(`{"a":"1"}`), false, id.Recipient()), 0o600)
	s, err := agesource.New(path, &agesource.Options{Identities: []age.Identity{id}})
	require.NoError(t, err)
	requireFinds(t, s, "a", "1")
	next := write(t, "next.age", seal(t, []byte(`{"a":"2","b":"3"}`), true, id.Recipient()), 0o600)
	require.NoError(t, os.Rename(next, path))
	requireFinds(t, s, "a", "2")
	requireFinds(t, s, "b", "3")
	require.NoError(t, os.Remove(path))
	requireFails(t, s, "a", agesource.ErrNoFile)
}

func TestNothingIsWritten(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary)
	s := of(t, object(t, known()), nil)
	dir := filepath.Dir(strings.TrimPrefix(requireFails(t, s, "x", fs.ErrNotExist).(*secrets.SourceError).Source, "age file "))
	requireFinds(t, s, "db/password", "canary of the database")
	entries, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, entries)
	entries, err = os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestIdentityFile(t *testing.T) {
	id := newIdentity(t)
	path := write(t, "secrets.age", seal(t, object(t, known()), false, id.Recipient()), 0o600)
	with := func(text string, mode fs.FileMode) *agesource.Source {
		s, err := agesource.New(path, &agesource.Options{IdentityFile: write(t, "age.key", []byte(text), mode)})
		require.NoError(t, err)
		return s
	}
	requireFinds(t, with(id.String(), 0o400), "db/password", "canary of the database")
	for _, mode := range []fs.FileMode{0o644, 0o640, 0o604, 0o601, 0o620} {
		s := with(id.String(), mode)
		if runtime.GOOS == "windows" {
			requireFinds(t, s, "db/password", "canary of the database")
			continue
		}
		err := requireFails(t, s, "db/password", nil)
		require.ErrorIs(t, err, fs.ErrPermission)
		require.ErrorContains(t, err, fmt.Sprintf("%04o", mode))
		require.NotContains(t, err.Error(), "AGE-SECRET")
	}
	for text, want := range map[string]string{
		"": "no identity in it", "# nothing\n\n": "no identity in it",
		id.String() + "\n" + id.String()[:40]:                                       "line 2 is no identity",
		"AGE-SECRET-KEY-1canary":                                                    "line 1 is no identity",
		string(seal(t, []byte(id.String()), true, newIdentity(t).Recipient())):      "line 1 is no identity",
		"\n" + strings.Replace(id.String(), "AGE-SECRET-KEY-1", "AGE-SECRET-X-", 1): "line 2 is no identity",
	} {
		err := requireFails(t, with(text, 0o600), "db/password", nil)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), id.String()[16:24])
	}
	s, err := agesource.New(path, &agesource.Options{IdentityFile: filepath.Join(t.TempDir(), "none")})
	require.NoError(t, err)
	require.ErrorContains(t, requireFails(t, s, "db/password", agesource.ErrNoFile), "identity file")
	requireFails(t, with(newIdentity(t).String(), 0o600), "db/password", agesource.ErrWrongIdentity)
}

var errDevice = errors.New("no device")

type broken struct{}

func (broken) Unwrap([]*age.Stanza) ([]byte, error) { return nil, errDevice }

// That an identity cannot be used is not the file's fault.
func TestAnIdentityThatFails(t *testing.T) {
	s := of(t, object(t, known()), &agesource.Options{Identities: []age.Identity{broken{}}})
	requireFinds(t, s, "db/password", "canary of the database") // age asks its own first
	s, err := agesource.New(write(t, "secrets.age", seal(t, []byte(`{}`), false, newIdentity(t).Recipient()), 0o600),
		&agesource.Options{Identities: []age.Identity{broken{}}})
	require.NoError(t, err)
	require.ErrorIs(t, requireFails(t, s, "db/password", nil), errDevice)
}

func TestEndedContext(t *testing.T) {
	ctx, end := context.WithCancelCause(t.Context())
	end(errDevice)
	_, err := of(t, object(t, known()), nil).Lookup(ctx, "db/password")
	require.ErrorIs(t, err, errDevice)
}
