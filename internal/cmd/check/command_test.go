//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shell is a command that runs a script in dir.
func shell(dir, script string) command {
	return command{argv: []string{"/bin/sh", "-c", script}, dir: dir, env: os.Environ()}
}

func TestExecuteWritesCommandAndOutput(t *testing.T) {
	var log, out strings.Builder
	require.NoError(t, execute(t.Context(), shell(t.TempDir(), "echo out; echo err >&2"), &log))
	require.Equal(t, "$ /bin/sh -c echo out; echo err >&2\nout\nerr\n", log.String())

	log.Reset()
	c := shell(t.TempDir(), "echo out; echo err >&2")
	c.stdout = &out
	require.NoError(t, execute(t.Context(), c, &log))
	require.Equal(t, "out\n", out.String())
	require.NotContains(t, log.String(), "\nout\n")
}

func TestExecuteReportsHowACommandFailed(t *testing.T) {
	err := execute(t.Context(), shell(t.TempDir(), "exit 3"), io.Discard)
	require.EqualError(t, err, "sh: exit status 3")

	err = execute(t.Context(), shell(t.TempDir(), "kill -9 $$"), io.Discard)
	require.EqualError(t, err, "sh: signal: killed")

	err = execute(t.Context(), command{argv: []string{"no-such-tool"}, env: []string{"PATH=/bin"}}, io.Discard)
	require.ErrorIs(t, err, exec.ErrNotFound)
	require.ErrorContains(t, err, "no-such-tool is not on the PATH")
}

func TestExecuteFindsProgramsOnTheGivenPath(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tool"), []byte("#!/bin/sh\necho found\n"), 0o755))
	var out strings.Builder
	env := []string{"PATH=/nowhere", "PATH=" + dir + ":" + os.Getenv("PATH")}
	require.NoError(t, execute(t.Context(), command{argv: []string{"tool"}, env: env, stdout: &out}, io.Discard))
	require.Equal(t, "found\n", out.String())
}

func TestExecuteEndsTheWholeGroupWhenInterrupted(t *testing.T) {
	for name, trap := range map[string]string{"polite": "", "stubborn": "trap '' TERM; "} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := shell(dir, trap+"sleep 600 & echo $! >child.new; mv child.new child; echo $$ >self.new; mv self.new self; wait; wait")
			c.grace = 100 * time.Millisecond
			ctx, cancel := context.WithCancelCause(t.Context())
			cause := errors.New("stop now")
			go func() {
				for !exists(filepath.Join(dir, "self")) && ctx.Err() == nil {
					time.Sleep(time.Millisecond)
				}
				cancel(cause)
			}()
			require.ErrorIs(t, execute(ctx, c, io.Discard), cause)
			requireGone(t, filepath.Join(dir, "child"))
			requireGone(t, filepath.Join(dir, "self"))
		})
	}
}

func TestEveryProcessOfTheGroupIsAskedAndGetsTimeToEnd(t *testing.T) {
	dir := t.TempDir()
	c := shell(dir, `sh -c 'trap "echo asked >asked; exit" TERM; echo $$ >child; while :; do sleep 0.05; done' & wait`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for !exists(filepath.Join(dir, "child")) && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	require.ErrorIs(t, execute(ctx, c, io.Discard), context.Canceled)
	require.FileExists(t, filepath.Join(dir, "asked"))
	requireGone(t, filepath.Join(dir, "child"))
}

func TestExecuteEndsWhatACommandLeftBehind(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, execute(t.Context(), shell(dir, "sleep 600 >/dev/null 2>&1 & echo $! >child"), io.Discard))
	requireGone(t, filepath.Join(dir, "child"))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// requireGone waits until the process whose id is in a file has ended.
func requireGone(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !running(pid) }, 30*time.Second, 5*time.Millisecond, "process %d is still there", pid)
}

// running reports whether a process exists and is no zombie, which is as ended
// as a process gets while nobody waits for it.
func running(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}
