package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/producer/pgbackup"
	"github.com/masaruk/devops/backup/store/filestore"
	"github.com/masaruk/devops/secrets"
)

// runs calls a command as main does.
func runs(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

func identity(t *testing.T) (file, recipient string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "identity")
	require.NoError(t, os.WriteFile(file, []byte("# made by a test\n"+id.String()+"\n"), 0o600))
	return file, id.Recipient().String()
}

// fields returns the names of the fields of an object, and of the first object
// of a list.
func fields(t *testing.T, text string) []string {
	t.Helper()
	var list []map[string]any
	object := map[string]any{}
	if strings.HasPrefix(text, "[") {
		require.NoError(t, json.Unmarshal([]byte(text), &list))
		object = list[0]
	} else {
		require.NoError(t, json.Unmarshal([]byte(text), &object))
	}
	return slices.Sorted(maps.Keys(object))
}

// cluster is what a small data directory would be.
type cluster struct{}

func (cluster) Kind() string { return pgbackup.Kind }

func (cluster) Produce(_ context.Context, s *backup.Session) (any, error) {
	for name, text := range map[string]string{"PG_VERSION": "15\n", "postgresql.conf": "", "pg_wal/000000010000000000000001": "wal"} {
		if _, err := s.Add(backup.Entry{Path: name, Type: backup.EntryFile, Mode: 0o600, Size: int64(len(text))}, strings.NewReader(text)); err != nil {
			return nil, err
		}
	}
	return pgbackup.Details{Version: 150004, System: "7", Timeline: 1, Start: 1, Stop: 2}, nil
}

// made makes a repository with a backup, and returns its folder and the file of
// the operator's identity.
func made(t *testing.T) (repo, file string, b *backup.Backup) {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	repo = filepath.Join(t.TempDir(), "repo")
	file, recipient := identity(t)
	code, out, stderr := runs(t, "init", "-repo", repo, "-recipient", recipient, "-json")
	require.Zero(t, code, stderr)
	require.Equal(t, []string{"fingerprint", "keys", "repository"}, fields(t, out))
	var result struct{ Keys string }
	require.NoError(t, json.Unmarshal([]byte(out), &result))
	raw, err := os.ReadFile(filepath.Join(result.Keys, "writer.key"))
	require.NoError(t, err)
	store, err := filestore.New(repo)
	require.NoError(t, err)
	w, err := backup.OpenWriter(t.Context(), store, secrets.New(string(raw)), nil)
	require.NoError(t, err)
	b, err = w.Backup(t.Context(), cluster{})
	require.NoError(t, err)
	return repo, file, b
}

func TestInitKeepsKeys(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	_, recipient := identity(t)
	_, second := identity(t)
	for name, args := range map[string][]string{"default": nil, "given": {"-keys", filepath.Join(t.TempDir(), "keys")}} {
		repo := filepath.Join(t.TempDir(), name)
		code, out, stderr := runs(t, append([]string{"init", "-repo", repo, "-recipient", recipient}, args...)...)
		require.Zero(t, code, stderr)
		require.Contains(t, out, "One recipient can read it")
		pattern := filepath.Join(home, "pgops", "*", "*.key")
		if args != nil {
			pattern = filepath.Join(args[1], "*.key")
		}
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.Len(t, files, 2, pattern)
		for _, file := range files {
			info, err := os.Stat(file)
			require.NoError(t, err)
			require.EqualValues(t, 0o600, info.Mode().Perm())
			folder, err := os.Stat(filepath.Dir(file))
			require.NoError(t, err)
			require.EqualValues(t, fs.ModeDir|0o700, folder.Mode())
		}
		before, err := os.ReadFile(files[1])
		require.NoError(t, err)
		code, _, stderr = runs(t, append([]string{"init", "-repo", repo, "-recipient", recipient}, args...)...)
		require.Equal(t, 1, code)
		require.Contains(t, stderr, "exist")
		after, err := os.ReadFile(files[1])
		require.NoError(t, err)
		require.Equal(t, before, after)
		require.NotContains(t, out+stderr, string(before))
	}
	other := filepath.Join(t.TempDir(), "other")
	keys := filepath.Join(t.TempDir(), "keys")
	code, out, _ := runs(t, "init", "-repo", other, "-recipient", recipient, "-recipient", second, "-keys", keys)
	require.Zero(t, code)
	require.NotContains(t, out, "One recipient")
	code, _, stderr := runs(t, "init", "-repo", other+"2", "-recipient", recipient, "-keys", keys)
	require.Equal(t, 1, code, "the keys of another repository are not written over")
	require.Contains(t, stderr, "another folder")
}

func TestMisuse(t *testing.T) {
	for want, args := range map[string][]string{
		"usage:":                   {},
		"restore  make":            {"no-such-command"},
		"-repo is missing":         {"list"},
		"-identity is missing; -r": {"verify"},
		"-recipient is missing":    {"init", "-repo", "x"},
		"-conninfo is missing":     {"backup", "-repo", "x"},
		"-target-dir is missing":   {"restore", "-repo", "x", "-identity", "y"},
		"is no flag":               {"list", "-repo", "x", "more"},
		"not defined":              {"list", "-deep"},
	} {
		code, out, stderr := runs(t, args...)
		require.Equal(t, 2, code, args)
		require.Empty(t, out)
		require.Contains(t, stderr, want)
	}
	code, _, stderr := runs(t, "list", "-repo", "ftp://x/y")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, `"ftp" is neither s3 nor file`)
}

