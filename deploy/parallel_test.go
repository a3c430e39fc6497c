package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// branches is a plan of two branches between a first and a last step. The
// functions are what the branches do; they are called with the channel of the
// other.
func branches(did *[]string, left, right func(context.Context) error) deploy.Plan {
	step := func(name string, fn func(context.Context) error, needs ...string) deploy.Step {
		e := &effect{Name: name, did: did}
		if fn != nil {
			e.fn = func(ctx context.Context, _ *deploy.Call) error { return fn(ctx) }
		}
		return deploy.Step{Name: name, Needs: needs, InFlight: deploy.Repeat, Do: e, Undo: &effect{Name: "undo " + name, did: did}}
	}
	first := step("first", nil)
	return plan(first, step("left", left, "first"), step("right", right, "first"), step("last", nil, "left", "right"))
}

// meet returns two functions that return only once both run.
func meet() (left, right func(context.Context) error) {
	a, b := make(chan struct{}), make(chan struct{})
	wait := func(mine, other chan struct{}) func(context.Context) error {
		return func(ctx context.Context) error {
			close(mine)
			select {
			case <-other:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return wait(a, b), wait(b, a)
}

func TestBranchesRunAtTheSameTime(t *testing.T) {
	var did []string
	left, right := meet()
	rep, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", branches(&did, left, right))
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
	require.Equal(t, "first", did[0])
	require.Equal(t, "last", did[3])
	require.Len(t, rep.Steps, 4)
}

func TestOneAtATimeKeepsTheListedOrder(t *testing.T) {
	for parallel, want := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 2: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var did []string
			second := func(context.Context) error { time.Sleep(time.Second); return nil }
			began := time.Now()
			_, err := newRunner(t, newMemLog(), &deploy.Options{Parallel: parallel}).Run(t.Context(), "r1", branches(&did, second, second))
			require.NoError(t, err)
			require.Equal(t, want, time.Since(began), "%d at a time", parallel)
			if parallel == 1 {
				require.Equal(t, []string{"first", "left", "right", "last"}, did)
			}
		})
	}

	_, err := deploy.New(newMemLog(), &deploy.Options{Parallel: -1})
	require.ErrorContains(t, err, "field Parallel")
}

