package localexec_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/executortest"
)

func fence(t *testing.T, folder, name string, epoch uint64) deploy.Executor {
	t.Helper()
	ex, err := newExecutor(t, &localexec.Options{Fence: folder}).Fence(t.Context(), name, epoch)
	require.NoError(t, err)
	return ex
}

// claims are the files of commands that are in the fence.
func claims(t *testing.T, folder string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "v1", "*", "*.run"))
	require.NoError(t, err)
	return names
}

func TestFencedContract(t *testing.T) {
	folder := t.TempDir()
	executortest.Run(t, func() (deploy.Executor, error) {
		ex, err := localexec.New(&localexec.Options{Fence: folder})
		if err != nil {
			return nil, err
		}
		return ex.Fence(context.Background(), "dev/api", uint64(time.Now().UnixNano()))
	})
	executortest.RunFencer(t, func() (deploy.Fencer, error) { return localexec.New(&localexec.Options{Fence: folder}) })
	require.Empty(t, claims(t, folder))
}

func TestFenceLocksLowerEpochsOut(t *testing.T) {
	folder, dir := filepath.Join(t.TempDir(), "fence"), t.TempDir()
	ledger := filepath.Join(dir, "ledger")
	add := func(ex deploy.Executor, what string, readOnly bool) error {
		cmd := sh(`echo "$1" >> "$2"`, what, ledger)
		cmd.ReadOnly = readOnly
		_, err := ex.Run(t.Context(), cmd)
		return err
	}
	first := fence(t, folder, "dev/api", 3)
	other := fence(t, folder, "dev/web", 1)
	require.NoError(t, add(first, "first", false))
	second := fence(t, folder, "dev/api", 5)
	require.NoError(t, add(second, "second", false))

	err := add(first, "first again", false)
	require.ErrorIs(t, err, deploy.ErrFenced)
	require.ErrorContains(t, err, `/bin/sh: not started: fence "dev/api", epoch 3`)
	require.ErrorContains(t, err, "epoch 5 has the host")
	logFile := filepath.Join(dir, "log")
	_, err = first.(*localexec.Executor).Start(t.Context(), sh("echo started >> "+ledger), logFile)
	require.ErrorIs(t, err, deploy.ErrFenced)
	require.NoError(t, add(first, "first reads", true))
	require.NoError(t, add(other, "other", false))
	require.Equal(t, "first\nsecond\nfirst reads\nother\n", text(t, ledger))
	require.Empty(t, claims(t, folder))

	for _, epoch := range []uint64{0, 4, 5} {
		_, err := newExecutor(t, &localexec.Options{Fence: folder}).Fence(t.Context(), "dev/api", epoch)
		require.ErrorIs(t, err, deploy.ErrFenced, epoch)
	}
	require.NoError(t, add(second, "second", false), "what was refused took nothing")
	require.NoError(t, os.RemoveAll(folder))
	require.ErrorIs(t, add(second, "second", false), deploy.ErrFenced, "the folder is gone")

	info, err := os.Stat(filepath.Dir(folder))
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, os.Chmod(folder, info.Mode()|0o020))
	_, err = newExecutor(t, &localexec.Options{Fence: folder}).Fence(t.Context(), "dev/api", 9)
	require.ErrorContains(t, err, "others may write")
	_, err = newExecutor(t, &localexec.Options{Fence: folder}).Fence(t.Context(), "", 9)
	require.ErrorContains(t, err, "needs a name")
}

func TestWithoutFence(t *testing.T) {
	ex := newExecutor(t, nil)
	same, err := ex.Fence(t.Context(), "dev/api", 1)
	require.NoError(t, err)
	require.Same(t, ex, same)
}