func TestListVerifyRestore(t *testing.T) {
	repo, file, b := made(t)
	code, out, stderr := runs(t, "list", "-repo", repo, "-json")
	require.Zero(t, code, stderr)
	require.Equal(t, []string{"bytes", "details", "ended", "epoch", "files", "format", "host", "id", "kind", "objects", "repository", "restorable", "started", "stored"}, fields(t, out))
	code, out, _ = runs(t, "list", "-repo", "file://"+repo)
	require.Equal(t, 1, code, "another name has keys of its own: %s", out)
	code, out, _ = runs(t, "list", "-repo", repo)
	require.Zero(t, code)
	require.Contains(t, out, "complete")

	for _, deep := range []string{"-deep=false", "-deep"} {
		code, out, stderr = runs(t, "verify", "-repo", repo, "-identity", file, "-json", deep)
		require.Zero(t, code, stderr)
		require.Equal(t, []string{"backup", "bytes", "deep", "objects", "record", "time"}, fields(t, out))
	}
	_, out, _ = runs(t, "list", "-repo", repo)
	require.Contains(t, out, "verified")

	dir := filepath.Join(t.TempDir(), "data")
	code, out, stderr = runs(t, "restore", "-repo", repo, "-identity", file, "-target-dir", dir, "-dry-run", "-json")
	require.Zero(t, code, stderr)
	require.Equal(t, []string{"backup", "bytes", "fetch", "files", "free", "objects", "target"}, fields(t, out))
	require.NoDirExists(t, dir)
	code, out, stderr = runs(t, "restore", "-repo", repo, "-identity", file, "-target-dir", dir, "-json", "-backup", b.ID)
	require.Zero(t, code, stderr)
	require.Equal(t, []string{"backup", "bytes", "duration_ns", "fetched", "files", "target"}, fields(t, out))
	text, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	require.NoError(t, err)
	require.Equal(t, "15\n", string(text))

	for want, args := range map[string][]string{
		"is not empty":         {"restore", "-target-dir", dir, "-identity", file},
		"not empty (":          {"restore", "-target-dir", dir, "-identity", file, "-dry-run"},
		"not OID=FOLDER":       {"restore", "-target-dir", dir + "2", "-identity", file, "-tablespace", "x"},
		"no tablespace":        {"restore", "-target-dir", dir + "2", "-identity", file, "-tablespace", "1=/x"},
		"no backup x":          {"restore", "-target-dir", dir + "2", "-identity", file, "-backup", "x"},
		"no such file":         {"verify", "-identity", filepath.Join(dir, "none")},
		"-fingerprint":         {"verify", "-identity", file, "-fingerprint", strings.Repeat("0", 64)},
		"-identity must":       {"verify", "-identity", func() string { f, _ := identity(t); return f }()},
		"prove backup " + b.ID: {"restore", "-target-dir", dir + "3", "-identity", file, "-prove", "-programs", t.TempDir()},
	} {
		code, _, stderr = runs(t, append(args, "-repo", repo)...)
		require.Equal(t, 1, code, "%v: %s", args, stderr)
		require.Contains(t, stderr, want)
		require.NoDirExists(t, dir+"2")
	}
}

// What is damaged is found, and nothing that looks complete is left.
func TestDamage(t *testing.T) {
	repo, file, b := made(t)
	for _, o := range b.Objects {
		name := filepath.Join(repo, filepath.FromSlash(o.Name))
		whole, err := os.ReadFile(name)
		require.NoError(t, err)
		spoilt := bytes.Clone(whole)
		spoilt[len(spoilt)/2] ^= 1
		require.NoError(t, os.WriteFile(name, spoilt, 0o600))
		dir := filepath.Join(t.TempDir(), "data")
		for _, args := range [][]string{{"verify", "-deep"}, {"restore", "-target-dir", dir}} {
			code, out, stderr := runs(t, append(args, "-repo", repo, "-identity", file)...)
			require.Equal(t, 1, code)
			require.Contains(t, stderr, o.Name)
			require.Empty(t, out)
		}
		if _, err := os.Stat(dir); err == nil {
			require.FileExists(t, filepath.Join(dir, "devops-restore-incomplete.json"))
		}
		require.NoError(t, os.WriteFile(name, whole, 0o600))
	}
	name := filepath.Join(repo, "backups", b.ID, "backup.age")
	require.NoError(t, os.WriteFile(name, []byte("damaged"), 0o600))
	code, out, stderr := runs(t, "list", "-repo", repo)
	require.Equal(t, 1, code)
	require.Contains(t, out, "record damaged")
	require.Contains(t, stderr, b.ID)
}

// A bar is shown on a terminal only, and not beside JSON.
func TestBar(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	defer terminal.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	defer file.Close()
	require.NotNil(t, newBar(&call{err: terminal}, "x").file)
	require.Nil(t, newBar(&call{err: terminal, json: true}, "x").file)
	require.Nil(t, newBar(&call{err: io.Discard}, "x").file)
	for _, json := range []bool{false, true} {
		b := newBar(&call{err: file, json: json}, "x")
		b.set(1, 2)
		b.add(1, 2)
		b.end()
	}
	b := newBar(&call{}, "backup")
	b.file = file
	b.set(1<<20, 4<<20)
	b.set(2<<20, 0)
	b.end()
	text, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	require.Equal(t, "\rbackup ["+strings.Repeat("#", 10)+strings.Repeat(".", 30)+"] 1.0 MiB of 4.0 MiB \n", string(text))
	require.Equal(t, "17 B", size(17))
}
