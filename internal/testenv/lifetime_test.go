package testenv

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
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

// child is a test process with an environment of its own.
type child struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Reader
	traces traces
}

func startChild(t *testing.T, end string, env ...string) *child {
	t.Helper()
	c := &child{cmd: asChild(exec.Command(testBinary(t)), "environment "+end)}
	c.cmd.Env = append(c.cmd.Env, env...)
	stdin, err := c.cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	c.stdin, c.stdout = stdin, bufio.NewReader(stdout)
	c.cmd.Stderr = &logWriter{t}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, c.cmd.Start())
	t.Cleanup(func() { // both fail once it has ended
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	})
	return c
}

// ready waits for the child's traces.
func (c *child) ready(t *testing.T) {
	t.Helper()
	line, err := c.stdout.ReadBytes('\n')
	require.NoError(t, err, "the child ended early")
	require.NoError(t, json.Unmarshal(line, &c.traces))
}

type logWriter struct{ t *testing.T }

func (w *logWriter) Write(p []byte) (int, error) {
	w.t.Logf("child: %s", p)
	return len(p), nil
}

// Three test binaries run every kind of server at once without a clash, and
// each ends in another way.
func TestNothingIsLeftHoweverTheTestProcessEnds(t *testing.T) {
	t.Parallel()
	children := []struct {
		*child
		kill   bool
		status string
	}{
		{child: startChild(t, "close"), kill: true, status: "signal: killed"},
		{child: startChild(t, "panic"), status: "exit status 2"},
		{child: startChild(t, "close")},
	}
	ports := map[string]bool{}
	for _, c := range children {
		c.ready(t) // every server of its own was put to work
		for _, port := range c.traces.Ports {
			require.False(t, ports[port], "%s is used twice", port)
			ports[port] = true
		}
	}
	for _, c := range children {
		for _, pid := range c.traces.PIDs {
			require.NoError(t, syscall.Kill(pid, 0), "process %d has gone early", pid)
		}
	}
	for _, c := range children {
		if c.kill { // with everything in its process group
			require.NoError(t, syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL))
		}
		require.NoError(t, c.stdin.Close())
		err := c.cmd.Wait()
		if c.status == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, c.status)
		}
		requireNothingLeft(t, c.traces)
	}
}

// A process that is killed while servers start, some of them with their
// folder just made, others in the middle of their initialisation, leaves
// nothing either.
func TestNothingIsLeftWhenKilledWhileStarting(t *testing.T) {
	t.Parallel()
	for folders := 1; folders <= 5; folders += 2 {
		t.Run(fmt.Sprint(folders), func(t *testing.T) {
			t.Parallel()
			o, err := everything()
			require.NoError(t, err)
			if n := len(o.Postgres) + len(o.SSHD) + len(o.S3); n < folders {
				t.Skipf("cannot start, missing: servers to try it with, only %d can start here", n)
			}
			tmp := t.TempDir()
			c := startChild(t, "close", "TMPDIR="+tmp)
			var tr traces
			require.Eventually(t, func() bool {
				tr.Paths, err = filepath.Glob(filepath.Join(tmp, "*"))
				return err == nil && len(tr.Paths) >= folders
			}, startLimit, time.Millisecond)
			tr.PIDs = childrenOf(t, c.cmd.Process.Pid) // the guards
			require.NoError(t, c.cmd.Process.Signal(syscall.SIGKILL))
			require.EqualError(t, c.cmd.Wait(), "signal: killed")
			for _, dir := range tr.Paths {
				_, number, _ := strings.Cut(dir, "devops-testenv-")
				tr.Paths = append(tr.Paths, "/sys/class/net/dte"+number,
					"/run/netns/dte"+number+"-s", "/run/netns/dte"+number+"-1")
			}
			requireNothingLeft(t, tr)
			left, err := os.ReadDir(tmp)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

// childrenOf lists the children of a process. The system keeps them by the
// thread that started each, and a thread may end meanwhile.
func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	require.NoError(t, err)
	var pids []int
	for _, thread := range threads {
		out, err := os.ReadFile(thread)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		require.NoError(t, err)
		for f := range strings.FieldsSeq(string(out)) {
			child, err := strconv.Atoi(f)
			require.NoError(t, err)
			pids = append(pids, child)
		}
	}
	return pids
}

func TestServerEndsWithItsGuard(t *testing.T) {
	t.Parallel()
	s := startedS3(t)
	require.NoError(t, syscall.Kill(s.guard.self, syscall.SIGKILL))
	<-s.Gone()
	require.Eventually(t, func() bool { return syscall.Kill(s.PID(), 0) != nil }, time.Minute, time.Millisecond)
	require.ErrorContains(t, s.Close(), "signal: killed")
	require.NoError(t, os.RemoveAll(s.Dir())) // nobody else does
}
