package powercut_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/durable/powercut"
)

func record(t *testing.T, dir string) *powercut.Recorder {
	t.Helper()
	rec, err := powercut.New(dir)
	require.NoError(t, err)
	return rec
}

// outcomes returns what the names may hold if the power goes now, names side
// by side; "-" is a name that does not exist.
func outcomes(t *testing.T, rec *powercut.Recorder, names ...string) []string {
	t.Helper()
	now := fmt.Sprint("now ", len(rec.Recording().Ops()))
	rec.Mark(now)
	found := map[string]bool{}
	for s, err := range rec.Recording().States(&powercut.Options{Samples: 50}) {
		require.NoError(t, err)
		if len(s.Marks) == 0 || s.Marks[len(s.Marks)-1] != now {
			continue
		}
		var each []string
		for _, name := range names {
			each = append(each, content(t, filepath.Join(s.Dir, name)))
		}
		found[strings.Join(each, " ")] = true
	}
	var list []string
	for o := range found {
		list = append(list, o)
	}
	return list
}

func content(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return "-"
	}
	require.NoError(t, err)
	if info.IsDir() {
		return "directory"
	}
	if info.Mode()&os.ModeSymlink != 0 {
		target, err := os.Readlink(path)
		require.NoError(t, err)
		return "->" + target
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

func TestContent(t *testing.T) {
	dir := t.TempDir()
	rec := record(t, dir)
	f, err := rec.OpenFile(filepath.Join(dir, "a"), os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = io.Copy(f, strings.NewReader("xy"))
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"-", "", "x", "xy", "x\x00", "\x00y", "\x00\x00"}, outcomes(t, rec, "a"))

	require.NoError(t, f.Sync())
	require.ElementsMatch(t, []string{"-", "xy"}, outcomes(t, rec, "a"), "the name is not durable yet")
	require.NoError(t, rec.SyncDir(dir))
	require.Equal(t, []string{"xy"}, outcomes(t, rec, "a"))

	require.NoError(t, f.Truncate(1))
	require.ElementsMatch(t, []string{"x", "xy"}, outcomes(t, rec, "a"))
	require.NoError(t, f.Close())
}

func TestEntries(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"old", "new", "gone"} {
		require.NoError(t, os.WriteFile(path(name), []byte(name[:1]), 0o600))
	}
	rec := record(t, dir)
	require.Equal(t, []string{"o n g"}, outcomes(t, rec, "old", "new", "gone"), "what was there is durable")

	require.NoError(t, rec.Rename(path("new"), path("old")))
	require.NoError(t, rec.Remove(path("gone")))
	require.ElementsMatch(t, []string{"o n g", "n - g", "o n -", "n - -"}, outcomes(t, rec, "old", "new", "gone"), "each on its own, a rename as one")
	require.NoError(t, rec.SyncDir(dir))
	require.Equal(t, []string{"n - -"}, outcomes(t, rec, "old", "new", "gone"))

	require.NoError(t, rec.Symlink("old", path("link")))
	require.ElementsMatch(t, []string{"-", "->old"}, outcomes(t, rec, "link"))
	require.NoError(t, rec.Mkdir(path("d"), 0o700))
	require.NoError(t, rec.Symlink("x", path("d/in")))
	require.NoError(t, rec.SyncDir(path("d")))
	require.ElementsMatch(t, []string{"- -", "directory ->x"}, outcomes(t, rec, "d", "d/in"), "a lost directory takes its content with it")
}

func TestRenameAcrossDirectories(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"from", "to"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, d), 0o700))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "from/a"), []byte("x"), 0o600))
	rec := record(t, dir)
	require.NoError(t, rec.Rename(filepath.Join(dir, "from/a"), filepath.Join(dir, "to/a")))
	require.ElementsMatch(t, []string{"x -", "x x", "- x"}, outcomes(t, rec, "from/a", "to/a"))
	require.NoError(t, rec.SyncDir(filepath.Join(dir, "from")))
	require.ElementsMatch(t, []string{"- -", "- x"}, outcomes(t, rec, "from/a", "to/a"), "synced in the wrong order it can get lost")
}

func TestBehindItsBack(t *testing.T) {
	dir := t.TempDir()
	rec := record(t, dir)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "app/bin"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "app/bin/run"), []byte("x"), 0o600))
	require.NoError(t, rec.SyncDir(filepath.Join(dir, "app/bin")))
	require.ElementsMatch(t, []string{"-", "", "x", "\x00"}, outcomes(t, rec, "app/bin/run"))
	require.NoError(t, durable.SyncTree(rec, dir))
	require.Equal(t, []string{"x"}, outcomes(t, rec, "app/bin/run"))

	require.NoError(t, os.WriteFile(filepath.Join(dir, "app/bin/run"), []byte("y"), 0o600))
	require.NoError(t, durable.SyncFile(rec, filepath.Join(dir, "app/bin/run")))
	require.Equal(t, []string{"y"}, outcomes(t, rec, "app/bin/run"))
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	rec := record(t, dir)
	rec.KillAfter(1)
	require.NoError(t, rec.Mkdir(filepath.Join(dir, "a"), 0o700))
	require.ErrorIs(t, rec.Mkdir(filepath.Join(dir, "b"), 0o700), powercut.ErrKilled)
	require.NoDirExists(t, filepath.Join(dir, "b"))
	rec.KillAfter(-1)
	require.NoError(t, rec.Mkdir(filepath.Join(dir, "b"), 0o700))
}

func TestProveReportsWhatIsNotNeeded(t *testing.T) {
	dir := t.TempDir()
	rec := record(t, dir)
	require.NoError(t, rec.Mkdir(filepath.Join(dir, "a"), 0o700))
	require.NoError(t, rec.SyncDir(dir))
	rec.Mark("made")
	err := rec.Recording().Prove(nil, func(powercut.State) error { return nil })
	require.ErrorContains(t, err, "operation 1, sync directory ., can be left out")

	err = rec.Recording().Prove(nil, func(s powercut.State) error {
		_, err := os.Stat(filepath.Join(s.Dir, "a"))
		return err
	})
	require.ErrorContains(t, err, "power cut after nothing")
}
