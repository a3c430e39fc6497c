package deploy_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

var errCrash = errors.New("the power went")

// crashAt lets n appends through and fails every later one, as a controller
// that died would.
func crashAt(log *memLog, n int) {
	log.before = func(string, uint64, []byte) error {
		if n--; n < 0 {
			return errCrash
		}
		return nil
	}
}

func TestContinueAfterEveryAppend(t *testing.T) {
	var all []string
	whole := newMemLog()
	_, err := newRunner(t, whole, nil).Run(t.Context(), "r1", three(&all))
	require.NoError(t, err)
	appends := len(whole.streams["dev/api"])
	require.Equal(t, 8, appends, "started, three times intent and outcome, finished")

	for n := range appends {
		var did []string
		log := newMemLog()
		crashAt(log, n)
		rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", three(&did))
		require.ErrorIs(t, err, errCrash)
		if rep != nil {
			require.Equal(t, deploy.Interrupted, rep.Outcome)
		}
		log.before = nil
		rep, err = newRunner(t, log, nil).Run(t.Context(), "r1", three(&did))
		require.NoError(t, err)
		require.Equal(t, deploy.Succeeded, rep.Outcome)
		counts := map[string]int{}
		for _, d := range did {
			counts[d]++
		}
		for _, d := range []string{"do a", "do b", "do c"} {
			require.GreaterOrEqual(t, counts[d], 1)
			require.LessOrEqual(t, counts[d], 2, "only the step in flight is repeated")
		}
		require.LessOrEqual(t, len(did), 4)
	}
}

func TestInFlightStepIsHeldByDefault(t *testing.T) {
	for answer, want := range map[deploy.Answer][]string{
		deploy.AnswerDone:   {"do a", "do b", "do c"},
		deploy.AnswerRepeat: {"do a", "do b", "do b", "do c"},
		deploy.AnswerUndo:   {"do a", "do b", "undo b", "undo a"},
	} {
		t.Run(string(answer), func(t *testing.T) {
			var did []string
			log := newMemLog()
			p := three(&did)
			p.Steps[1].InFlight = deploy.Ask
			crashAt(log, 4) // started, a's two, b's intent
			r := newRunner(t, log, nil)
			_, err := r.Run(t.Context(), "r1", p)
			require.ErrorIs(t, err, errCrash)
			log.before = nil

			for range 2 { // it stays held
				rep, err := r.Run(t.Context(), "r1", p)
				require.ErrorIs(t, err, deploy.ErrHeld)
				require.ErrorContains(t, err, `step "b" (forward) was interrupted`)
				require.Equal(t, deploy.Held, rep.Outcome)
				require.Equal(t, []string{"do a", "do b"}, did)
			}
			require.ErrorContains(t, r.Decide(t.Context(), p.Ref("r1"), "a", deploy.Decision{Answer: answer}), "By is empty")
			require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "b", deploy.Decision{Answer: answer, By: "ada"}))
			rep, err := r.Run(t.Context(), "r1", p)
			require.Equal(t, want, did)
			if answer == deploy.AnswerUndo {
				require.ErrorContains(t, err, "undone by decision of ada")
				require.Equal(t, deploy.Undone, rep.Outcome)
				return
			}
			require.NoError(t, err)
			require.Equal(t, deploy.Succeeded, rep.Outcome)
		})
	}
}

func TestVerifyDecidesAboutTheStepInFlight(t *testing.T) {
	for name, c := range map[string]struct {
		verify error
		want   []string
		err    error
	}{
		"there":   {nil, []string{"do a", "do b", "verify b", "do c"}, nil},
		"absent":  {deploy.ErrNotDone, []string{"do a", "do b", "verify b", "do b", "do c"}, nil},
		"unknown": {errors.New("host does not answer"), []string{"do a", "do b", "verify b"}, deploy.ErrHeld},
	} {
		t.Run(name, func(t *testing.T) {
			var did []string
			log := newMemLog()
			p := three(&did)
			p.Steps[1].InFlight = deploy.Verify
			p.Steps[1].Verify = &effect{Name: "verify b", did: &did, fn: func(context.Context, *deploy.Call) error { return c.verify }}
			crashAt(log, 4)
			r := newRunner(t, log, nil)
			_, err := r.Run(t.Context(), "r1", p)
			require.ErrorIs(t, err, errCrash)
			log.before = nil
			_, err = r.Run(t.Context(), "r1", p)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.want, did)
		})
	}
}

func TestCrashInUndoContinuesUndo(t *testing.T) {
	whole := newMemLog()
	var all []string
	bad := func(did *[]string) deploy.Plan {
		p := three(did)
		p.Steps[2].Do = &effect{Name: "do c", did: did, fn: fails("no")}
		return p
	}
	_, err := newRunner(t, whole, nil).Run(t.Context(), "r1", bad(&all))
	require.Error(t, err)
	appends := len(whole.streams["dev/api"])
	for n := 8; n < appends; n++ { // from the record that turns back
		var did []string
		log := newMemLog()
		crashAt(log, n)
		_, err := newRunner(t, log, nil).Run(t.Context(), "r1", bad(&did))
		require.ErrorIs(t, err, errCrash)
		log.before = nil
		rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", bad(&did))
		require.Error(t, err)
		require.Equal(t, deploy.Undone, rep.Outcome)
		require.Equal(t, "do a", did[0])
		forward := 0
		for _, d := range did {
			if d[:2] == "do" {
				forward++
			}
		}
		require.Equal(t, 3, forward, "nothing goes forward again")
		require.Equal(t, "undo a", did[len(did)-1])
	}
}

