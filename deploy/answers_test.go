package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/hashlog"
)

// TestAnAnswerIsNotKeptForALaterInterruption: somebody answers about a step
// that still runs, and the controller is stopped afterwards.
func TestAnAnswerIsNotKeptForALaterInterruption(t *testing.T) {
	for _, answer := range []deploy.Answer{deploy.AnswerDone, deploy.AnswerRepeat} {
		var did []string
		log := newMemLog()
		p := three(&did)
		p.Steps[1].InFlight = deploy.Ask
		r := newRunner(t, log, nil)
		ctx, cancel := context.WithCancel(t.Context())
		p.Steps[1].Do = &effect{Name: "do b", did: &did, fn: func(ctx context.Context, _ *deploy.Call) error {
			_ = r.Decide(context.WithoutCancel(ctx), p.Ref("r1"), "b", deploy.Decision{Answer: answer, By: "ada"})
			cancel()
			return ctx.Err()
		}}
		_, err := r.Run(ctx, "r1", p)
		require.ErrorIs(t, err, context.Canceled)
		_, err = r.Run(t.Context(), "r1", p)
		require.ErrorIs(t, err, deploy.ErrHeld, "nobody has looked at the host since: %s", answer)
		require.Equal(t, []string{"do a", "do b"}, did)
	}
}

// TestAnAnswerCountsOnce: the step that was repeated is interrupted again.
func TestAnAnswerCountsOnce(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	p.Steps[1].InFlight = deploy.Ask
	r := newRunner(t, log, nil)
	crashAt(log, 4)
	_, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "b", deploy.Decision{Answer: deploy.AnswerRepeat, By: "ada"}))
	crashAt(log, 2) // continued, b's second intent
	_, err = r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	_, err = r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrHeld)
	require.Equal(t, []string{"do a", "do b", "do b"}, did)
}

// TestAnswersOnTheWayBack about an undo that was interrupted.
func TestAnswersOnTheWayBack(t *testing.T) {
	for answer, want := range map[deploy.Answer][]string{
		deploy.AnswerDone:   {"undo a"},
		deploy.AnswerRepeat: {"undo b", "undo a"},
		deploy.AnswerUndo:   {"undo b", "undo a"},
	} {
		t.Run(string(answer), func(t *testing.T) {
			var did []string
			log := newMemLog()
			p := three(&did)
			p.Steps[1].InFlight = deploy.Ask
			p.Steps[2].Do = &effect{Name: "do c", did: &did, fn: fails("first cause")}
			r := newRunner(t, log, nil)
			crashAt(log, 11)
			_, err := r.Run(t.Context(), "r1", p)
			require.ErrorIs(t, err, errCrash)
			log.before, did = nil, nil
			rep, err := r.Run(t.Context(), "r1", p)
			require.ErrorIs(t, err, deploy.ErrHeld)
			require.ErrorContains(t, err, `step "b" (undo) was interrupted`)
			require.ErrorContains(t, err, "first cause")
			require.Equal(t, deploy.Held, rep.Outcome)
			require.Empty(t, did)
			require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "b", deploy.Decision{Answer: answer, By: "ada"}))
			rep, err = r.Run(t.Context(), "r1", p)
			require.ErrorContains(t, err, "first cause", "a decision does not replace the cause")
			require.Equal(t, deploy.Undone, rep.Outcome)
			require.Equal(t, want, did)
		})
	}
}

// TestAnOverrideIsForOneDigest and, for the program, until somebody continues.
func TestAnOverrideIsForOneDigest(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	crashAt(log, 3)
	r := newRunner(t, log, nil)
	_, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	digest, err := p.Digest()
	require.NoError(t, err)
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerOverride, By: "ada", Digest: digest}))

	changed := three(&did)
	changed.Steps[2].Do = &effect{Name: "do c differently", did: &did}
	_, err = newRunner(t, log, &deploy.Options{Executable: "sha256:other"}).Run(t.Context(), "r1", changed)
	require.ErrorIs(t, err, deploy.ErrPlanChanged, "another digest was allowed")

	crashAt(log, 1) // the other program continues, and dies
	_, err = newRunner(t, log, &deploy.Options{Executable: "sha256:other"}).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	_, err = newRunner(t, log, &deploy.Options{Executable: "sha256:third"}).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrPlanChanged, "the override was for the other program")
	_, err = r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrPlanChanged, "the first program is now another")
	_, err = newRunner(t, log, &deploy.Options{Executable: "sha256:other"}).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, []string{"do a", "do b", "do c"}, did)
}

