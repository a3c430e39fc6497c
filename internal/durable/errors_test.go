package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/durable/powercut"
)

// failing is a file system in which one operation does not work.
type failing struct {
	durable.OS
	op  string
	err error
}

func (f failing) OpenFile(name string, flag int, perm fs.FileMode) (durable.File, error) {
	file, err := f.OS.OpenFile(name, flag, perm)
	return failingFile{file, f}, err
}

func (f failing) Rename(oldname, newname string) error {
	if f.op == "rename" {
		return f.err
	}
	return f.OS.Rename(oldname, newname)
}

func (f failing) SyncDir(name string) error {
	if f.op == "sync directory" {
		return f.err
	}
	return f.OS.SyncDir(name)
}

type failingFile struct {
	durable.File
	f failing
}

func (f failingFile) Write(p []byte) (int, error) {
	if f.f.op == "write" {
		n, err := f.File.Write(p[:len(p)/2])
		return n, errors.Join(err, f.f.err)
	}
	return f.File.Write(p)
}

func (f failingFile) Sync() error {
	if f.f.op == "sync" {
		return f.f.err
	}
	return f.File.Sync()
}

// A failure is reported, leaves the old content, and nothing beside it.
func TestFailure(t *testing.T) {
	broken := errors.New("device is broken")
	for _, op := range []string{"write", "sync", "rename", "sync directory"} {
		t.Run(op, func(t *testing.T) {
			dir := t.TempDir()
			fsys := failing{op: op, err: broken}
			name := filepath.Join(dir, "a")
			require.NoError(t, os.WriteFile(name, []byte("old\n"), 0o600))

			err := durable.WriteFile(fsys, name, []byte("new\n"), 0o600)
			require.ErrorIs(t, err, broken)
			if op != "sync directory" { // by then the name is the new file's
				require.NoError(t, holds("a", "old\n")(dir))
			}
			require.NoError(t, os.WriteFile(name, []byte("old\n"), 0o600))
			if op == "write" || op == "sync" {
				require.ErrorIs(t, durable.Append(fsys, name, []byte("more\n"), 0o600), broken)
				require.NoError(t, holds("a", "old\n")(dir))
			}
			if op == "rename" {
				require.ErrorIs(t, durable.ReplaceSymlink(fsys, "x", name), broken)
			}
			if op == "sync directory" {
				require.ErrorIs(t, durable.MkdirAll(fsys, filepath.Join(dir, "d"), 0o700), broken)
				require.NoError(t, os.RemoveAll(filepath.Join(dir, "d")))
				require.ErrorIs(t, durable.Append(fsys, filepath.Join(dir, "b"), []byte("x"), 0o600), broken)
				require.NoError(t, holds("b", "")(dir))
				require.NoError(t, os.Remove(filepath.Join(dir, "b")))
			}
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, entries, 1, "temporary files are removed")
		})
	}
}

func TestMkdirAllOverAFile(t *testing.T) {
	dir := t.TempDir()
	file("a", "x")(t, dir)
	err := durable.MkdirAll(durable.OS{}, filepath.Join(dir, "a/b"), 0o700)
	require.ErrorContains(t, err, filepath.Join(dir, "a"))
}

func TestRemoveAllOfNothing(t *testing.T) {
	require.NoError(t, durable.RemoveAll(durable.OS{}, filepath.Join(t.TempDir(), "a")))
	require.NoError(t, durable.RemoveAll(durable.OS{}, filepath.Join(t.TempDir(), "a/b")))
}

// A process killed in the middle leaves a temporary file, and nothing else is
// taken for one.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	rec, err := powercut.New(dir)
	require.NoError(t, err)
	rec.KillAfter(2)
	require.ErrorIs(t, durable.WriteFile(rec, filepath.Join(dir, "a"), []byte("x"), 0o600), powercut.ErrKilled)
	rec.KillAfter(1)
	require.ErrorIs(t, durable.ReplaceSymlink(rec, "x", filepath.Join(dir, "l")), powercut.ErrKilled)
	names := []string{"a", ".a", ".a.tmp", ".a.tmp-x", "a.tmp-ABCDEFGHIJKL"}
	for _, name := range names {
		file(name, "x")(t, dir)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, len(names)+2)
	require.NoError(t, durable.Sweep(durable.OS{}, dir))
	entries, err = os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, len(names))
}
