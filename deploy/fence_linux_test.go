package deploy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/runlog/filelog"
)

// The pause matrix: a controller process is stopped with SIGSTOP at every
// append and command in turn, another one takes the run up and ends it, and
// the first one wakes. The ledger says who wrote each line.

const (
	fencedVar = "DEVOPS_TEST_FENCED" // the folder of a controller
	nameVar   = "DEVOPS_TEST_NAME"   // its name in the ledger
	pauseVar  = "DEVOPS_TEST_STOP_AT"
)

// TestFencedController is a controller where a test has started it as one.
func TestFencedController(t *testing.T) {
	dir := os.Getenv(fencedVar)
	if dir == "" {
		return
	}
	at, err := strconv.Atoi(os.Getenv(pauseVar))
	require.NoError(t, err)
	stop := &pauser{at: int64(at)}
	log, err := filelog.New(filepath.Join(dir, "log"), nil)
	require.NoError(t, err)
	local, err := localexec.New(&localexec.Options{Fence: filepath.Join(dir, "fence")})
	require.NoError(t, err)
	r, err := deploy.New(&pausingLog{log, stop}, &deploy.Options{Executor: &pausingFencer{pausingExecutor{local, stop}, local}})
	require.NoError(t, err)
	p := ledgerPlan(dir)
	if answer := os.Getenv("DEVOPS_TEST_ANSWER"); answer != "" {
		require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "pay", deploy.Decision{Answer: deploy.Answer(answer), By: "test"}))
	}
	rep, err := r.Run(t.Context(), "r1", p)
	if rep != nil {
		fmt.Println("outcome:", rep.Outcome)
	}
	fmt.Printf("error: %q\npoints: %d\n", fmt.Sprint(err), stop.n)
}

// ledgerPlan has steps of each way to go on; the last one fails, so that half
// of the run is its undo.
func ledgerPlan(dir string) deploy.Plan {
	sh := func(text string) *deploy.Exec {
		script := `echo "$WHO ` + text + `" >> ledger; if test -p "gate of $WHO"; then read x < "gate of $WHO"; echo "$WHO woke" >> ledger; fi`
		if text == "watch" {
			script += "; exit 1"
		}
		return &deploy.Exec{Command: deploy.Command{Argv: []string{"/bin/sh", "-ec", script}, Dir: dir, Grace: time.Second}}
	}
	return plan(
		deploy.Step{Name: "build", InFlight: deploy.Repeat, Do: sh("build"), Undo: sh("unbuild")},
		deploy.Step{Name: "pay", Do: sh("pay"), Undo: sh("unpay"), InFlight: deploy.Ask},
		deploy.Step{Name: "watch", InFlight: deploy.Repeat, Do: sh("watch")},
	)
}

// pauser stops its own process at one of the points that it counts.
type pauser struct{ n, at int64 }

func (p *pauser) point() {
	if p.n++; p.n == p.at {
		woken := make(chan os.Signal, 1)
		signal.Notify(woken, syscall.SIGCONT)
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		<-woken // the signal may take another thread first, and a moment
	}
}

type pausingLog struct {
	deploy.Log
	stop *pauser
}

func (l *pausingLog) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	l.stop.point()
	err := l.Log.Append(ctx, stream, seq, rec)
	l.stop.point()
	return err
}

type pausingExecutor struct {
	deploy.Executor
	stop *pauser
}

func (e pausingExecutor) Run(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
	cmd.Env = maps.Clone(cmd.Env)
	cmd.Env["WHO"] = os.Getenv(nameVar)
	e.stop.point()
	res, err := e.Executor.Run(ctx, cmd)
	e.stop.point()
	return res, err
}

// pausingFencer keeps the fence and stops before and behind each takeover too.
type pausingFencer struct {
	pausingExecutor
	local *localexec.Executor
}

func (e *pausingFencer) Fence(ctx context.Context, name string, epoch uint64) (deploy.Executor, error) {
	e.stop.point()
	fenced, err := e.local.Fence(ctx, name, epoch)
	e.stop.point()
	return pausingExecutor{fenced, e.stop}, err
}

