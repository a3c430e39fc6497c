package agesource_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
	"github.com/masaruk/devops/secrets/source/agesource"
)

// damaged proves one file after the other in the place of a good one.
type damaged struct {
	t    *testing.T
	path string
	from *agesource.Source
}

func newDamaged(t *testing.T, id age.Identity) *damaged {
	path := filepath.Join(t.TempDir(), "secrets.age")
	from, err := agesource.New(path, &agesource.Options{Identities: []age.Identity{id}})
	require.NoError(t, err)
	return &damaged{t, path, from}
}

// lookup returns what the source makes of the file: the value, or an error
// that it checks.
func (d *damaged) lookup(file []byte) (string, error) {
	require.NoError(d.t, os.WriteFile(d.path, file, 0o600))
	v, err := d.from.Lookup(d.t.Context(), "a")
	if err == nil {
		return v.Reveal(), nil
	}
	require.True(d.t, errors.Is(err, agesource.ErrCorrupt) || errors.Is(err, agesource.ErrWrongIdentity), "%v", err)
	require.NotErrorIs(d.t, err, fs.ErrNotExist)
	require.NotContains(d.t, err.Error(), "canary")
	return "", err
}

// Whichever byte of a file is changed, lost or added, nobody gets another
// value, and nobody is told that the secret is not there.
func TestEachDamagedByteIsNoticed(t *testing.T) {
	id := newIdentity(t)
	good := seal(t, []byte(`{"a":"canary"}`), false, id.Recipient())
	body := bytes.Index(good, []byte("\n--- ")) // the end of the lines about recipients
	d := newDamaged(t, id)
	value, err := d.lookup(good)
	require.NoError(t, err)
	require.Equal(t, "canary", value)

	wrong := 0
	for at := range good {
		change := byte(1) << (at % 8)
		file := bytes.Clone(good)
		file[at] ^= change
		_, err := d.lookup(file)
		require.Error(t, err, "byte %d, changed by %#x", at, change)
		if errors.Is(err, agesource.ErrWrongIdentity) {
			wrong++
			require.True(t, at > len("age-encryption.org/v1\n") && at < body, "byte %d", at)
		}
		_, err = d.lookup(good[:at])
		require.ErrorIs(t, err, agesource.ErrCorrupt, "cut short to %d bytes", at)
		if at%8 == 0 {
			_, err = d.lookup(append(bytes.Clone(good[:at]), good[at+1:]...))
			require.Error(t, err, "without byte %d", at)
		}
	}
	require.Positive(t, wrong)
	_, err = d.lookup(append(bytes.Clone(good), 0))
	require.ErrorIs(t, err, agesource.ErrCorrupt)
	_, err = d.lookup(append(bytes.Clone(good), good...))
	require.ErrorIs(t, err, agesource.ErrCorrupt)
}

