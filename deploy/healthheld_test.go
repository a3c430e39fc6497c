package deploy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/runlog/filelog"
)

// gated is three with an inconclusive gate for its second step.
func gated(did *[]string, gate deploy.Action) deploy.Plan {
	p := three(did)
	p.Steps[1].Do, p.Steps[1].Kind = gate, deploy.KindHealth
	return p
}

// cannotTell is a condition that is inconclusive as often as looks says, and
// good afterwards.
func cannotTell(looked *int, looks int) deploy.Action {
	return deploy.Check("canary", "1", func(context.Context) error {
		if *looked++; *looked <= looks {
			return fmt.Errorf("no data of the last minute: %w", deploy.ErrInconclusive)
		}
		return nil
	})
}

func TestAnInconclusiveStepHoldsTheRun(t *testing.T) {
	var events []deploy.Event
	var did []string
	looked := 0
	log := newMemLog()
	r := newRunner(t, log, &deploy.Options{Handle: func(e deploy.Event) { events = append(events, e) }})
	p := gated(&did, &deploy.Health{Conditions: []deploy.Action{cannotTell(&looked, 100)}})
	p.Steps[1].Retry = deploy.Retry{Max: 3}
	for range 2 { // it does not look again by itself, although its InFlight is repeat
		rep, err := r.Run(t.Context(), "r1", p)
		require.ErrorIs(t, err, deploy.ErrHeld)
		require.ErrorIs(t, err, deploy.ErrInconclusive)
		require.ErrorContains(t, err, `api@dev run r1: step "b" (forward) on local could not tell good from bad: inconclusive: health: 1 inconclusive, at most 0 tolerated; last: canary: no data of the last minute: inconclusive; look yourself, then call Decide with deploy.AnswerDone`)
		require.Equal(t, 1, strings.Count(err.Error(), "no data of the last minute"))
		var held *deploy.HeldError
		require.ErrorAs(t, err, &held)
		require.Equal(t, "b", held.Step)
		require.Equal(t, deploy.Held, rep.Outcome)
		require.Equal(t, deploy.Held, rep.Steps[1].Outcome)
		require.Contains(t, rep.Steps[1].Error, "no data of the last minute")
		require.Equal(t, []string{"do a"}, did, "nothing is undone, nothing goes on")
		require.Equal(t, 1, looked)
	}
	var finished []deploy.StepFinished
	for _, e := range events {
		if f, ok := e.(deploy.StepFinished); ok {
			finished = append(finished, f)
		}
	}
	require.Len(t, finished, 2)
	require.Equal(t, deploy.Held, finished[1].Outcome)
	require.False(t, finished[1].Retry)
	_, err := r.Run(t.Context(), "r2", p)
	require.ErrorIs(t, err, deploy.ErrUnfinished)
	rep, err := r.Report(t.Context(), p.Ref("r1"))
	require.NoError(t, err)
	require.Equal(t, deploy.Held, rep.Outcome)
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "b", deploy.Decision{Answer: deploy.AnswerDone, By: "ada"}))
	rep, err = r.Report(t.Context(), p.Ref("r1"))
	require.NoError(t, err)
	require.Equal(t, deploy.Interrupted, rep.Outcome, "it waits for nobody but the next Run")
}

func TestAnswersToAnInconclusiveStep(t *testing.T) {
	for _, c := range []struct {
		answer  deploy.Answer
		step    string
		looks   int // that are inconclusive
		looked  int
		outcome deploy.Outcome
		did     []string
	}{
		{deploy.AnswerDone, "b", 9, 1, deploy.Succeeded, []string{"do a", "do c"}},
		{deploy.AnswerRepeat, "b", 1, 4, deploy.Succeeded, []string{"do a", "do c"}},
		{deploy.AnswerRepeat, "b", 9, 2, deploy.Held, []string{"do a"}},
		{deploy.AnswerUndo, "", 9, 1, deploy.Undone, []string{"do a", "undo b", "undo a"}},
		{deploy.AnswerUndo, "b", 9, 1, deploy.Undone, []string{"do a", "undo b", "undo a"}},
	} {
		t.Run(fmt.Sprint(c.answer, c.step, c.looks), func(t *testing.T) {
			var did []string
			looked := 0
			log := newMemLog()
			gate := &deploy.Health{Conditions: []deploy.Action{cannotTell(&looked, c.looks)}, Interval: time.Millisecond}
			p := gated(&did, gate)
			_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
			require.ErrorIs(t, err, deploy.ErrHeld)
			r := newRunner(t, log, nil) // another program
			require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), c.step, deploy.Decision{Answer: c.answer, By: "ada", Comment: "the graphs are flat"}))
			rep, err := r.Report(t.Context(), p.Ref("r1"))
			require.NoError(t, err)
			require.Equal(t, deploy.Interrupted, rep.Outcome, "it waits for the next Run only")
			rep, _ = r.Run(t.Context(), "r1", p)
			require.Equal(t, c.outcome, rep.Outcome)
			require.Equal(t, c.did, did)
			require.Equal(t, c.looked, looked)
			if c.answer == deploy.AnswerDone {
				require.Equal(t, deploy.Succeeded, rep.Steps[1].Outcome)
				require.Contains(t, rep.Steps[1].Tail, "no data of the last minute", "what was seen stays in the report")
				require.Contains(t, rep.Steps[1].Tail, "counts as good by decision of ada: the graphs are flat")
			}
			if c.outcome == deploy.Held { // an answer is for one look
				_, err := r.Run(t.Context(), "r1", p)
				require.ErrorIs(t, err, deploy.ErrHeld)
				require.Equal(t, c.looked, looked)
			}
		})
	}
}