func begin(t *testing.T, dir, name string, pauseAt int, env ...string) (c *exec.Cmd, out *bytes.Buffer) {
	t.Helper()
	c = exec.Command(os.Args[0], "-test.run=^TestFencedController$", "-test.v")
	c.Env = append(os.Environ(), append(env, fencedVar+"="+dir, nameVar+"="+name, pauseVar+"="+strconv.Itoa(pauseAt))...)
	out = &bytes.Buffer{}
	c.Stdout, c.Stderr = out, out
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill() // again, where it has ended
		_ = c.Wait()
	})
	return c, out
}

// said waits for the end of a controller and returns its lines.
func said(t *testing.T, c *exec.Cmd, out *bytes.Buffer) map[string]string {
	t.Helper()
	require.NoError(t, c.Wait(), out)
	lines := map[string]string{}
	for line := range strings.Lines(out.String()) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			lines[key] = value
		}
	}
	return lines
}

// complete runs the run to its end, as often as it takes.
func complete(t *testing.T, dir, name string) (outcome string) {
	t.Helper()
	c, out := begin(t, dir, name, 0)
	got := said(t, c, out)
	if got["outcome"] == string(deploy.Held) {
		answer := deploy.AnswerRepeat
		if paid(t, dir) > 0 {
			answer = deploy.AnswerDone
		}
		c, out = begin(t, dir, name, 0, "DEVOPS_TEST_ANSWER="+string(answer))
		got = said(t, c, out)
	}
	if got["outcome"] == string(deploy.Held) { // the undo of pay was interrupted
		c, out = begin(t, dir, name, 0, "DEVOPS_TEST_ANSWER="+string(deploy.AnswerRepeat))
		got = said(t, c, out)
	}
	return got["outcome"]
}

func paid(t *testing.T, dir string) int {
	return ledger(t, dir)["first pay"] + ledger(t, dir)["second pay"]
}

func stateOf(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if _, rest, ok := bytes.Cut(b, []byte(") ")); ok {
		return string(rest[:1])
	}
	return ""
}

func TestPauseMatrix(t *testing.T) {
	c, out := begin(t, t.TempDir(), "first", 0)
	got := said(t, c, out)
	require.Equal(t, string(deploy.Undone), got["outcome"], out)
	points, err := strconv.Atoi(got["points"])
	require.NoError(t, err)
	t.Logf("%d points", points)
	require.GreaterOrEqual(t, points, 38, "they must not become fewer")
	for _, at := range sample(t, points, 12) {
		pauseAndTakeOver(t, at)
	}
}

// pauseAndTakeOver is one cell of the matrix.
func pauseAndTakeOver(t *testing.T, at int) {
	t.Helper()
	dir := t.TempDir()
	where := fmt.Sprintf("stopped at point %d", at)
	first, out := begin(t, dir, "first", at)
	require.Eventually(t, func() bool { return stateOf(first.Process.Pid) == "T" }, time.Minute, 2*time.Millisecond, where)
	require.Equal(t, string(deploy.Undone), complete(t, dir, "second"), where)
	before, err := os.ReadFile(filepath.Join(dir, "ledger"))
	require.NoError(t, err)

	require.NoError(t, first.Process.Signal(syscall.SIGCONT))
	got := said(t, first, out)
	after, err := os.ReadFile(filepath.Join(dir, "ledger"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "%s: the first controller acted after it had lost its place; it said %v", where, got)
	require.Equal(t, 1, paid(t, dir), where)
}

// TestAFencedOrphanIsEndedBeforeTheRunGoesOn kills the controller while its
// command runs on. The next one acts only when the command is gone.
func TestAFencedOrphanIsEndedBeforeTheRunGoesOn(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "gate of first"), 0o600))
	first, _ := begin(t, dir, "first", 0)
	require.Eventually(t, func() bool { return ledger(t, dir)["first build"] == 1 }, time.Minute, 2*time.Millisecond)
	require.NoError(t, first.Process.Kill())
	require.Error(t, first.Wait())
	orphans, err := localexec.Marked("api@dev/r1")
	require.NoError(t, err)
	orphans = inDir(orphans, dir)
	require.NotEmpty(t, orphans)

	require.Equal(t, string(deploy.Undone), complete(t, dir, "second"))
	for _, p := range orphans {
		require.False(t, localexec.Alive(p))
	}
	require.Zero(t, ledger(t, dir)["first woke"])
	require.Equal(t, 1, ledger(t, dir)["second build"])
}