func TestEachDamagedByteOfAnArmoredFileIsNoticed(t *testing.T) {
	id := newIdentity(t)
	good := seal(t, []byte(`{"a":"canary"}`), true, id.Recipient())
	d := newDamaged(t, id)
	failed := 0
	for at := range good {
		for _, file := range [][]byte{
			append(append(bytes.Clone(good[:at]), good[at]^0x01), good[at+1:]...),
			good[:at],
		} {
			value, err := d.lookup(file)
			if err == nil { // such as a line ending that is another one now
				require.Equal(t, "canary", value, "byte %d", at)
				require.Equal(t, len(good)-1, at)
				continue
			}
			failed++
		}
	}
	require.Greater(t, failed, 2*len(good)-3)
	value, err := d.lookup(append([]byte("\r\n \n"), bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n"))...))
	require.NoError(t, err)
	require.Equal(t, "canary", value)
}

// A file that is longer than a chunk of age may not be cut at its end.
func TestAFileCutBetweenChunksIsNoticed(t *testing.T) {
	const chunk = 64<<10 + 16
	id := newIdentity(t)
	text := []byte(`{"a":"` + strings.Repeat("canary", 30_000) + `"}`)
	good := seal(t, text, false, id.Recipient())
	d := newDamaged(t, id)
	value, err := d.lookup(good)
	require.NoError(t, err)
	require.Len(t, value, 180_000)
	whole, err := agesource.New(d.path, &agesource.Options{Identities: []age.Identity{id}, Name: "a"})
	require.NoError(t, err)
	header := len(good) - len(text) - 16*(len(text)/(64<<10)+1)
	for n := range len(text) / (64 << 10) {
		_, err := d.lookup(good[:header+n*chunk])
		require.ErrorIs(t, err, agesource.ErrCorrupt)
		requireFails(t, whole, "a", agesource.ErrCorrupt) // where no JSON tells
	}
}

func TestWhatIsNoFileOfAge(t *testing.T) {
	id := newIdentity(t)
	d := newDamaged(t, id)
	for _, text := range []string{"", "\n", `{"a":"canary"}`, "canary=1", "age-encryption.org/v2\n", "age-encryption.org/canary\n", "-----BEGIN AGE ENCRYPTED FILE-----\ncanary\n"} {
		_, err := d.lookup([]byte(text))
		require.ErrorIs(t, err, agesource.ErrCorrupt, text)
	}
}

func TestWhatTheFileMayNotHold(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "line 1: it is not a JSON object",
		"canary":                      "it is not a JSON object",
		`"canary"`:                    "it is not a JSON object",
		`["a","canary"]`:              "it is not a JSON object",
		`null`:                        "it is not a JSON object",
		"a=canary\n":                  "it is not a JSON object",
		`{"a":"canary"`:               "does not end",
		`{"a":"canary`:                `the value of "a"`,
		`{"a":canary}`:                `the value of "a"`,
		`{"a":"canary",}`:             "not JSON",
		`{"a":"canary" "b":"canary"}`: "not JSON",
		`{"a" "canary"}`:              `the value of "a"`,
		`{canary:"b"}`:                "not JSON",
		"{\n\"a\":\"canary\",\n\"b\":73501234\n}": `line 3: the value of "b"`,
		`{"a":"canary","b":null}`:                 `the value of "b"`,
		`{"a":{"b":"canary"}}`:                    `the value of "a"`,
		`{"a":["canary"]}`:                        `the value of "a"`,
		`{"a":"canary","a":"b"}`:                  `the name "a" is there twice`,
		`{"a":"canary","\u0061":"b"}`:             `the name "a" is there twice`,
		`{"a":"canary","":"b"}`:                   "a name is empty",
		`{"a":"canary"}{}`:                        "more after",
		`{"a":"canary"} canary`:                   "more after",
		"{\"a\":\"canary\xff\"}":                  "not UTF-8",
		`{"a":"canary\ud800"}`:                    "U+FFFD",
		"{\"a\":\"canary\ufffd\"}":                "U+FFFD",
		"\ufeff{\"a\":\"canary\"}":                "it is not a JSON object",
	} {
		err := requireFails(t, of(t, []byte(text), nil), "a", agesource.ErrCorrupt)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "7350")
		requireFails(t, of(t, []byte(text), nil), "missing", agesource.ErrCorrupt)
	}
	s := of(t, []byte(`{"a":"canary [redacted]","b":"canary"}`), nil)
	require.ErrorIs(t, requireFails(t, s, "a", nil), secrets.ErrRedacted)
	requireFinds(t, s, "b", "canary")
}

func TestSizes(t *testing.T) {
	frame := len(`{"a":""}`)
	requireFinds(t, of(t, []byte(`{"a":"`+strings.Repeat("x", secrets.MaxSize-frame)+`"}`), nil), "a", strings.Repeat("x", secrets.MaxSize-frame))
	err := requireFails(t, of(t, []byte(`{"a":"`+strings.Repeat("x", secrets.MaxSize-frame+1)+`"}`), nil), "a", nil)
	require.ErrorContains(t, err, "it holds more than")

	id := newIdentity(t)
	d := newDamaged(t, id)
	require.NoError(t, os.WriteFile(d.path, make([]byte, 2*secrets.MaxSize+1), 0o600))
	require.ErrorContains(t, requireFails(t, d.from, "a", nil), "more than")
	require.NoError(t, os.Remove(d.path))
	requireFails(t, d.from, "a", agesource.ErrNoFile)
	require.NoError(t, os.Mkdir(d.path, 0o700))
	require.ErrorContains(t, requireFails(t, d.from, "a", nil), "not a regular file")
}
