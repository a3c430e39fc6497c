package localexec_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
)

// start starts a process that is ended with the test.
func start(t *testing.T, cmd deploy.Command) (p localexec.Process, logFile string) {
	t.Helper()
	logFile = filepath.Join(t.TempDir(), "log")
	p, err := newExecutor(t, nil).Start(t.Context(), cmd, logFile)
	require.NoError(t, err)
	endLater(t, p)
	return p, logFile
}

func endLater(t *testing.T, p localexec.Process) {
	t.Cleanup(func() {
		_, err := localexec.Stop(context.Background(), p, -1)
		require.NoError(t, err)
	})
}

func text(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(b)
}

func gone(pid string) bool {
	b, err := os.ReadFile("/proc/" + strings.TrimSpace(pid) + "/stat")
	return err != nil || strings.Contains(string(b), ") Z ")
}

func TestStartSurvivesTheProgram(t *testing.T) {
	logFile := filepath.Join(t.TempDir(), "log")
	program := exec.Command(os.Args[0], logFile)
	program.Env = []string{programVar + "=start"}
	out, err := program.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	var p localexec.Process
	decodeErr := json.NewDecoder(out).Decode(&p)
	require.NoError(t, program.Process.Kill())
	_ = program.Wait()
	require.NoError(t, decodeErr)
	endLater(t, p)

	require.True(t, localexec.Alive(p))
	eventually(t, "the log", func() bool { return text(t, logFile) == "log local\n" })
	killed, err := localexec.Stop(t.Context(), p, time.Minute)
	require.NoError(t, err)
	require.False(t, killed)
	require.False(t, localexec.Alive(p))
}

func TestStartLog(t *testing.T) {
	logFile := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(logFile, []byte("before\n"), 0o644))
	p, err := newExecutor(t, nil).Start(t.Context(), sh(`cat; echo out; echo err >&2; env | grep ^KIND`), logFile)
	require.NoError(t, err)
	endLater(t, p)
	eventually(t, "the end", func() bool { return !localexec.Alive(p) })
	require.Equal(t, "before\nout\nerr\nKIND=local\n", text(t, logFile))
	info, err := os.Stat(logFile)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	eventually(t, "no zombie is left", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/%d", p.PID))
		return errors.Is(err, os.ErrNotExist)
	})
}

func TestStartRefuses(t *testing.T) {
	ex := newExecutor(t, nil)
	dir := t.TempDir()
	cmd := sh("exit 0")
	cmd.Stdin = strings.NewReader("x")
	_, err := ex.Start(t.Context(), cmd, filepath.Join(dir, "log"))
	require.ErrorContains(t, err, "only a log file")
	_, err = ex.Start(t.Context(), sh("exit 0"), dir)
	require.ErrorContains(t, err, "log file")
	_, err = ex.Start(t.Context(), deploy.Command{Argv: []string{"/nonexistent/program"}}, filepath.Join(dir, "log"))
	require.ErrorIs(t, err, os.ErrNotExist)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	cancel(stop)
	_, err = ex.Start(ctx, sh("exit 0"), filepath.Join(dir, "log"))
	require.ErrorIs(t, err, stop)
	require.NoFileExists(t, filepath.Join(dir, "log"))
}

func TestStopEndsTheSession(t *testing.T) {
	p, logFile := start(t, sh(`set -m; trap '' TERM; sleep 60 & echo $!; wait; sleep 60`))
	eventually(t, "the child", func() bool { return strings.Contains(text(t, logFile), "\n") })
	killed, err := localexec.Stop(t.Context(), p, 100*time.Millisecond)
	require.NoError(t, err)
	require.True(t, killed)
	require.False(t, localexec.Alive(p))
	require.True(t, gone(text(t, logFile)), "a child in a group of its own")
	killed, err = localexec.Stop(t.Context(), p, time.Minute)
	require.NoError(t, err)
	require.False(t, killed, "it is gone already")
}

func TestStopEndsByCtx(t *testing.T) {
	p, logFile := start(t, sh(`trap 'echo asked' TERM; echo ready; while :; do sleep 0.1; done`))
	eventually(t, "the trap", func() bool { return text(t, logFile) == "ready\n" })
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	go func() {
		for text, err := os.ReadFile(logFile); err == nil && !strings.Contains(string(text), "asked"); {
			text, err = os.ReadFile(logFile)
		}
		cancel(stop)
	}()
	_, err := localexec.Stop(ctx, p, time.Hour)
	require.ErrorIs(t, err, stop)
	require.True(t, localexec.Alive(p))
}