// inDir picks the processes that work in dir: other tests use the same marker.
func inDir(all []localexec.Process, dir string) (some []localexec.Process) {
	for _, p := range all {
		if cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.PID)); cwd == dir {
			some = append(some, p)
		}
	}
	return some
}

// fakeFencer is a Fencer made of functions.
type fakeFencer struct {
	deploy.Executor
	fence func(ctx context.Context, name string, epoch uint64) (deploy.Executor, error)
}

func (f fakeFencer) Fence(ctx context.Context, name string, epoch uint64) (deploy.Executor, error) {
	return f.fence(ctx, name, epoch)
}

// TestTheRunnerRaisesTheFence: once for each Run, with a higher epoch each
// time, before anything runs, and every command goes through what it gets.
func TestTheRunnerRaisesTheFence(t *testing.T) {
	log := newMemLog()
	var epochs []uint64
	refuse := errors.New("cannot be cleared")
	never := deploy.ExecutorFunc(func(context.Context, deploy.Command) (deploy.Result, error) {
		t.Error("a command went past the fence")
		return deploy.Result{}, nil
	})
	ran := 0
	fenced := deploy.ExecutorFunc(func(_ context.Context, cmd deploy.Command) (deploy.Result, error) {
		require.Equal(t, "api@dev/r1", cmd.Env[deploy.MarkerVar])
		if ran++; len(epochs) < 3 {
			return deploy.Result{}, fmt.Errorf("%s: not started: %w", cmd.Argv[0], deploy.ErrFenced)
		}
		return deploy.Result{}, nil
	})
	r := newRunner(t, log, &deploy.Options{Executor: fakeFencer{never, func(_ context.Context, name string, epoch uint64) (deploy.Executor, error) {
		require.Equal(t, "dev/api", name)
		if epochs = append(epochs, epoch); len(epochs) == 1 {
			return nil, refuse
		}
		return fenced, nil
	}}})
	p := plan(
		deploy.Step{Name: "pay", InFlight: deploy.Repeat, Do: &deploy.Exec{Command: deploy.Command{Argv: []string{"pay"}}}},
		deploy.Step{Name: "next", InFlight: deploy.Repeat, Do: &deploy.Exec{Command: deploy.Command{Argv: []string{"next"}}}},
	)
	rep, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, refuse)
	require.ErrorContains(t, err, "api@dev run r1: taking the host over: ")
	require.Equal(t, deploy.Interrupted, rep.Outcome)
	require.Zero(t, ran)

	rep, err = r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrFenced)
	require.Equal(t, deploy.Interrupted, rep.Outcome, "who lost the host does not undo either")
	require.Equal(t, 1, ran)

	rep, err = r.Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
	require.Equal(t, 3, ran)
	require.Len(t, epochs, 3)
	require.IsIncreasing(t, epochs)
	require.Equal(t, uint64(1), epochs[0])
}

// TestAFencedVerifyAsksNobody: that the host is lost says nothing about the
// step, on the way forward and on the way back.
func TestAFencedVerifyAsksNobody(t *testing.T) {
	for _, phase := range []deploy.Phase{deploy.PhaseForward, deploy.PhaseUndo} {
		var did []string
		log, p := newMemLog(), three(&did)
		ctx, cancel := context.WithCancel(t.Context())
		cut := func(context.Context, *deploy.Call) error { cancel(); return context.Cause(ctx) }
		p.Steps[1].InFlight = deploy.Verify
		verify := &effect{Name: "verify b", did: &did}
		p.Steps[1].Verify = verify
		if phase == deploy.PhaseForward {
			p.Steps[1].Do.(*effect).fn = cut
		} else {
			p.Steps[1].Undo.(*effect).fn = cut
			p.Steps[2].Do.(*effect).fn = fails("no")
		}
		_, err := newRunner(t, log, nil).Run(ctx, "r1", p)
		require.ErrorIs(t, err, context.Canceled)

		did = nil
		verify.fn = func(context.Context, *deploy.Call) error {
			return fmt.Errorf("test: not started: %w", deploy.ErrFenced)
		}
		rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.ErrorIs(t, err, deploy.ErrFenced)
		require.NotErrorIs(t, err, deploy.ErrHeld)
		require.ErrorContains(t, err, fmt.Sprintf(`api@dev run r1: looking whether step "b" (%s) was done`, phase))
		require.Equal(t, deploy.Interrupted, rep.Outcome)
		require.Equal(t, []string{"verify b"}, did)
	}
}
