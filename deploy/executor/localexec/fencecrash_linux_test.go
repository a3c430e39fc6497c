package localexec_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
)

// host is a fence and a folder in which commands of controllers work.
type host struct{ folder, dir, program string }

func newHost(t *testing.T, body string) host {
	t.Helper()
	h := host{folder: t.TempDir(), dir: t.TempDir()}
	h.program = filepath.Join(h.dir, "program")
	script(t, h.dir, "program", "echo begun $$ >> ledger\n"+body+"\n")
	return h
}

// controller starts a controller in a process of its own.
func (h host) controller(t *testing.T, epoch int) (c *exec.Cmd, out *bytes.Buffer) {
	t.Helper()
	c = exec.Command(os.Args[0], h.folder, strconv.Itoa(epoch), h.program, h.dir)
	c.Env = []string{programVar + "=controller", "PATH=" + os.Getenv("PATH")}
	out = &bytes.Buffer{}
	c.Stdout, c.Stderr = out, os.Stderr
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill() // again, where the test has done it
		_ = c.Wait()
	})
	return c, out
}

func (h host) ledger() string {
	b, _ := os.ReadFile(filepath.Join(h.dir, "ledger"))
	return string(b)
}

// begun waits until the command has begun and is recorded, and returns its
// process.
func (h host) begun(t *testing.T) (pid string) {
	t.Helper()
	eventually(t, "the command begins", func() bool {
		names := claims(t, h.folder)
		if len(names) != 1 {
			return false
		}
		b, _ := os.ReadFile(names[0])
		return bytes.Count(b, []byte("\n")) == 2 && strings.Contains(h.ledger(), "\n")
	})
	return strings.Fields(h.ledger())[1]
}

func kill(t *testing.T, c *exec.Cmd) {
	t.Helper()
	require.NoError(t, c.Process.Kill())
	require.Error(t, c.Wait())
}

func halted(pid int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return bytes.Contains(b, []byte(") T "))
}

// halt stops the controller where it is.
func halt(t *testing.T, c *exec.Cmd) {
	t.Helper()
	require.NoError(t, c.Process.Signal(syscall.SIGSTOP))
	eventually(t, "the controller stops", func() bool { return halted(c.Process.Pid) })
}

func mkfifo(t *testing.T, h host) {
	t.Helper()
	require.NoError(t, syscall.Mkfifo(filepath.Join(h.dir, "gate"), 0o600))
}

// What a killed controller left is gone when the next one has the host,
// however it treats its descriptors and signals.
func TestFenceEndsOrphans(t *testing.T) {
	const waits = "echo $$ > ready; read x < gate; echo ended >> ledger"
	// What holds the lock and, in its group, what does not.
	const both = "(exec 3<&-; echo > closed; read x < gate) & while ! test -e closed; do sleep 0.01; done; " + waits
	for name, body := range map[string]string{
		"waits":               waits,
		"ignores SIGTERM":     "trap '' TERM; echo > ready; while :; do sleep 0.01; done",
		"closes descriptors":  "exec 3<&-; " + waits,
		"child closes them":   "(exec 3<&-; " + waits + ")",
		"group of its own":    programVar + "=group '" + os.Args[0] + "' '" + both + "' & wait", // set -m needs a terminal
		"leader has gone":     "(exec 3<&-; " + waits + ") & while ! test -e leave; do sleep 0.01; done",
		"stopped by a signal": waits,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, body)
			mkfifo(t, h)
			c, _ := h.controller(t, 1)
			pid := h.begun(t)
			ready := func() string {
				b, _ := os.ReadFile(filepath.Join(h.dir, "ready"))
				return string(b)
			}
			eventually(t, "it waits", func() bool { return strings.HasSuffix(ready(), "\n") })
			switch name {
			case "group of its own":
				own, err := strconv.Atoi(strings.TrimSpace(ready()))
				require.NoError(t, err)
				group, err := syscall.Getpgid(own)
				require.NoError(t, err)
				require.Equal(t, own, group)
			case "leader has gone":
				halt(t, c) // so that it does not end what is left itself
				require.NoError(t, os.WriteFile(filepath.Join(h.dir, "leave"), nil, 0o600))
				eventually(t, "the leader ends", func() bool { return gone(pid) })
			}
			kill(t, c)
			if name == "stopped by a signal" { // not before: the kernel ends stopped groups that lose their parent
				number, err := strconv.Atoi(pid)
				require.NoError(t, err)
				require.NoError(t, syscall.Kill(number, syscall.SIGSTOP))
				eventually(t, "the command stops", func() bool { return halted(number) })
			}
			fence(t, h.folder, "dev/api", 2)
			require.True(t, gone(pid))
			gate, err := os.OpenFile(filepath.Join(h.dir, "gate"), os.O_WRONLY|syscall.O_NONBLOCK, 0)
			require.ErrorIs(t, err, syscall.ENXIO, "somebody reads the gate")
			require.Nil(t, gate)
			require.NotContains(t, h.ledger(), "ended")
			require.Empty(t, claims(t, h.folder))
		})
	}
}