// A number that has changed hands is left alone.
func TestRecycledNumber(t *testing.T) {
	p, _ := start(t, sh("exec sleep 60"))
	for name, other := range map[string]localexec.Process{
		"another start": {PID: p.PID, Ticks: p.Ticks - 1, Boot: p.Boot},
		"another boot":  {PID: p.PID, Ticks: p.Ticks, Boot: "00000000-0000-0000-0000-000000000000"},
		"nothing":       {},
	} {
		require.False(t, localexec.Alive(other), name)
		killed, err := localexec.Stop(t.Context(), other, -1)
		require.NoError(t, err, name)
		require.False(t, killed, name)
		require.NoError(t, localexec.End(t.Context(), []localexec.Process{other}, -1), name)
		require.True(t, localexec.Alive(p), name)
	}
}

// The leader of a session has died; only the marker tells whose the rest is.
func TestStopWithoutLeader(t *testing.T) {
	cmd := sh(`sleep 60 & echo $!`)
	cmd.Env[deploy.MarkerVar] = "stop-without-leader-" + filepath.Base(t.TempDir())
	p, logFile := start(t, cmd)
	eventually(t, "the leader has died and is reaped", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/%d", p.PID))
		return errors.Is(err, os.ErrNotExist)
	})
	child := text(t, logFile)

	stranger := p
	stranger.Marker = "other"
	killed, err := localexec.Stop(t.Context(), stranger, -1)
	require.NoError(t, err)
	require.False(t, killed)
	require.False(t, gone(child))

	_, err = localexec.Stop(t.Context(), p, time.Minute)
	require.NoError(t, err)
	require.True(t, gone(child))
}

func TestMarkedFindsWhatLeftTheGroup(t *testing.T) {
	marker := "marked-" + filepath.Base(filepath.Dir(t.TempDir())) + fmt.Sprint(os.Getpid())
	ex := newExecutor(t, nil)
	cmd := sh(`setsid sleep 60 & echo started`)
	cmd.Env[deploy.MarkerVar] = marker + "/7"
	res, err := ex.Run(t.Context(), cmd) // returns, though the output is held open
	require.NoError(t, err)
	require.Equal(t, "started\n", string(res.Stdout))

	other := sh("exec sleep 60")
	other.Env[deploy.MarkerVar] = "x" + marker
	kept, _ := start(t, other)

	var found []localexec.Process
	eventually(t, "the process is marked", func() bool {
		found, err = localexec.Marked(marker)
		return err == nil && len(found) == 1
	})
	require.Equal(t, marker+"/7", found[0].Marker)
	for _, other := range []string{marker + "/8", marker + "/", marker[:len(marker)-1]} {
		none, err := localexec.Marked(other)
		require.NoError(t, err)
		require.Empty(t, none, "%s is another marker", other)
	}

	require.NoError(t, localexec.End(t.Context(), found, time.Minute))
	require.False(t, localexec.Alive(found[0]))
	found, err = localexec.Marked(marker)
	require.NoError(t, err)
	require.Empty(t, found)
	require.True(t, localexec.Alive(kept), "only what the marker begins counts")
	_, err = localexec.Marked("")
	require.ErrorContains(t, err, "needs a marker")
}

// A marked program sees what it started, but neither itself nor its parent.
func TestMarkedLeavesOutItselfAndAncestors(t *testing.T) {
	marker := fmt.Sprintf("ancestors-%d", os.Getpid())
	cmd := sh(`sleep 60 & child=$!; `+programVar+`=marked "$1"; kill $child`, os.Args[0])
	cmd.Env[deploy.MarkerVar] = marker
	var out buffer
	cmd.Stdout = &out
	_, err := newExecutor(t, nil).Run(t.Context(), cmd)
	require.NoError(t, err)
	var found []localexec.Process
	require.NoError(t, json.Unmarshal([]byte(out.String()), &found), out.String())
	require.Len(t, found, 1)
}

func TestEndNeverEndsItselfOrAncestors(t *testing.T) {
	self := identify(t, os.Getpid())
	parent := identify(t, os.Getppid())
	require.True(t, localexec.Alive(self))
	require.NoError(t, localexec.End(t.Context(), []localexec.Process{self, parent}, time.Minute))
	_, err := localexec.Stop(t.Context(), self, -1)
	require.ErrorContains(t, err, "this program or an ancestor")
}

