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
