package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// TestWhatAStepSaysNeverKeepsItsOutcomeOutOfTheLog: each part is within its
// limit, and together they are more than a record may have.
func TestWhatAStepSaysNeverKeepsItsOutcomeOutOfTheLog(t *testing.T) {
	names := make([]string, 20)
	for i := range names {
		names[i] = fmt.Sprintf("o%d", i)
	}
	for name, c := range map[string]struct {
		fn   func(context.Context, *deploy.Call) error
		want deploy.Outcome
	}{
		"outputs": {func(_ context.Context, c *deploy.Call) error {
			var errs []error
			for _, n := range names {
				errs = append(errs, c.Provide(n, strings.Repeat("x", deploy.MaxOutput-100)))
			}
			return errors.Join(errs...)
		}, deploy.Undone},
		"error":  {func(context.Context, *deploy.Call) error { return errors.New(strings.Repeat("x", 1<<20)) }, deploy.Undone},
		"escape": {func(context.Context, *deploy.Call) error { return errors.New(strings.Repeat("\x01", 1<<20)) }, deploy.Undone},
		"panic":  {func(context.Context, *deploy.Call) error { panic(strings.Repeat("x", 1<<20)) }, deploy.Undone},
	} {
		t.Run(name, func(t *testing.T) {
			var did []string
			p := plan(deploy.Step{Name: "s", InFlight: deploy.Repeat, Do: &effect{Name: "s", did: &did, fn: c.fn}})
			if name == "outputs" {
				p.Steps[0].Provides = names
			}
			rep, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
			var step *deploy.StepError
			require.ErrorAs(t, err, &step)
			require.Equal(t, c.want, rep.Outcome)
			require.Equal(t, []string{"s"}, did)
		})
	}
}

func TestAPlanTooLargeForTheLogIsRefusedAsAPlan(t *testing.T) {
	var did []string
	log := newMemLog()
	p := plan(deploy.Step{Name: "s", Do: &effect{Name: strings.Repeat("x", deploy.MaxRecord), did: &did}})
	rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.Nil(t, rep)
	var bad *deploy.PlanError
	require.ErrorAs(t, err, &bad)
	require.Empty(t, did)
	require.Empty(t, log.streams["dev/api"])
}

// TestALongPlanIsNotSlow: 1,500 steps that each pass an output on.
func TestALongPlanIsNotSlow(t *testing.T) {
	const n = 1500
	var did []string
	p := plan()
	for i := range n {
		s := deploy.Step{Name: fmt.Sprint("s", i), InFlight: deploy.Repeat, Provides: []string{fmt.Sprint("o", i)}, Do: &effect{did: &did}}
		if i > 0 {
			s.Binds = []string{fmt.Sprint("o", i-1)}
		}
		p.Steps = append(p.Steps, s)
	}
	done := make(chan error, 1)
	go func() { done <- p.Validate() }()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		t.Fatal("Validate takes too long")
	}
}

// TestAFloodOfLinesIsPassedOn: a command that says very much in short lines.
func TestAFloodOfLinesIsPassedOn(t *testing.T) {
	const size = 2 << 20
	var did []string
	p := plan(deploy.Step{Name: "s", InFlight: deploy.Repeat, Do: &effect{Name: "s", did: &did, fn: func(_ context.Context, c *deploy.Call) error {
		c.Printf("%s", strings.Repeat("x\n", size/2)+"the end")
		return nil
	}}})
	done := make(chan *deploy.Report, 1)
	go func() {
		rep, _ := newRunner(t, newMemLog(), nil).Run(context.Background(), "r1", p)
		done <- rep
	}()
	select {
	case rep := <-done:
		require.Equal(t, deploy.Succeeded, rep.Outcome)
		require.True(t, strings.HasSuffix(rep.Steps[0].Tail, "x\nthe end\n"))
		require.LessOrEqual(t, len(rep.Steps[0].Tail), 8<<10)
	case <-time.After(time.Minute):
		t.Fatal("2 MiB of short lines take too long")
	}
}

// TestALineWithoutEndIsCut wherever the writes end.
func TestALineWithoutEndIsCut(t *testing.T) {
	const most = 64 << 10
	for _, ending := range []string{"", "\nnext"} {
		var longest, total atomic.Int64
		handle := func(e deploy.Event) {
			if o, ok := e.(deploy.StepOutput); ok {
				total.Add(int64(len(o.Line)))
				longest.Store(max(longest.Load(), int64(len(o.Line))))
			}
		}
		var did []string
		p := plan(deploy.Step{Name: "s", InFlight: deploy.Repeat, Do: &effect{Name: "s", did: &did, fn: func(_ context.Context, c *deploy.Call) error {
			c.Printf("%s", strings.Repeat("x", 1<<20)+ending)
			return nil
		}}})
		_, err := newRunner(t, newMemLog(), &deploy.Options{Handle: handle}).Run(t.Context(), "r1", p)
		require.NoError(t, err)
		require.GreaterOrEqual(t, total.Load(), int64(1<<20), "nothing is lost")
		require.LessOrEqual(t, longest.Load(), int64(most))
	}
}

