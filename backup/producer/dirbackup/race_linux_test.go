package dirbackup

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
)

// Between being listed and being opened a file, or a folder above it, becomes a
// link to something else: that is never read in its place.
func TestExchangedForLink(t *testing.T) {
	for what, exchange := range map[string]func(dir string) error{
		"file":   func(dir string) error { return os.Symlink("../other/file", filepath.Join(dir, "d", "file")) },
		"pipe":   func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "d", "file"), 0o600) },
		"folder": func(dir string) error { return os.Symlink("other", filepath.Join(dir, "d")) },
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			for _, d := range []string{"d", "other"} {
				require.NoError(t, os.Mkdir(filepath.Join(dir, d), 0o700))
				require.NoError(t, os.WriteFile(filepath.Join(dir, d, "file"), []byte(d), 0o600))
			}
			root, err := os.OpenRoot(dir)
			require.NoError(t, err)
			defer func() { require.NoError(t, root.Close()) }()
			x := &run{root: root}
			folder, err := root.Lstat("d")
			require.NoError(t, err)
			listed, err := root.Lstat("d/file")
			require.NoError(t, err)
			it := &item{entry: entryOf("d/file", listed), listed: listed}
			r, err := x.open(t.Context(), it)
			require.NoError(t, err)
			require.NoError(t, r.file.Close())

			require.NoError(t, os.Remove(filepath.Join(dir, "d", "file")))
			if what == "folder" {
				require.NoError(t, os.Remove(filepath.Join(dir, "d")))
			}
			require.NoError(t, exchange(dir))
			_, err = x.open(t.Context(), it)
			require.ErrorIs(t, err, fs.ErrNotExist)
			if what == "folder" {
				_, err = (&walk{run: x}).names("d", folder)
				require.ErrorContains(t, err, "exchanged")
			}
		})
	}
}

// One thing that differs is enough to read a file.
func TestTrusted(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	file := backup.Entry{
		Path: "file", Type: backup.EntryFile, Size: 5, Modified: began.Add(-time.Hour), Changed: began.Add(-3 * time.Second), Inode: 7, SHA256: "x",
	}
	trusted := func(e, known backup.Entry) bool {
		x := &run{
			Producer: &Producer{options: Options{TrustTimes: true}, margin: trustMargin},
			earlier:  &backup.Backup{Started: began}, known: map[string]backup.Entry{known.Path: known},
		}
		return x.trusted(e)
	}
	require.True(t, trusted(file, file))
	for what, change := range map[string]func(*backup.Entry){
		"path":  func(e *backup.Entry) { e.Path = "other" },
		"size":  func(e *backup.Entry) { e.Size++ },
		"mtime": func(e *backup.Entry) { e.Modified = e.Modified.Add(1) },
		"ctime": func(e *backup.Entry) { e.Changed = e.Changed.Add(-1) },
		"inode": func(e *backup.Entry) { e.Inode++ },
	} {
		other := file
		change(&other)
		require.False(t, trusted(other, file), what)
	}
	for what, change := range map[string]func(*backup.Entry){
		"just before": func(e *backup.Entry) { e.Changed = began.Add(-time.Second) },
		"no ctime":    func(e *backup.Entry) { e.Changed = time.Time{} },
		"no inode":    func(e *backup.Entry) { e.Inode = 0 },
	} {
		both := file
		change(&both)
		require.False(t, trusted(both, both), what)
	}
}

// A folder that is gone when its turn comes is listed, and is no problem.
func TestFolderVanishes(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "d"), 0o700))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, root.Close()) }()
	listed, err := root.Lstat("d")
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, "d")))
	w := &walk{run: &run{root: root}}
	w.folder(t.Context(), "d", listed)
	require.NoError(t, w.problem())
	require.Equal(t, Names{Count: 1, First: []string{"d"}}, w.vanished)
}

// A file that was written to a moment ago is not read before the clock of the file
// system has gone on, or a further change would leave no trace.
func TestClockStep(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, root.Close()) }()
	listed, err := root.Lstat("file")
	require.NoError(t, err)
	r, err := (&run{root: root}).open(t.Context(), &item{entry: entryOf("file", listed), listed: listed})
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(r.entry.Changed), clockStep)
	require.NoError(t, r.finish())
	r.restless = true
	require.ErrorIs(t, r.finish(), errChanged)
	require.NoError(t, r.file.Close())
}