func TestCancelLeavesTheRunToBeContinued(t *testing.T) {
	var did []string
	log := newMemLog()
	stop := errors.New("SIGTERM")
	ctx, cancel := context.WithCancelCause(t.Context())
	p := three(&did)
	p.Steps[1].Do = &effect{Name: "do b", did: &did, fn: func(ctx context.Context, _ *deploy.Call) error {
		cancel(stop)
		return context.Cause(ctx)
	}}
	rep, err := newRunner(t, log, nil).Run(ctx, "r1", p)
	require.ErrorIs(t, err, stop)
	require.Equal(t, deploy.Interrupted, rep.Outcome)
	p.Steps[1].Do = &effect{Name: "do b", did: &did}
	rep, err = newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.True(t, rep.Continued)
	require.Equal(t, []string{"do a", "do b", "do b", "do c"}, did)
}

func TestAControllerThatLostItsPlaceDoesNotAct(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	r := newRunner(t, log, nil)
	p.Steps[0].Do = &effect{Name: "do a", did: &did, fn: func(ctx context.Context, _ *deploy.Call) error {
		if len(did) > 1 {
			return nil
		}
		_, err := newRunner(t, log, nil).Run(ctx, "r1", p) // takes over and finishes
		return err
	}}
	_, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrConflict)
	require.ErrorContains(t, err, "another controller has taken over")
	require.Equal(t, []string{"do a", "do a", "do b", "do c"}, did)
}

func TestADecisionMeanwhileDoesNotStopTheController(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	r := newRunner(t, log, nil)
	p.Steps[1].Do = &effect{Name: "do b", did: &did, fn: func(ctx context.Context, _ *deploy.Call) error {
		return r.Decide(ctx, p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerUndo, By: "ada", Comment: "wrong day"})
	}}
	rep, err := r.Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, "undone by decision of ada")
	require.Equal(t, deploy.Undone, rep.Outcome)
	require.Equal(t, []string{"do a", "do b", "undo b", "undo a"}, did)
}

func TestAppendThatFailedAndTookPlaceIsFoundAgain(t *testing.T) {
	var did []string
	log := newMemLog()
	inner := log
	lying := &lyingLog{memLog: inner}
	rep, err := newRunner(t, lying, nil).Run(t.Context(), "r1", three(&did))
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
	require.Equal(t, []string{"do a", "do b", "do c"}, did)
	require.Equal(t, 8, lying.lies)
}

// lyingLog stores each record and reports an error.
type lyingLog struct {
	*memLog
	lies int
}

func (l *lyingLog) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	if err := l.memLog.Append(ctx, stream, seq, rec); err != nil {
		return err
	}
	l.lies++
	return errors.New("connection reset after the write")
}

func TestAnotherPlanIsRefusedWithADiff(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	crashAt(log, 3)
	_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	changed := three(&did)
	changed.Steps[1].Do = &effect{Name: "do b differently", did: &did}
	r := newRunner(t, log, nil)
	_, err = r.Run(t.Context(), "r1", changed)
	var pc *deploy.PlanChangedError
	require.ErrorAs(t, err, &pc)
	require.ErrorContains(t, err, `step "b" changed`)
	require.Equal(t, []string{"do a"}, did, "before anything changes")

	_, err = newRunner(t, log, &deploy.Options{Executable: "sha256:other"}).Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, "the program is another build")

	require.NoError(t, r.Decide(t.Context(), changed.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerOverride, By: "ada", Digest: pc.Digest}))
	_, err = r.Run(t.Context(), "r1", changed)
	require.NoError(t, err)
	require.Equal(t, []string{"do a", "do b differently", "do c"}, did)
}

func TestAnotherRunIsRefusedWhileOneIsUnfinished(t *testing.T) {
	var did []string
	log := newMemLog()
	crashAt(log, 3)
	_, err := newRunner(t, log, nil).Run(t.Context(), "r1", three(&did))
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	r := newRunner(t, log, nil)
	_, err = r.Run(t.Context(), "r2", three(&did))
	require.ErrorIs(t, err, deploy.ErrUnfinished)
	require.ErrorContains(t, err, "run r1 is unfinished")

	_, err = r.Report(t.Context(), three(&did).Ref("r2"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	rep, err := r.Report(t.Context(), three(&did).Ref("r1"))
	require.NoError(t, err)
	require.Equal(t, deploy.Interrupted, rep.Outcome)
}

func TestACancelledStepThatMayNotBeRepeatedIsHeld(t *testing.T) {
	var did []string
	log := newMemLog()
	ctx, cancel := context.WithCancel(t.Context())
	p := three(&did)
	p.Steps[1].InFlight = deploy.Ask
	p.Steps[1].Do = &effect{Name: "do b", did: &did, fn: func(ctx context.Context, _ *deploy.Call) error {
		cancel()
		return ctx.Err()
	}}
	_, err := newRunner(t, log, nil).Run(ctx, "r1", p)
	require.ErrorIs(t, err, context.Canceled)
	_, err = newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrHeld)
	require.Equal(t, []string{"do a", "do b"}, did)
}