// TestAPlanWithoutABegunStepCannotUndoIt, nor what that step needed.
func TestAPlanWithoutABegunStepCannotUndoIt(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	crashAt(log, 5) // a and b are done
	r := newRunner(t, log, nil)
	_, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before, did = nil, nil
	less := three(&did)
	less.Steps = []deploy.Step{less.Steps[0], less.Steps[2]}
	_, err = r.Run(t.Context(), "r1", less)
	require.ErrorContains(t, err, `step "b" is gone`)
	digest, err := less.Digest()
	require.NoError(t, err)
	require.NoError(t, r.Decide(t.Context(), less.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerOverride, By: "ada", Digest: digest}))
	require.NoError(t, r.Decide(t.Context(), less.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerUndo, By: "ada"}))
	rep, err := r.Run(t.Context(), "r1", less)
	require.ErrorContains(t, err, `step "b" was begun and is not in this plan`)
	require.Equal(t, deploy.UndoFailed, rep.Outcome)
	require.Empty(t, did)
}

// TestStepsThatNeedNothingAreUndoneBesideAStuckOne.
func TestStepsThatNeedNothingAreUndoneBesideAStuckOne(t *testing.T) {
	var did []string
	p := three(&did)
	p.Steps[1].Needs, p.Steps[2].Needs = []string{}, []string{}
	p.Steps[2].Do = &effect{Name: "do c", did: &did, fn: fails("first cause")}
	p.Steps[2].Undo = &effect{Name: "undo c", did: &did, fn: fails("stuck")}
	rep, err := newRunner(t, newMemLog(), &deploy.Options{Parallel: 1}).Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, "stuck")
	require.Equal(t, deploy.UndoFailed, rep.Outcome)
	require.Equal(t, []string{"do a", "do b", "do c", "undo c", "undo b", "undo a"}, did)
}

// TestALogThatNoEngineWroteIsAnError: its chain is whole, and its content
// cannot be.
func TestALogThatNoEngineWroteIsAnError(t *testing.T) {
	for name, bodies := range map[string][]string{
		"no plan":          {`{"kind":"started","run":"r1","digest":"d","executable":"sha256:test"}`},
		"unknown kind":     {`{"kind":"started","run":"r1","plan":{}}`, `{"kind":"rewound","run":"r1"}`},
		"unknown answer":   {`{"kind":"started","run":"r1","plan":{}}`, `{"kind":"decided","run":"r1","decision":{"answer":"perhaps","by":"x"}}`},
		"empty decision":   {`{"kind":"started","run":"r1","plan":{}}`, `{"kind":"decided","run":"r1"}`},
		"of no run":        {`{"kind":"intent","run":"r1","step":"a"}`},
		"of another run":   {`{"kind":"started","run":"r1","plan":{}}`, `{"kind":"intent","run":"r2","step":"a"}`},
		"started twice":    {`{"kind":"started","run":"r1","plan":{}}`, `{"kind":"finished","run":"r1","outcome":"succeeded","time":"2026-01-01T00:00:00Z"}`, `{"kind":"started","run":"r1","plan":{}}`},
		"started too soon": {`{"kind":"started","run":"r1","plan":{}}`, `{"kind":"started","run":"r2","plan":{}}`},
		"not a record":     {`[1,2]`},
	} {
		t.Run(name, func(t *testing.T) {
			log, chain := newMemLog(), hashlog.NewChain("dev/api")
			for _, b := range bodies {
				line, _, err := chain.Seal(json.RawMessage(b))
				require.NoError(t, err)
				_, err = chain.Open(line)
				require.NoError(t, err)
				log.streams["dev/api"] = append(log.streams["dev/api"], line)
			}
			var did []string
			require.NotPanics(t, func() {
				r := newRunner(t, log, nil)
				_, err := r.Run(t.Context(), "r1", three(&did))
				var bad *deploy.LogError
				require.ErrorAs(t, err, &bad)
				require.Equal(t, "dev/api", bad.Stream)
				require.Equal(t, uint64(len(bodies)), bad.Seq)
				_, err = r.Report(t.Context(), three(&did).Ref("r1"))
				require.ErrorAs(t, err, &bad)
			})
			require.Empty(t, did)
		})
	}
}

