package filelog_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/internal/durable"
)

// stopping is a file system on which the process stops itself before a sync of
// a file, as SIGSTOP from outside would at that moment.
type stopping struct{ durable.OS }

func (s stopping) OpenFile(name string, flag int, perm os.FileMode) (durable.File, error) {
	f, err := s.OS.OpenFile(name, flag, perm)
	return stoppingFile{f}, err
}

type stoppingFile struct{ durable.File }

func (f stoppingFile) Sync() error {
	if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
		return err
	}
	return f.File.Sync()
}

// stops appends record 2, and is stopped in the middle of it.
func stops(dir string) error {
	l, err := filelog.NewOn(dir, stopping{})
	if err != nil {
		return err
	}
	return l.Append(ctx(), "a", 2, rec(2))
}

// waitUntilStopped returns when the process is.
func waitUntilStopped(t *testing.T, pid int) {
	t.Helper()
	for stopped := false; !stopped; {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		require.NoError(t, err)
		stopped = strings.Contains(string(text), "State:\tT")
		require.NotContains(t, string(text), "State:\tZ", "it ended and did not stop")
	}
}

// A controller that was stopped in the middle of an Append holds the others up
// for a bounded time, and they say who it is and what to do. Both ways on work.
func TestAStoppedProcessIsNamed(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGCONT, syscall.SIGKILL} {
		dir := t.TempDir()
		require.NoError(t, newLog(t, dir).Append(t.Context(), "a", 1, rec(1)))
		cmd, _, _ := start(t, "stops", dir)
		pid := cmd.Process.Pid
		waitUntilStopped(t, pid)

		l, err := filelog.New(dir, &filelog.Options{Wait: 20 * time.Millisecond})
		require.NoError(t, err)
		_, readErr := read(l, "a", 1)
		for _, err := range []error{l.Append(t.Context(), "a", 3, rec(3)), readErr} {
			require.ErrorIs(t, err, filelog.ErrBusy)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, deploy.ErrConflict)
			for _, part := range []string{
				filepath.Join(dir, "a.jsonl"), "20ms", fmt.Sprintf("process %d (", pid), "is stopped",
				fmt.Sprintf("kill -CONT %d", pid), fmt.Sprintf("kill -KILL %d", pid), "run again",
			} {
				require.ErrorContains(t, err, part)
			}
		}

		require.NoError(t, cmd.Process.Signal(signal))
		err = cmd.Wait()
		require.Equal(t, signal == syscall.SIGCONT, err == nil, "%v", err)
		require.NoError(t, l.Append(t.Context(), "a", 3, rec(3)))
		got, err := read(l, "a", 1)
		require.NoError(t, err)
		require.Equal(t, []string{string(rec(1)), string(rec(2)), string(rec(3))}, got)
		require.NoError(t, l.Close())
	}
}

// However many streams there are, few of their files stay open.
func TestFewFilesStayOpen(t *testing.T) {
	dir := t.TempDir()
	l, err := filelog.NewOn(dir, unsynced{})
	require.NoError(t, err)
	open := func() (n int) {
		fds, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		for _, fd := range fds {
			name, err := os.Readlink("/proc/self/fd/" + fd.Name())
			if err == nil && strings.HasPrefix(name, dir) {
				n++
			}
		}
		return n
	}
	for n := 1; n <= 2; n++ {
		for i := range 100 {
			require.NoError(t, l.Append(t.Context(), fmt.Sprint("s", i), uint64(n), rec(n)))
		}
	}
	require.LessOrEqual(t, open(), 2*32)
	require.NoError(t, l.Close())
	require.Zero(t, open())
}

// Who holds the file and runs is named too, but not as stopped.
func TestAHolderThatRunsIsNamed(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, newLog(t, dir).Append(t.Context(), "a", 1, rec(1)))
	release := holdLock(t, filepath.Join(dir, "a.jsonl"))
	defer release()
	l, err := filelog.New(dir, &filelog.Options{Wait: time.Millisecond})
	require.NoError(t, err)
	err = l.Append(t.Context(), "a", 2, rec(2))
	require.ErrorIs(t, err, filelog.ErrBusy)
	require.ErrorContains(t, err, fmt.Sprintf("this process (%d) holds it", os.Getpid()))
}