// TestABranchBesideAFailedOneComesToItsEnd and is undone then; what would
// follow does not begin.
func TestABranchBesideAFailedOneComesToItsEnd(t *testing.T) {
	var did []string
	failed := make(chan struct{})
	left := func(context.Context) error { return errors.New("no") }
	right := func(ctx context.Context) error {
		select {
		case <-failed:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	handle := func(e deploy.Event) {
		if f, ok := e.(deploy.StepFinished); ok && f.Step == "left" && f.Phase == deploy.PhaseForward {
			close(failed)
		}
	}
	rep, err := newRunner(t, newMemLog(), &deploy.Options{Handle: handle}).Run(t.Context(), "r1", branches(&did, left, right))
	require.ErrorContains(t, err, `step "left"`)
	require.Equal(t, deploy.Undone, rep.Outcome)
	for _, s := range rep.Steps {
		if s.Step == "right" {
			require.Equal(t, deploy.Succeeded, s.Outcome, s.Phase)
		}
	}
	require.Equal(t, []string{"undo left", "undo right", "undo first"}, did[3:])
}

func TestBothFailuresAreTold(t *testing.T) {
	var did []string
	left, right := meet()
	fail := func(meet func(context.Context) error, text string) func(context.Context) error {
		return func(ctx context.Context) error { return errors.Join(meet(ctx), errors.New(text)) }
	}
	rep, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", branches(&did, fail(left, "no left"), fail(right, "no right")))
	require.ErrorContains(t, err, "no left")
	require.ErrorContains(t, err, "no right")
	require.Equal(t, deploy.Undone, rep.Outcome)
	require.Contains(t, rep.Reason, "no left")
	require.Contains(t, rep.Reason, "no right")
}

// TestALostLogStopsWhatRuns: nobody may act who cannot write down what he
// does.
func TestALostLogStopsWhatRuns(t *testing.T) {
	var did []string
	log := newMemLog()
	begun := make(chan struct{})
	left := func(ctx context.Context) error {
		close(begun)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	right := func(ctx context.Context) error {
		select {
		case <-begun:
			log.dead.Store(true)
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", branches(&did, left, right))
	require.ErrorIs(t, err, errCrash)
	require.Equal(t, deploy.Interrupted, rep.Outcome)

	log.dead.Store(false)
	l, r := meet()
	rep, err = newRunner(t, log, nil).Run(t.Context(), "r1", branches(&did, l, r))
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
}

// TestAFailureThatNobodyTurnedBackFor is found before anything else begins.
func TestAFailureThatNobodyTurnedBackFor(t *testing.T) {
	var did []string
	log := newMemLog()
	begun := make(chan struct{})
	left := func(context.Context) error { <-begun; return errors.New("no") }
	right := func(ctx context.Context) error { close(begun); <-ctx.Done(); return context.Cause(ctx) }
	ctx, cancel := context.WithCancelCause(t.Context())
	handle := func(e deploy.Event) {
		if f, ok := e.(deploy.StepFinished); ok && f.Step == "left" {
			cancel(errors.New("told to stop"))
		}
	}
	_, err := newRunner(t, log, &deploy.Options{Handle: handle}).Run(ctx, "r1", branches(&did, left, right))
	require.ErrorContains(t, err, "told to stop")
	require.NotContains(t, did, "undo first")

	did = nil
	rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", branches(&did, left, right))
	require.ErrorContains(t, err, `step "left"`)
	require.Equal(t, deploy.Undone, rep.Outcome)
	require.Len(t, did, 3)
	slices.Sort(did[:2])
	require.Equal(t, []string{"undo left", "undo right", "undo first"}, did)
}

// TestAFailureDoesNotWaitForAPerson who would have to say something about a
// branch that is going to be undone anyway.
func TestAFailureDoesNotWaitForAPerson(t *testing.T) {
	for _, fail := range []bool{false, true} {
		var did []string
		log := newMemLog()
		waits := func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
		p := branches(&did, waits, waits)
		p.Steps[2].InFlight = deploy.Ask
		ctx, cancel := context.WithCancelCause(t.Context())
		log.before = func(_ string, seq uint64, _ []byte) error {
			if seq == 5 { // both branches have begun
				cancel(errors.New("told to stop"))
			}
			return nil
		}
		_, err := newRunner(t, log, nil).Run(ctx, "r1", p)
		require.ErrorContains(t, err, "told to stop")

		log.before = nil
		p.Steps[1].Do.(*effect).fn = nil
		if fail {
			p.Steps[1].Do.(*effect).fn = fails("no")
		}
		rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
		if !fail {
			require.ErrorIs(t, err, deploy.ErrHeld)
			require.Equal(t, deploy.Held, rep.Outcome)
			require.Len(t, rep.Steps, 3, "the other branch went on")
			continue
		}
		require.ErrorContains(t, err, `step "left"`)
		require.Equal(t, deploy.Undone, rep.Outcome)
		require.ElementsMatch(t, []string{"undo right", "undo left"}, did[len(did)-3:len(did)-1])
		require.Equal(t, "undo first", did[len(did)-1])
	}
}

// TestADecisionDoesNotOutrankALostHost: the one branch learns that somebody
// wants the run undone, the other that another controller has the host. Who has
// lost it undoes nothing, and says so; the next one does.
func TestADecisionDoesNotOutrankALostHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		log := newMemLog()
		left := func(context.Context) error { time.Sleep(time.Hour); return fmt.Errorf("reload: %w", deploy.ErrFenced) }
		var p deploy.Plan
		right := func(ctx context.Context) error {
			time.Sleep(time.Second) // until both have begun
			return errors.Join(errors.New("not yet"), newRunner(t, log, nil).Decide(ctx, p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerUndo, By: "ada"}))
		}
		p = branches(&did, left, right)
		p.Steps[2].Retry = deploy.Retry{Max: 1, Wait: time.Minute}
		rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.ErrorIs(t, err, deploy.ErrFenced)
		require.Equal(t, deploy.Interrupted, rep.Outcome)
		require.ElementsMatch(t, []string{"first", "left", "right"}, did)

		rep, err = newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.ErrorContains(t, err, "undone by decision of ada")
		require.Equal(t, deploy.Undone, rep.Outcome)
		require.Equal(t, "undo first", did[len(did)-1])
	})
}