// A fenced command has one descriptor more, behind the standard ones; a
// process that outlives the program and the controller have none.
func TestFenceDescriptors(t *testing.T) {
	folder, dir := t.TempDir(), t.TempDir()
	plain := newExecutor(t, nil)
	list := sh(`for f in /proc/self/fd/*; do readlink "$f" || :; done | grep -c '[.]run$'`)
	res, err := plain.Run(t.Context(), sh(list.Argv[2]+" || :"))
	require.NoError(t, err)
	require.Equal(t, "0\n", string(res.Stdout))
	ex := fence(t, folder, "dev/api", 1)
	before := openFiles(t)
	for range 20 {
		res, err = ex.Run(t.Context(), sh(`readlink /proc/self/fd/3`))
		require.NoError(t, err)
		require.Regexp(t, `/dev%2Fapi\.fence/1-[A-Z2-7]{12}\.run\n$`, string(res.Stdout))
		_, err = ex.Run(t.Context(), deploy.Command{Argv: []string{"/bin/sh"}, Dir: filepath.Join(dir, "missing")})
		require.Error(t, err)
		bad := filepath.Join(dir, "bad")
		require.NoError(t, os.WriteFile(bad, []byte("\x7fELF"), 0o700))
		_, err = ex.Run(t.Context(), deploy.Command{Argv: []string{bad}})
		require.Error(t, err)
	}
	require.LessOrEqual(t, openFiles(t), before)
	require.Empty(t, claims(t, folder))

	p, err := ex.(*localexec.Executor).Start(t.Context(), sh("exec sleep 60"), filepath.Join(dir, "log"))
	require.NoError(t, err)
	endLater(t, p)
	fence(t, folder, "dev/api", 2)
	require.True(t, localexec.Alive(p), "a service is no command")
	require.Empty(t, claims(t, folder))
}

// A daemon keeps the descriptor for ever; the command that left it has ended.
func TestFenceDoesNotWaitForDaemons(t *testing.T) {
	folder := t.TempDir()
	ex := fence(t, folder, "dev/api", 1)
	res, err := ex.Run(t.Context(), sh(`setsid sleep 60 >/dev/null 2>&1 & echo $!`))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(res.Stdout)))
	require.NoError(t, err)
	daemon, err := os.FindProcess(pid)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, daemon.Kill()) })
	eventually(t, "the daemon holds the lock file", func() bool {
		target, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/3", pid))
		return strings.HasSuffix(target, ".run (deleted)")
	})
	fence(t, folder, "dev/api", 2)
	require.False(t, gone(strconv.Itoa(pid)))
}

// TestFenceRace lets many controllers take over at once and run a command
// each. None runs after one of a higher epoch has begun.
func TestFenceRace(t *testing.T) {
	folder, ledger := t.TempDir(), filepath.Join(t.TempDir(), "ledger")
	var wg sync.WaitGroup
	const controllers = 12
	for epoch := uint64(1); epoch <= controllers; epoch++ {
		wg.Go(func() {
			for range 3 { // also against its own commands
				ex, err := newExecutor(t, &localexec.Options{Fence: folder}).Fence(t.Context(), "dev/api", epoch)
				if errors.Is(err, deploy.ErrFenced) {
					return
				}
				if err != nil {
					t.Errorf("epoch %d: %v", epoch, err)
					return
				}
				for range 3 {
					_, err = ex.Run(t.Context(), sh(`echo "$1" >> "$2"; echo "$1" >> "$2"`, strconv.FormatUint(epoch, 10), ledger))
					var ended *deploy.ExitError
					if err != nil && !errors.Is(err, deploy.ErrFenced) && !errors.As(err, &ended) {
						t.Errorf("epoch %d: %v", epoch, err)
					}
				}
			}
		})
	}
	wg.Wait()
	last := 0
	for line := range strings.Lines(text(t, ledger)) {
		n, err := strconv.Atoi(strings.TrimSpace(line))
		require.NoError(t, err)
		require.GreaterOrEqual(t, n, last, "an earlier controller acted after a later one")
		last = n
	}
	require.Equal(t, controllers, last, "the highest epoch is refused by nobody")
	require.Empty(t, claims(t, folder))
}
