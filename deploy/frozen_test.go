package deploy_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// TestNoRunBeginsInAFreeze nor shortly before it, except where somebody breaks
// the glass.
func TestNoRunBeginsInAFreeze(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		from := time.Now().Add(time.Hour)
		freeze := deploy.Freeze{Name: "fair", Environments: []string{"dev"}, Services: []string{"api"}, Once: &deploy.Span{From: from, To: from.Add(time.Hour)}, Lead: 10 * time.Minute}
		log := newMemLog()
		r := newRunner(t, log, &deploy.Options{Freezes: []deploy.Freeze{freeze}})
		run := func(id deploy.RunID, p deploy.Plan) error {
			_, err := r.Run(t.Context(), id, p)
			return err
		}
		require.NoError(t, run("r1", three(&did)))
		time.Sleep(50*time.Minute - time.Nanosecond)
		require.NoError(t, run("r2", three(&did)))
		time.Sleep(time.Nanosecond)
		for _, wait := range []time.Duration{0, 10 * time.Minute, time.Hour - 1} {
			time.Sleep(wait)
			did = nil
			err := run("r3", three(&did))
			require.ErrorIs(t, err, deploy.ErrFrozen)
			require.ErrorContains(t, err, `"fair"`)
			require.Empty(t, did)
		}
		web := three(&did)
		web.Service = "web"
		require.NoError(t, run("r3", web), "another service")

		broken := three(&did)
		broken.BreakGlass = "payments are down"
		rep, err := r.Run(t.Context(), "r4", broken)
		require.NoError(t, err)
		require.Equal(t, "payments are down", rep.BreakGlass)
		d, err := broken.Describe()
		require.NoError(t, err)
		require.Contains(t, d.String(), "breaks the glass: payments are down")

		time.Sleep(11 * time.Minute)
		require.NoError(t, run("r5", three(&did)), "after it")
	})
}

// TestAFreezeBetweenTwoSwitches does not turn half a switch back.
func TestAFreezeBetweenTwoSwitches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		from := time.Now().Add(time.Hour)
		opts := &deploy.Options{Freezes: []deploy.Freeze{{Name: "fair", Once: &deploy.Span{From: from, To: from.Add(time.Hour)}}}}
		p := three(&did)
		p.Steps[0].Kind, p.Steps[2].Kind = deploy.KindSwitch, deploy.KindSwitch
		p.Steps[1].Do.(*effect).fn = takes(90*time.Minute, nil)
		rep, err := newRunner(t, newMemLog(), opts).Run(t.Context(), "r1", p)
		require.NoError(t, err)
		require.Equal(t, deploy.Succeeded, rep.Outcome)
	})
}

// TestAFreezeThatBeginsMeanwhile stops the run before the switch, and lets one
// that has switched come to its end.
func TestAFreezeThatBeginsMeanwhile(t *testing.T) {
	for _, slow := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			var did []string
			from := time.Now().Add(time.Hour)
			opts := &deploy.Options{Freezes: []deploy.Freeze{{Name: "fair", Once: &deploy.Span{From: from, To: from.Add(time.Hour)}}}}
			p := three(&did)
			p.Steps[1].Kind = deploy.KindSwitch
			p.Steps[slow].Do.(*effect).fn = func(context.Context, *deploy.Call) error {
				time.Sleep(90 * time.Minute)
				return nil
			}
			rep, err := newRunner(t, newMemLog(), opts).Run(t.Context(), "r1", p)
			if slow == 1 {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, deploy.ErrFrozen)
			require.Equal(t, deploy.Undone, rep.Outcome)
			require.Equal(t, []string{"do a", "undo a"}, did)
		})
	}
}

// TestAFreezeBeginsBeforeARunIsContinued: it is turned back where it has not
// switched, unless somebody breaks the glass, and comes to its end where it has.
func TestAFreezeBeginsBeforeARunIsContinued(t *testing.T) {
	for died, want := range map[string]deploy.Outcome{"a": deploy.Undone, "b": deploy.Succeeded, "c": deploy.Succeeded} {
		synctest.Test(t, func(t *testing.T) {
			var did []string
			log, p, opts := cutShort(t, &did, died)
			rep, err := newRunner(t, log, opts).Run(t.Context(), "r1", p)
			require.Equal(t, want, rep.Outcome, died)
			if want == deploy.Succeeded {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, deploy.ErrFrozen)
			require.NotContains(t, did, "do b")
		})
	}
}

// TestTheGlassIsBrokenForARunThatHasBegun, and the report has the reason.
func TestTheGlassIsBrokenForARunThatHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		log, p, opts := cutShort(t, &did, "a")
		r := newRunner(t, log, opts)
		p.BreakGlass, p.Change = "payments are down", &deploy.Change{Commit: "c2"}
		_, err := r.Run(t.Context(), "r1", p)
		var changed *deploy.PlanChangedError
		require.ErrorAs(t, err, &changed)
		require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerOverride, By: "ada", Digest: changed.Digest}))
		for range 2 {
			rep, err := r.Run(t.Context(), "r1", p)
			require.NoError(t, err)
			require.Equal(t, deploy.Succeeded, rep.Outcome)
			require.Equal(t, "payments are down", rep.BreakGlass)
			require.Equal(t, "c2", rep.Change.Commit)
			require.Equal(t, changed.Digest, rep.PlanDigest)
		}
		rep, err := newRunner(t, log, nil).Report(t.Context(), p.Ref("r1"))
		require.NoError(t, err)
		require.Equal(t, "payments are down", rep.BreakGlass)
		require.Equal(t, "c2", rep.Change.Commit)
	})
}

// cutShort is a run whose step died in the middle, before its switch b or not,
// and a freeze that has begun since.
func cutShort(t *testing.T, did *[]string, died string) (*memLog, deploy.Plan, *deploy.Options) {
	t.Helper()
	from := time.Now().Add(time.Hour)
	opts := &deploy.Options{Freezes: []deploy.Freeze{{Name: "fair", Once: &deploy.Span{From: from, To: from.Add(time.Hour)}}}}
	log, p := newMemLog(), three(did)
	p.Steps[1].Kind = deploy.KindSwitch
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, s := range p.Steps {
		if s.Name == died {
			s.Do.(*effect).fn = func(context.Context, *deploy.Call) error { cancel(); return context.Cause(ctx) }
		}
	}
	rep, err := newRunner(t, log, opts).Run(ctx, "r1", p)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, deploy.Interrupted, rep.Outcome)
	for _, s := range p.Steps {
		s.Do.(*effect).fn = nil
	}
	time.Sleep(90 * time.Minute)
	*did = nil
	return log, p, opts
}