// TestALookThatWasCutOffAfterAnAnswer is repeated as any other: the answer
// allowed it, and nothing is held any more.
func TestALookThatWasCutOffAfterAnAnswer(t *testing.T) {
	var did []string
	looked := 0
	log := newMemLog()
	p := gated(&did, &deploy.Health{Conditions: []deploy.Action{cannotTell(&looked, 1)}, Interval: time.Millisecond})
	r := newRunner(t, log, nil)
	_, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrHeld)
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "b", deploy.Decision{Answer: deploy.AnswerRepeat, By: "ada"}))
	crashAt(log, 2) // continued, the second intent
	_, err = r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	rep, err := r.Report(t.Context(), p.Ref("r1"))
	require.NoError(t, err)
	require.Equal(t, deploy.Interrupted, rep.Outcome)
	require.Equal(t, deploy.Interrupted, rep.Steps[1].Outcome)
	rep, err = r.Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
	require.Equal(t, []string{"do a", "do c"}, did)
}

// TestAnInconclusiveUndoHolds the way back, which goes on after the answer.
func TestAnInconclusiveUndoHolds(t *testing.T) {
	var did []string
	looked := 0
	p := three(&did)
	p.Steps[1].Undo = cannotTell(&looked, 9)
	p.Steps[2].Do = &effect{Name: "do c", did: &did, fn: fails("first cause")}
	r := newRunner(t, newMemLog(), nil)
	rep, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrHeld)
	require.ErrorContains(t, err, "first cause")
	require.Equal(t, deploy.Held, rep.Outcome)
	require.Equal(t, []string{"do a", "do b", "do c", "undo c"}, did)
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "b", deploy.Decision{Answer: deploy.AnswerDone, By: "ada"}))
	rep, _ = r.Run(t.Context(), "r1", p)
	require.Equal(t, deploy.Undone, rep.Outcome)
	require.Equal(t, 1, looked)
	require.Equal(t, []string{"do a", "do b", "do c", "undo c", "undo a"}, did)
}

// TestAStepThatIsStoppedIsNotInconclusive, whatever its error wraps.
func TestAStepThatIsStoppedIsNotInconclusive(t *testing.T) {
	var did []string
	ctx, cancel := context.WithCancel(t.Context())
	first := true
	p := gated(&did, deploy.Func("look", "1", func(context.Context, *deploy.Call) error {
		if first {
			first = false
			cancel()
			return deploy.ErrInconclusive
		}
		return nil
	}))
	r := newRunner(t, newMemLog(), nil)
	rep, err := r.Run(ctx, "r1", p)
	require.NotErrorIs(t, err, deploy.ErrHeld)
	require.Equal(t, deploy.Interrupted, rep.Outcome)
	rep, err = r.Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
}

// TestABranchThatFailsBesideAnInconclusiveOne turns the run back: what is
// undone waits for nobody.
func TestABranchThatFailsBesideAnInconclusiveOne(t *testing.T) {
	var did []string
	looked := 0
	p := three(&did)
	none := []string{}
	held := make(chan struct{})
	p.Steps[1].Needs, p.Steps[1].Do = none, cannotTell(&looked, 9)
	p.Steps[2].Needs, p.Steps[2].Do = none, &effect{Name: "do c", did: &did, fn: func(context.Context, *deploy.Call) error {
		<-held
		return errors.New("broken")
	}}
	r := newRunner(t, newMemLog(), &deploy.Options{Handle: func(e deploy.Event) {
		if f, ok := e.(deploy.StepFinished); ok && f.Outcome == deploy.Held {
			close(held)
		}
	}})
	rep, err := r.Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, "broken")
	require.Equal(t, deploy.Undone, rep.Outcome)
}