// TestAWatchNeedsEvidenceUpToItsEnd: one good look at the start, and then the
// counts cannot be had any more.
func TestAWatchNeedsEvidenceUpToItsEnd(t *testing.T) {
	looks := 0
	counts := func(context.Context) (deploy.Counts, error) {
		if looks++; looks == 1 {
			return deploy.Counts{Requests: 1}, nil
		}
		return deploy.Counts{}, errors.New("socket is gone")
	}
	_, err := watch(t, &deploy.Watch{For: 3 * time.Second, Counts: counts})
	require.Error(t, err, "nobody has seen the last three seconds")
}

func TestAWatchThatCannotWorkIsRefusedBeforeAnythingChanges(t *testing.T) {
	for _, a := range []deploy.Action{
		&deploy.Watch{}, &deploy.Watch{For: time.Second, MaxFailed: -1}, &deploy.Watch{For: time.Second, Interval: -1},
		&deploy.Exec{}, &deploy.Health{}, &deploy.Health{URL: "http://127.0.0.1", Interval: -1},
	} {
		require.Error(t, plan(deploy.Step{Name: "s", Do: a}).Validate(), "%T %+v", a, a)
	}
}

// TestAHandlerThatHangsDoesNotHoldUpTheRun, and what it missed is counted.
func TestAHandlerThatHangsDoesNotHoldUpTheRun(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	var did []string
	p := three(&did)
	p.Steps[0].Do = &effect{Name: "do a", did: &did, fn: func(_ context.Context, c *deploy.Call) error {
		for range 20000 {
			c.Printf("line")
		}
		return nil
	}}
	rep, err := newRunner(t, newMemLog(), &deploy.Options{Handle: func(deploy.Event) { <-release }}).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, []string{"do a", "do b", "do c"}, did)
	require.Greater(t, rep.EventsDropped, 900)
}

// TestASlowHandlerLosesOutputNotTheEnd: lines are dropped before the events
// that tell how steps and the run ended.
func TestASlowHandlerLosesOutputNotTheEnd(t *testing.T) {
	go0 := make(chan struct{})
	var kinds []string
	handle := func(e deploy.Event) {
		<-go0
		if _, ok := e.(deploy.StepOutput); !ok {
			kinds = append(kinds, strings.TrimPrefix(fmt.Sprintf("%T", e), "deploy."))
		}
	}
	var did []string
	p := three(&did)
	p.Steps = p.Steps[:2]
	p.Steps[0].Do = &effect{Name: "do a", did: &did, fn: func(_ context.Context, c *deploy.Call) error {
		for range 5000 {
			c.Printf("line")
		}
		return nil
	}}
	p.Steps[1].Do = &effect{Name: "do b", did: &did, fn: func(context.Context, *deploy.Call) error { close(go0); return nil }}
	_, err := newRunner(t, newMemLog(), &deploy.Options{Handle: handle}).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, []string{"RunStarted", "StepStarted", "StepFinished", "StepStarted", "StepFinished", "RunFinished"}, kinds)
}

// TestAnErrorOfANestedRunIsThatOfAStep: an action may run a plan of its own,
// and what its error wraps decides nothing about the run around it.
func TestAnErrorOfANestedRunIsThatOfAStep(t *testing.T) {
	var did []string
	p := three(&did)
	p.Steps[1].Do = &effect{Name: "do b", did: &did, fn: func(context.Context, *deploy.Call) error {
		return fmt.Errorf("inner: %w", &deploy.HeldError{Step: "x"})
	}}
	p.Steps[1].Undo = &effect{Name: "undo b", did: &did, fn: fails("stuck")}
	rep, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
	require.Error(t, err)
	require.Equal(t, deploy.UndoFailed, rep.Outcome, "there is nothing to decide")

	did = nil
	p = three(&did)
	p.Steps[1].InFlight = deploy.Verify
	p.Steps[1].Verify = &effect{Name: "verify b", did: &did, fn: func(context.Context, *deploy.Call) error {
		return &deploy.StepError{Step: "inner", Err: errors.New("unreachable")}
	}}
	log := newMemLog()
	crashAt(log, 4)
	_, err = newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	rep, err = newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrHeld)
	require.Equal(t, deploy.Held, rep.Outcome)
	require.False(t, slices.Contains(did, "undo b"))
}

