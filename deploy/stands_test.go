package deploy_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

func TestTheLogTellsWhereAnUnfinishedRunStands(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	p.Steps[1].Do.(*effect).fn = fails("first cause")
	p.Steps[0].Undo.(*effect).fn = fails("stuck")
	r := newRunner(t, log, nil)
	stands := func() deploy.Outcome {
		rep, err := r.Report(t.Context(), p.Ref("r1"))
		require.NoError(t, err)
		return rep.Outcome
	}
	rep, err := r.Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, "stuck")
	require.Equal(t, deploy.UndoFailed, rep.Outcome)
	require.Equal(t, deploy.UndoFailed, stands())
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerPause, By: "ada"}))
	require.Equal(t, deploy.Held, stands())
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerResume, By: "ada"}))
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "a", deploy.Decision{Answer: deploy.AnswerDone, By: "ada"}))
	require.Equal(t, deploy.Interrupted, stands())
	rep, err = r.Run(t.Context(), "r1", p)
	require.Error(t, err)
	require.Equal(t, deploy.Undone, rep.Outcome)
	require.Equal(t, deploy.Undone, stands())
}

func TestTheLogHasTheAvailabilityOfARunThatEnded(t *testing.T) {
	srv := service(t, func(_ int64, w http.ResponseWriter) { good("v1", w) })
	for _, end := range []deploy.Outcome{deploy.Succeeded, deploy.Undone} {
		log := newMemLog()
		w := &deploy.Watch{For: time.Second, Interval: time.Millisecond, MinRequests: 1}
		p := plan(deploy.Step{Name: "watch", InFlight: deploy.Repeat, Do: w})
		if end == deploy.Undone {
			p.Steps = append(p.Steps, deploy.Step{Name: "bad", Do: deploy.Func("bad", "1", fails("no"))})
		}
		p.Availability = &deploy.Availability{URL: srv.URL, Interval: 5 * time.Millisecond}
		ran, _ := newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.Equal(t, end, ran.Outcome)
		rep, err := newRunner(t, log, nil).Report(t.Context(), p.Ref("r1"))
		require.NoError(t, err)
		require.NotNil(t, rep.Availability)
		require.Positive(t, rep.Availability.Requests)
	}
}

func TestUndoHasATimeoutOfItsOwn(t *testing.T) {
	for undo, want := range map[time.Duration]time.Duration{0: time.Minute, time.Hour: time.Hour, time.Second: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var did []string
			p := three(&did)
			p.Steps[0].Timeout, p.Steps[0].UndoTimeout = time.Minute, undo
			p.Steps[0].Undo.(*effect).fn = func(ctx context.Context, _ *deploy.Call) error { <-ctx.Done(); return ctx.Err() }
			p.Steps[1].Do.(*effect).fn = fails("no")
			start := time.Now()
			rep, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
			require.ErrorContains(t, err, "took longer than its timeout of "+want.String())
			require.Equal(t, deploy.UndoFailed, rep.Outcome)
			require.Equal(t, want, time.Since(start))
		})
	}
	p := plan(deploy.Step{Name: "s", Do: &effect{}, UndoTimeout: time.Second})
	require.ErrorContains(t, p.Validate(), "UndoTimeout is set and Undo is nil")
	p.Steps[0].Undo = &effect{}
	d, err := p.Describe()
	require.NoError(t, err)
	require.Contains(t, d.String(), "undo at most 1s")
}