// gatedRelease is what the process that gets killed runs: an effect, a gate
// that is inconclusive, an effect. The gate would be good at its second look.
func gatedRelease(dir string) deploy.Plan {
	sh := func(script string) deploy.Command {
		return deploy.Command{Argv: []string{"/bin/sh", "-ec", script}, Dir: dir, Env: map[string]string{"PATH": os.Getenv("PATH")}}
	}
	return plan(
		deploy.Step{Name: "place", InFlight: deploy.Repeat, Do: &deploy.Exec{Command: sh("echo place >> ledger")}, Undo: &deploy.Exec{Command: sh("echo unplace >> ledger")}},
		deploy.Step{Name: "gate", Kind: deploy.KindHealth, InFlight: deploy.Repeat, Do: &deploy.Health{
			Conditions: []deploy.Action{&deploy.CommandCheck{Command: sh("echo look >> ledger; test $(grep -c look ledger) -gt 1 || exit 75")}},
			Limits:     &deploy.Limits{Successes: 1},
		}},
		deploy.Step{Name: "prove", InFlight: deploy.Repeat, Do: &deploy.Exec{Command: sh("echo prove >> ledger")}},
	)
}

// TestGatedReleaseProcess is the process of the next test, and nothing without
// its environment.
func TestGatedReleaseProcess(t *testing.T) {
	dir := os.Getenv("DEVOPS_TEST_GATED")
	if dir == "" {
		return
	}
	at, err := strconv.Atoi(os.Getenv("DEVOPS_TEST_GATED_AT"))
	require.NoError(t, err)
	stop := &stopper{at: int64(at)}
	rep, _ := gatedRunner(t, dir, stop).Run(t.Context(), "r1", gatedRelease(dir))
	fmt.Printf("outcome: %s\npoints: %d\n", rep.Outcome, stop.n.Load())
	stop.at = stop.n.Load() + 1
	stop.point("after Run")
}

func gatedRunner(t *testing.T, dir string, stop *stopper) *deploy.Runner {
	t.Helper()
	log, err := filelog.New(filepath.Join(dir, "log"), nil)
	require.NoError(t, err)
	local, err := localexec.New(nil)
	require.NoError(t, err)
	return newRunner(t, &stoppingLog{log, stop}, &deploy.Options{Executor: stoppingExecutor{local, stop}})
}

// killGated runs the process until it stops, kills it there, and returns at
// how many points it had stopped if it came to the end of Run.
func killGated(t *testing.T, dir string, at int) (points int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestGatedReleaseProcess$")
	cmd.Env = append(os.Environ(), "DEVOPS_TEST_GATED="+dir, "DEVOPS_TEST_GATED_AT="+strconv.Itoa(at))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	killed := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch key {
		case "points":
			points, err = strconv.Atoi(value)
			require.NoError(t, err)
		case "stopped":
			killed = true
			require.NoError(t, cmd.Process.Kill())
		}
	}
	require.Error(t, cmd.Wait())
	require.True(t, killed, "the kill at point %d never fired", at)
	return points
}

// TestAHeldRunSurvivesKill kills the program with SIGKILL at each append and
// command up to the hold, and between the hold and the answer. Nothing goes on
// without the answer; and where the log says that the gate was inconclusive, it
// is not asked again.
func TestAHeldRunSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	points := killGated(t, dir, 0)
	require.GreaterOrEqual(t, points, 14, "kill points of an unkilled run")
	t.Logf("%d kill points", points)
	afterHold := 0
	for at := 1; at <= points+1; at++ { // the last one is after Run
		dir := t.TempDir()
		killGated(t, dir, at)
		r, p := gatedRunner(t, dir, &stopper{}), gatedRelease(dir)
		told := holds(t, dir)
		if told {
			afterHold++
		}
		looks := ledger(t, dir)["look"]
		rep, err := r.Run(t.Context(), "r1", p)
		if !told && looks == 1 { // the outcome was lost, so it looked again, and well
			require.NoError(t, err, at)
			continue
		}
		require.ErrorIs(t, err, deploy.ErrHeld, at)
		require.Equal(t, deploy.Held, rep.Outcome)
		require.Equal(t, 1, ledger(t, dir)["look"], at)
		require.Zero(t, ledger(t, dir)["prove"]+ledger(t, dir)["unplace"], at)
		require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "gate", deploy.Decision{Answer: deploy.AnswerDone, By: "ada"}))
		rep, err = r.Run(t.Context(), "r1", p)
		require.NoError(t, err, at)
		require.Equal(t, deploy.Succeeded, rep.Outcome)
		require.Equal(t, 1, ledger(t, dir)["look"], at)
		require.Equal(t, 1, ledger(t, dir)["prove"], at)
	}
	require.Equal(t, 2, afterHold, "once inside the append, once after Run")
}

// holds tells whether the log says that a step is held.
func holds(t *testing.T, dir string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "log", "*", "*"))
	require.NoError(t, err)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		if strings.Contains(string(raw), `"outcome":"held"`) {
			return true
		}
	}
	return false
}
