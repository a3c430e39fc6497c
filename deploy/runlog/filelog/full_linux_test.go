package filelog_test

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/internal/testenv"
)

// mount makes a small file system of its own in memory, where that is allowed.
func mount(t *testing.T, options string) (dir string, ok bool) {
	t.Helper()
	dir = t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		return "", false
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return dir, true
}

// fill appends records until the first error, and returns how many it got in.
func fill(l deploy.Log) (int, error) {
	for n := 1; ; n++ {
		if err := l.Append(ctx(), "s", uint64(n), big(n)); err != nil {
			return n - 1, err
		}
	}
}

func big(n int) []byte { return fmt.Appendf(nil, `{"n":%d,"text":%q}`, n, strings.Repeat("x", 10000)) }

// checkFull tells whether all records are there after the disk was full.
func checkFull(l deploy.Log, n int, err error) error {
	if !strings.Contains(err.Error(), "make room and run again") || !strings.Contains(err.Error(), fmt.Sprint("line ", n+1)) {
		return fmt.Errorf("unclear error: %w", err)
	}
	got, err := read(l, "s", 1)
	if err != nil {
		return err
	}
	if n < 3 || len(got) != n {
		return fmt.Errorf("%d records were acknowledged, %d are there", n, len(got))
	}
	return nil
}

func TestFullDisk(t *testing.T) {
	dir, ok := mount(t, "size=64k")
	if !ok {
		require.Empty(t, os.Getenv(testenv.RequireAll), "this user may not mount a small disk, and everything was asked for")
		t.Log("no mount for this user: only TestFileSizeLimit fills a disk")
		return
	}
	l := newLog(t, filepath.Join(dir, "log"))
	ballast := filepath.Join(dir, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 12<<10), 0o600))
	n, err := fill(l)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, checkFull(l, n, err))
	require.NoError(t, checkFull(newLog(t, filepath.Join(dir, "log")), n, err))

	require.NoError(t, os.Remove(ballast))
	require.NoError(t, l.Append(t.Context(), "s", uint64(n+1), big(n+1)))
	got, err := read(l, "s", 1)
	require.NoError(t, err)
	require.Len(t, got, n+1)
}

// TestFileSizeLimit needs no rights: another process limits itself.
func TestFileSizeLimit(t *testing.T) {
	dir := t.TempDir()
	cmd, out, _ := start(t, "limited", dir)
	require.True(t, out.Scan())
	require.Equal(t, "ok", out.Text())
	require.NoError(t, cmd.Wait())
	// Without the limit it goes on.
	l := newLog(t, dir)
	got, err := read(l, "s", 1)
	require.NoError(t, err)
	require.NoError(t, l.Append(t.Context(), "s", uint64(len(got)+1), big(0)))
}

func limited(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 45000, Max: 45000}); err != nil {
		return err
	}
	l, err := filelog.New(dir, nil)
	if err != nil {
		return err
	}
	n, err := fill(l)
	if !errors.Is(err, syscall.EFBIG) {
		return err
	}
	if err := checkFull(l, n, err); err != nil {
		return err
	}
	_, err = fmt.Println("ok")
	return err
}

func TestReadOnlyDirectory(t *testing.T) {
	dir, ok := mount(t, "size=64k")
	if ok {
		first := newLog(t, dir)
		require.NoError(t, first.Append(t.Context(), "s", 1, rec(1)))
		require.NoError(t, first.Close()) // nothing is open for writing
		require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	} else {
		dir = t.TempDir()
		require.NoError(t, newLog(t, dir).Append(t.Context(), "s", 1, rec(1)))
		require.NoError(t, os.Chmod(filepath.Join(dir, "s.jsonl"), 0o400))
		require.NoError(t, os.Chmod(dir, 0o500))
	}
	l := newLog(t, dir)
	for stream, seq := range map[string]uint64{"s": 2, "t": 1, "u/v": 1} {
		err := l.Append(t.Context(), stream, seq, rec(2))
		require.ErrorContains(t, err, "let this user write there", stream)
		require.ErrorContains(t, err, dir)
	}
	got, err := read(l, "s", 1)
	require.NoError(t, err, "what is there can be read")
	require.Equal(t, []string{string(rec(1))}, got)
}

func TestDirectoryIsAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	err := newLog(t, filepath.Join(name, "log")).Append(t.Context(), "s", 1, rec(1))
	var e *filelog.Error
	require.ErrorAs(t, err, &e)
	require.ErrorContains(t, err, name)
}