// TestPatienceAlsoBoundsAlive: it is asked with a context that ends then.
func TestPatienceAlsoBoundsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		h := &deploy.Health{URL: "http://127.0.0.1:1/", Patience: time.Second, Alive: func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}}
		_, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", plan(deploy.Step{Name: "h", InFlight: deploy.Repeat, Timeout: time.Hour, Do: h}))
		require.Error(t, err)
		require.Equal(t, time.Second, time.Since(start))
	})
}

// TestErrorsOfTheLogAreTold, of each record in turn, and the run goes on from
// there.
func TestErrorsOfTheLogAreTold(t *testing.T) {
	full := errors.New("no space left on device")
	for n := range 8 {
		var did []string
		log := newMemLog()
		left := n
		log.before = func(string, uint64, []byte) error {
			if left--; left < 0 {
				return full
			}
			return nil
		}
		rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", three(&did))
		var bad *deploy.LogError
		require.ErrorAs(t, err, &bad)
		require.ErrorIs(t, err, full)
		require.Equal(t, fmt.Sprintf("run log dev/api: append record %d: no space left on device", n+1), bad.Error())
		require.Equal(t, n == 0, rep == nil)
		require.Len(t, did, n/2, "no effect without its intent")
	}
}

// TestTheWholeOutputMayHoldAsMuchAsItSays, and not a byte more.
func TestTheWholeOutputMayHoldAsMuchAsItSays(t *testing.T) {
	for _, over := range []int{0, 1} {
		var did []string
		p := plan(deploy.Step{Name: "s", InFlight: deploy.Repeat, Provides: []string{"o"}, Do: &effect{Name: "s", did: &did, fn: func(_ context.Context, c *deploy.Call) error {
			return c.Provide("o", fmt.Sprintf("%0*d", deploy.MaxOutput-2+over, 0))
		}}})
		_, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
		require.Equal(t, over == 1, err != nil)
	}
}

// TestNobodyCanAnswerForOutputs: later steps would miss them.
func TestNobodyCanAnswerForOutputs(t *testing.T) {
	var did []string
	log := newMemLog()
	p := plan(deploy.Step{Name: "a", Provides: []string{"o"}, Do: &effect{Name: "a", did: &did}})
	crashAt(log, 2)
	r := newRunner(t, log, nil)
	_, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	require.ErrorContains(t, r.Decide(t.Context(), p.Ref("r1"), "a", deploy.Decision{Answer: deploy.AnswerDone, By: "ada"}), "has outputs, which nobody can give")
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "a", deploy.Decision{Answer: deploy.AnswerUndo, By: "ada"}))
}

func TestAnAnswerAboutTheWayForwardComesTooLateOnTheWayBack(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	p.Steps[1].InFlight = deploy.Ask
	r := newRunner(t, log, nil)
	crashAt(log, 4) // in step b
	_, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerUndo, By: "ada"}))
	err = r.Decide(t.Context(), p.Ref("r1"), "b", deploy.Decision{Answer: deploy.AnswerDone, By: "ada"})
	require.ErrorContains(t, err, "the run turns back", "nobody has undone it, and nobody could tell which of the two was meant")
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "b", deploy.Decision{Answer: deploy.AnswerRepeat, By: "ada"}), "too late, and harmless")
	rep, err := r.Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, "undone by decision of ada")
	require.Equal(t, deploy.Undone, rep.Outcome)
	require.Equal(t, []string{"do a", "do b", "undo b", "undo a"}, did)
}

func TestAnOverrideIsOfNoStep(t *testing.T) {
	var did []string
	log := newMemLog()
	r := newRunner(t, log, nil)
	crashAt(log, 4)
	_, err := r.Run(t.Context(), "r1", three(&did))
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	err = r.Decide(t.Context(), three(&did).Ref("r1"), "b", deploy.Decision{Answer: deploy.AnswerOverride, By: "ada", Digest: "x"})
	require.ErrorContains(t, err, `is about the whole run; leave the step "b" out`)
}
