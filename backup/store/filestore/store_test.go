package filestore_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/store/filestore"
	"github.com/masaruk/devops/backup/storetest"
)

func read(t *testing.T, s backup.Store, name string) ([]byte, error) {
	t.Helper()
	r, err := s.Get(t.Context(), name, 0, -1)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(r)
	return got, errors.Join(err, r.Close())
}

func TestStore(t *testing.T) {
	dir := t.TempDir()
	storetest.Run(t, func() (backup.Store, error) { return filestore.New(dir) }, &storetest.Options{Page: 30})
	require.Empty(t, tree(t, dir), "no folder and no temporary file stays")
}

// What is not the store's own is not shown.
func TestForeignFiles(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a name"), nil, 0o600))
	require.NoError(t, os.Symlink("a name", filepath.Join(dir, "link")))
	s, err := filestore.New(dir)
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), "data/o", strings.NewReader("x")))
	var names []string
	for o, err := range s.List(t.Context(), "") {
		require.NoError(t, err)
		names = append(names, o.Name)
	}
	require.Equal(t, []string{"data/o"}, names)
	for path, mode := range map[string]os.FileMode{"data": 0o700, "data/o": 0o600} {
		info, err := os.Stat(filepath.Join(dir, path))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}
}

// A file that was cut is an error at its end, not a shorter object.
func TestFileThatIsCutWhileItIsRead(t *testing.T) {
	dir := t.TempDir()
	s, err := filestore.New(dir)
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), "o", strings.NewReader("0123456789")))
	r, err := s.Get(t.Context(), "o", 0, -1)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(filepath.Join(dir, "o"), 5))
	_, err = io.ReadAll(r)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NoError(t, r.Close())
}

func TestNewWithoutAFolder(t *testing.T) {
	_, err := filestore.New("")
	require.ErrorContains(t, err, "dir is empty")
}
