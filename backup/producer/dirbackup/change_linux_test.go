package dirbackup_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/producer/dirbackup"
)

// changes are what may happen to a file between its opening and its reading.
var changes = map[string]func(t *testing.T, name string){
	"append": func(t *testing.T, name string) {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteString("more")
		require.NoError(t, err)
		require.NoError(t, f.Close())
	},
	"cut": func(t *testing.T, name string) {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(name, info.Size()-2))
	},
	"one byte": func(t *testing.T, name string) {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		require.NoError(t, err)
		var b [1]byte
		_, err = f.ReadAt(b[:], 1)
		require.NoError(t, err)
		b[0]++
		_, err = f.WriteAt(b[:], 1)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	},
	"exchange": func(t *testing.T, name string) {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(name+".new", append([]byte("new"), content...), 0o600))
		require.NoError(t, os.Rename(name+".new", name))
	},
}

// A file that changes is read again: what is restored is what it was at one time.
// Where it never rests there is no backup, or, if that is asked for, one that
// says so and in which all else is whole.
func TestChanging(t *testing.T) {
	t.Parallel()
	for size, content := range map[string]string{"small": "content", "large": strings.Repeat("content", dirbackup.SmallFile/4)} {
		for what, change := range changes {
			t.Run(size+"/"+what, func(t *testing.T) {
				t.Parallel()
				repo, dir := newRepository(t), t.TempDir()
				name := filepath.Join(dir, "b")
				run := func(until int, o dirbackup.Options) (*backup.Backup, error) {
					for _, other := range []string{"a", "b", "c"} {
						write(t, filepath.Join(dir, other), other+content)
					}
					p := producer(t, dir, &o)
					p.SetOpened(func(path string, attempt int) {
						if path == "b" && attempt <= until {
							change(t, name)
						}
					})
					return repo.writer.Backup(t.Context(), p)
				}
				_, err := run(3, dirbackup.Options{})
				var changed *dirbackup.ChangedError
				require.ErrorAs(t, err, &changed)
				require.Equal(t, "b", changed.Path)
				require.Equal(t, 3, changed.Attempts)
				repo.none(t)

				b, err := run(1, dirbackup.Options{})
				require.NoError(t, err)
				require.NotContains(t, string(b.Details), "inconsistent")
				got, want := snapshot(t, repo.restore(t, b.ID)), snapshot(t, dir)
				delete(got, ".") // its time is that of the exchange
				delete(want, ".")
				requireSame(t, want, got)

				b, err = run(2, dirbackup.Options{Attempts: 2, KeepChanging: true, Full: true})
				require.NoError(t, err)
				require.Contains(t, string(b.Details), `"inconsistent":{"count":1,"first":["b"]}`)
				got, want = snapshot(t, repo.restore(t, b.ID)), snapshot(t, dir)
				require.Contains(t, got, "b")
				for _, name := range []string{".", "b"} {
					delete(got, name)
					delete(want, name)
				}
				requireSame(t, want, got)
			})
		}
	}
}

// A log that somebody writes to all the time.
func TestAppended(t *testing.T) {
	repo, dir := newRepository(t), t.TempDir()
	name := filepath.Join(dir, "log")
	write(t, name, strings.Repeat("line\n", 300000))
	write(t, filepath.Join(dir, "other"), "other")
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	stop, ended, wrote := make(chan struct{}), make(chan error, 1), make(chan struct{})
	go func() {
		for {
			if _, err := f.WriteString("line\n"); err != nil {
				ended <- err
				return
			}
			select {
			case <-stop:
				ended <- f.Close()
				return
			case wrote <- struct{}{}:
			default:
			}
		}
	}()
	writing := func(path string, _ int) {
		if path == "log" {
			<-wrote
			<-wrote // what began after the file was opened
		}
	}
	p := producer(t, dir, nil)
	p.SetOpened(writing)
	_, failed := repo.writer.Backup(t.Context(), p)
	p = producer(t, dir, &dirbackup.Options{KeepChanging: true})
	p.SetOpened(writing)
	b, d := repo.backup(t, p)
	close(stop)
	require.NoError(t, <-ended)
	require.ErrorAs(t, failed, new(*dirbackup.ChangedError))
	require.Equal(t, []string{"log"}, d.Inconsistent.First)
	restored := repo.restore(t, b.ID)
	got, err := os.ReadFile(filepath.Join(restored, "log"))
	require.NoError(t, err)
	whole, err := os.ReadFile(name)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(got), 1500000)
	require.True(t, bytes.HasPrefix(whole, got))
}

// What vanishes is listed, a folder with all that is in it too; where everything
// went there is no backup.
func TestVanishing(t *testing.T) {
	repo, dir := newRepository(t), filepath.Join(t.TempDir(), "folder")
	write(t, filepath.Join(dir, "a"), "a")
	write(t, filepath.Join(dir, "y", "file"), "y")
	write(t, filepath.Join(dir, "z"), "z")
	var remove []string
	p := producer(t, dir, &dirbackup.Options{Parallel: 1})
	p.SetOpened(func(path string, _ int) {
		if path == "a" {
			for _, name := range remove {
				require.NoError(t, os.RemoveAll(name))
			}
		}
	})
	remove = []string{filepath.Join(dir, "z"), filepath.Join(dir, "y")}
	b, d := repo.backup(t, p)
	require.Contains(t, d.Vanished.First, "z")
	require.EqualValues(t, 2, d.Vanished.Count) // and y, or the file in it
	got := snapshot(t, repo.restore(t, b.ID))
	require.Contains(t, got, "a")
	require.NotContains(t, got, "z")

	for _, again := range []bool{false, true} {
		p := producer(t, dir, nil)
		p.SetOpened(func(string, int) {
			if again {
				require.NoError(t, os.Rename(dir, dir+".old"))
				require.NoError(t, os.Mkdir(dir, 0o700))
				return
			}
			require.NoError(t, os.RemoveAll(dir))
		})
		_, err := repo.writer.Backup(t.Context(), p)
		require.ErrorContains(t, err, dir)
		require.ErrorContains(t, err, "removed or exchanged")
		write(t, filepath.Join(dir, "a"), "a")
	}
}

// The order is that of the names, so that the same tree makes the same parts.
func TestOrder(t *testing.T) {
	repo, dir := newRepository(t), t.TempDir()
	var want, got []string
	for i := range 60 {
		name := fmt.Sprintf("d%d/%02d", i/20, i)
		write(t, filepath.Join(dir, name), name)
		want = append(want, name)
	}
	p := producer(t, dir, &dirbackup.Options{Parallel: 1})
	p.SetOpened(func(path string, _ int) { got = append(got, path) })
	repo.backup(t, p)
	require.Equal(t, want, got)
}