// identify reads who a process is, in another way than the package does.
func identify(t *testing.T, pid int) localexec.Process {
	t.Helper()
	fields := strings.Fields(text(t, fmt.Sprintf("/proc/%d/stat", pid)))
	at := slices.IndexFunc(fields, func(f string) bool { return strings.HasSuffix(f, ")") })
	var p localexec.Process
	_, err := fmt.Sscan(fields[at+20], &p.Ticks)
	require.NoError(t, err)
	p.PID, p.Boot = pid, strings.TrimSpace(text(t, "/proc/sys/kernel/random/boot_id"))
	return p
}

// A member of the group that has ended and whose parent does not reap it, as
// the init process of a container may not, is gone all the same.
func TestZombieInTheGroup(t *testing.T) {
	var out buffer
	release := make(chan struct{})
	cmd := sh(`echo $$; read -r x; exit 0`)
	cmd.Stdout = &out
	cmd.Stdin = readerFunc(func([]byte) (int, error) { <-release; return 0, io.EOF })
	done := make(chan error, 1)
	go func() {
		_, err := newExecutor(t, nil).Run(t.Context(), cmd)
		done <- err
	}()
	eventually(t, "the command runs", func() bool { return strings.HasSuffix(out.String(), "\n") })

	parent := exec.Command(os.Args[0], strings.TrimSpace(out.String()))
	parent.Env = []string{programVar + "=join"}
	stdin, err := parent.StdinPipe()
	require.NoError(t, err)
	stdout, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	joined := make([]byte, len("joined"))
	_, err = io.ReadFull(stdout, joined)
	require.NoError(t, err)

	close(release)
	require.NoError(t, <-done)
	require.NoError(t, stdin.Close())
	require.NoError(t, parent.Wait())
}

// The polite signal wakes a stopped process, or it could never be polite.
func TestStoppedCommandMayTidyUp(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	var out buffer
	cmd := sh(`trap 'echo tidied; exit 0' TERM; echo $$; kill -STOP $$; while :; do sleep 0.1; done`)
	cmd.Stdout, cmd.Grace = &out, 10*time.Second
	go func() {
		stopped := func() bool {
			b, err := os.ReadFile("/proc/" + strings.TrimSpace(out.String()) + "/stat")
			return err == nil && strings.Contains(string(b), ") T ")
		}
		for tick := time.Tick(5 * time.Millisecond); ctx.Err() == nil && !stopped(); {
			<-tick
		}
		cancel(stop)
	}()
	_, err := newExecutor(t, nil).Run(ctx, cmd)
	require.ErrorIs(t, err, stop)
	require.Contains(t, out.String(), "tidied")
}

func TestStopWithoutSession(t *testing.T) {
	_, logFile := start(t, sh(`sleep 60 & echo $!; wait; echo "went on"`))
	eventually(t, "the child", func() bool { return strings.Contains(text(t, logFile), "\n") })
	var pid int
	_, err := fmt.Sscan(text(t, logFile), &pid)
	require.NoError(t, err)
	child := identify(t, pid)
	_, err = localexec.Stop(t.Context(), child, time.Minute)
	require.NoError(t, err)
	require.False(t, localexec.Alive(child))
	eventually(t, "the leader goes on", func() bool { return strings.Contains(text(t, logFile), "went on") })
}

// Run reaps what it starts, and its goroutines and files go with it, even if
// a process that left the group holds on to an input that nobody reads.
func TestNothingIsLeft(t *testing.T) {
	ex := newExecutor(t, nil)
	marker := fmt.Sprintf("nothing-left-%d", os.Getpid())
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for range 5 {
		cmd := sh(`exec 3<&0; setsid sleep 60 >/dev/null 2>&1 & true | exit 0`)
		cmd.Env[deploy.MarkerVar] = marker
		cmd.Stdin = strings.NewReader(strings.Repeat("x", 1<<20))
		_, err := ex.Run(t.Context(), cmd)
		require.NoError(t, err)
	}
	defer func() {
		var found []localexec.Process
		eventually(t, "all five execute their programs", func() bool {
			found, _ = localexec.Marked(marker)
			return len(found) == 5
		})
		require.NoError(t, localexec.End(t.Context(), found, -1))
	}()
	require.Empty(t, text(t, fmt.Sprintf("/proc/self/task/%d/children", os.Getpid())))
	// The condition has a goroutine of its own; a leak would be five.
	eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() < goroutines+5 })
	require.Less(t, openFiles(t), files+5)
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}
