package dirbackup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup/producer/dirbackup"
)

// What an index cannot hold is named, all of it, and nothing is left out for it.
func TestRefusedNames(t *testing.T) {
	repo, dir := newRepository(t), t.TempDir()
	write(t, filepath.Join(dir, "good"), "good")
	write(t, filepath.Join(dir, "bad\xff"), "bad")
	write(t, filepath.Join(dir, "d\xfe", "below"), "bad")
	require.NoError(t, os.Symlink("to\xff", filepath.Join(dir, "link")))
	write(t, filepath.Join(dir, "future"), "far")
	far := syscall.Timespec{Sec: time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC).Unix()}
	require.NoError(t, syscall.UtimesNano(filepath.Join(dir, "future"), []syscall.Timespec{far, far}))
	_, err := repo.writer.Backup(t.Context(), producer(t, dir, nil))
	require.ErrorContains(t, err, `"bad\xff": the name is not UTF-8`)
	require.ErrorContains(t, err, `"d\xfe"`)
	require.ErrorContains(t, err, `"link": the link leads to "to\xff"`)
	require.ErrorContains(t, err, `"future": its time lies in the year 2400`)
	repo.none(t)
	require.NoError(t, os.Remove(filepath.Join(dir, "future")))
	b, d := repo.backup(t, producer(t, dir, &dirbackup.Options{Exclude: []string{"bad?", "d\xfe", "link"}}))
	require.EqualValues(t, 3, d.Excluded)
	require.EqualValues(t, 1, b.Files)

	for i := range 30 {
		write(t, filepath.Join(dir, fmt.Sprintf("%d\xff", i)), "")
	}
	_, err = repo.writer.Backup(t.Context(), producer(t, dir, nil))
	require.ErrorContains(t, err, "and 13 more")
	require.Equal(t, 20, strings.Count(err.Error(), "not UTF-8"))
}

// The mark of a restore that is not complete: nobody takes its folder for whole.
func TestIncompleteRestore(t *testing.T) {
	repo, dir := newRepository(t), t.TempDir()
	write(t, filepath.Join(dir, "devops-restore-incomplete.json"), "{}")
	_, err := repo.writer.Backup(t.Context(), producer(t, dir, nil))
	require.ErrorContains(t, err, "incomplete restore")
	repo.none(t)
}

// A path of the greatest length, and a tree that leads back into itself.
func TestDeep(t *testing.T) {
	repo, dir := newRepository(t), t.TempDir()
	deep := dir
	for range 12 {
		deep = filepath.Join(deep, strings.Repeat("d", 255))
	}
	write(t, filepath.Join(deep, "file"), "deep")
	require.NoError(t, os.Symlink(dir, filepath.Join(deep, "loop")))
	b, _ := repo.backup(t, producer(t, dir, nil))
	requireSame(t, snapshot(t, dir), snapshot(t, repo.restore(t, b.ID)))
}

func TestNoFolder(t *testing.T) {
	repo, dir := newRepository(t), t.TempDir()
	_, err := repo.writer.Backup(t.Context(), producer(t, dir, nil))
	require.ErrorContains(t, err, "nothing in it to back up")
	_, err = repo.writer.Backup(t.Context(), producer(t, filepath.Join(dir, "missing"), nil))
	require.ErrorIs(t, err, os.ErrNotExist)
	write(t, filepath.Join(dir, "file"), "file")
	_, err = repo.writer.Backup(t.Context(), producer(t, filepath.Join(dir, "file"), nil))
	require.ErrorContains(t, err, "not a directory")
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir, link))
	b, _ := repo.backup(t, producer(t, link, nil))
	require.EqualValues(t, 1, b.Files)
}

// Files that have content and no size, as those of /proc, are not taken for empty.
func TestPseudoFiles(t *testing.T) {
	repo := newRepository(t)
	_, err := repo.writer.Backup(t.Context(), producer(t, "/proc/sys/kernel/random", nil))
	require.ErrorAs(t, err, new(*dirbackup.ChangedError))
	require.ErrorContains(t, err, "more than the 0 bytes")
	repo.none(t)
}