// A controller that is stopped while its command runs holds nothing up, and
// does nothing when it wakes.
func TestFenceAgainstAStoppedController(t *testing.T) {
	h := newHost(t, "read x < gate; echo ended >> ledger")
	mkfifo(t, h)
	c, out := h.controller(t, 1)
	pid := h.begun(t)
	halt(t, c)
	second := fence(t, h.folder, "dev/api", 2)
	require.True(t, gone(pid))
	_, err := second.Run(t.Context(), deploy.Command{Argv: []string{"/bin/sh", "-c", "echo second >> ledger"}, Dir: h.dir})
	require.NoError(t, err)
	require.NoError(t, c.Process.Signal(syscall.SIGCONT))
	require.NoError(t, c.Wait())
	require.Contains(t, out.String(), "second: /bin/sh: not started: fence")
	require.Contains(t, out.String(), deploy.ErrFenced.Error())
	require.Equal(t, "begun "+pid+"\nsecond\n", h.ledger())
}

// A controller stopped between its look at the epoch and the start of its
// command holds the host: the takeover fails and says so, and the next one
// finds the earlier locked out all the same.
func TestFenceAgainstAControllerStoppedAtTheStart(t *testing.T) {
	h := newHost(t, "")
	busy, err := os.OpenFile(h.program, os.O_WRONLY, 0) // so that it cannot be started
	require.NoError(t, err)
	defer busy.Close()
	c, out := h.controller(t, 1)
	eventually(t, "the command has its claim", func() bool {
		names := claims(t, h.folder)
		if len(names) != 1 {
			return false
		}
		b, _ := os.ReadFile(names[0])
		return bytes.HasSuffix(b, []byte("\n"))
	})
	halt(t, c)
	require.Len(t, claims(t, h.folder), 1, "the controller has given up already")

	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, errors.New("no more time"))
	defer cancel()
	ex := newExecutor(t, &localexec.Options{Fence: h.folder})
	_, err = ex.Fence(ctx, "dev/api", 2)
	require.ErrorContains(t, err, "no more time")
	require.ErrorContains(t, err, fmt.Sprintf("held by process %d", c.Process.Pid))
	require.ErrorContains(t, err, "the controller that was about to start it")
	require.ErrorContains(t, err, h.program)
	require.NotErrorIs(t, err, deploy.ErrFenced)

	require.NoError(t, busy.Close())
	require.NoError(t, c.Process.Signal(syscall.SIGCONT))
	require.NoError(t, c.Wait())
	require.Contains(t, out.String(), "second: /bin/sh: not started: fence")
	require.NotContains(t, h.ledger(), "after")
	fence(t, h.folder, "dev/api", 3)
}

// Nobody can tell whether what left its session still works: a person is
// asked.
func TestFenceNamesWhatItMustNotEnd(t *testing.T) {
	h := newHost(t, "setsid sleep 60 >/dev/null 2>&1 &\necho $! > daemon\nread x < gate")
	mkfifo(t, h)
	c, _ := h.controller(t, 1)
	h.begun(t)
	eventually(t, "the daemon has left", func() bool {
		b, _ := os.ReadFile(filepath.Join(h.dir, "daemon"))
		comm, _ := os.ReadFile("/proc/" + strings.TrimSpace(string(b)) + "/comm")
		return string(comm) == "sleep\n"
	})
	pid := strings.TrimSpace(text(t, filepath.Join(h.dir, "daemon")))
	number, err := strconv.Atoi(pid)
	require.NoError(t, err)
	daemon, err := os.FindProcess(number)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, daemon.Kill()) })
	kill(t, c)

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	before := openFiles(t)
	_, err = newExecutor(t, &localexec.Options{Fence: h.folder}).Fence(ctx, "dev/api", 2)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "process "+pid+" (sleep)")
	require.False(t, gone(pid))
	require.LessOrEqual(t, openFiles(t), before)

	names := claims(t, h.folder)
	require.Len(t, names, 1)
	require.ErrorContains(t, err, names[0])
	require.NoError(t, os.Remove(names[0])) // as the error says
	fence(t, h.folder, "dev/api", 3)
	require.False(t, gone(pid))
}