// TestAPersonCanEndAnUndoThatNeverSucceeds: who has cleaned up by hand says so.
func TestAPersonCanEndAnUndoThatNeverSucceeds(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	p.Steps[2].Do = &effect{Name: "do c", did: &did, fn: fails("first cause")}
	p.Steps[1].Undo = &effect{Name: "undo b", did: &did, fn: fails("the host is gone")}
	r := newRunner(t, log, nil)
	rep, err := r.Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, "the host is gone")
	require.Equal(t, deploy.UndoFailed, rep.Outcome)
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "b", deploy.Decision{Answer: deploy.AnswerDone, By: "ada", Comment: "cleaned by hand"}))
	rep, err = r.Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, "first cause")
	require.Equal(t, deploy.Undone, rep.Outcome)
	require.Equal(t, "undo a", did[len(did)-1])
}

func TestADecisionAboutAnUnknownStepIsRefused(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	crashAt(log, 4)
	r := newRunner(t, log, nil)
	_, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	for _, a := range []deploy.Answer{deploy.AnswerDone, deploy.AnswerRepeat, deploy.AnswerUndo} {
		require.Error(t, r.Decide(t.Context(), p.Ref("r1"), "ghost", deploy.Decision{Answer: a, By: "ada"}), a)
	}
	require.Error(t, r.Decide(t.Context(), p.Ref("r2"), "b", deploy.Decision{Answer: deploy.AnswerDone, By: "ada"}))
}

func TestTimeoutOfAnUndoLeavesTheRestInPlace(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	p.Steps[2].Do = &effect{Name: "do c", did: &did, fn: fails("first cause")}
	p.Steps[1].Timeout = 10 * time.Millisecond
	p.Steps[1].Undo = &effect{Name: "undo b", did: &did, fn: func(ctx context.Context, _ *deploy.Call) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, "first cause")
	require.ErrorContains(t, err, `step "b" took longer than its timeout of 10ms`)
	require.Equal(t, deploy.UndoFailed, rep.Outcome)
	require.NotContains(t, did, "undo a")
}

// TestVerifyOnTheWayBack: there means that the undo runs again, absent that it
// is done, and anything else asks.
func TestVerifyOnTheWayBack(t *testing.T) {
	for name, c := range map[string]struct {
		verify error
		want   []string
		end    deploy.Outcome
	}{
		"there":   {nil, []string{"verify b", "undo b", "undo a"}, deploy.Undone},
		"absent":  {deploy.ErrNotDone, []string{"verify b", "undo a"}, deploy.Undone},
		"unknown": {errors.New("no answer"), []string{"verify b"}, deploy.Held},
	} {
		t.Run(name, func(t *testing.T) {
			var did []string
			log := newMemLog()
			p := three(&did)
			p.Steps[1].InFlight = deploy.Verify
			p.Steps[1].Verify = &effect{Name: "verify b", did: &did, fn: func(context.Context, *deploy.Call) error { return c.verify }}
			p.Steps[2].Do = &effect{Name: "do c", did: &did, fn: fails("first cause")}
			crashAt(log, 11) // started, 3 times two, undo, c's two, b's intent
			_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
			require.ErrorIs(t, err, errCrash)
			require.Equal(t, "undo b", did[len(did)-1])
			did, log.before = nil, nil
			rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
			require.ErrorContains(t, err, "first cause")
			require.Equal(t, c.end, rep.Outcome)
			require.Equal(t, c.want, did)
		})
	}
}

func TestARunThatEndedReportsTheSameForEver(t *testing.T) {
	for _, bad := range []bool{false, true} {
		var did []string
		log := newMemLog()
		p := three(&did)
		if bad {
			p.Steps[2].Do = &effect{Name: "do c", did: &did, fn: fails("first cause")}
		}
		r := newRunner(t, log, nil)
		first, err := r.Run(t.Context(), "r1", p)
		require.Equal(t, bad, err != nil)
		var none []string
		_, err = r.Run(t.Context(), "r2", three(&none))
		require.NoError(t, err, "another run in the same stream")
		again, err := r.Run(t.Context(), "r1", p)
		require.Equal(t, bad, err != nil)
		require.True(t, again.Continued)
		again.Continued, again.Head = false, first.Head // of a log that is longer now
		require.Equal(t, first, again)
		read, err := r.Report(t.Context(), p.Ref("r1"))
		require.NoError(t, err)
		read.Head = first.Head
		require.Equal(t, first, read)
		require.Len(t, none, 3)
	}
}
