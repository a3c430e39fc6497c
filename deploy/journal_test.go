package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// obeysLog is a Log that does nothing once its context has ended.
type obeysLog struct{ *memLog }

func (l obeysLog) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return l.memLog.Append(ctx, stream, seq, rec)
}

// TestAnOutcomeIsKeptThoughTheRunIsCancelled: a step that succeeded as the
// program was told to stop is not asked about later.
func TestAnOutcomeIsKeptThoughTheRunIsCancelled(t *testing.T) {
	var did []string
	log := obeysLog{newMemLog()}
	stop := errors.New("SIGTERM")
	ctx, cancel := context.WithCancelCause(t.Context())
	p := three(&did)
	p.Steps[1].InFlight = deploy.Ask
	p.Steps[1].Do = &effect{Name: "do b", did: &did, fn: func(context.Context, *deploy.Call) error {
		cancel(stop)
		return nil
	}}
	_, err := newRunner(t, log, nil).Run(ctx, "r1", p)
	require.ErrorIs(t, err, stop)
	var bad *deploy.LogError
	require.False(t, errors.As(err, &bad), "%v", err)
	require.Equal(t, []string{"do a", "do b"}, did)
	rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
	require.Equal(t, []string{"do a", "do b", "do c"}, did)
}

// TestAnAppendThatTearsTheLogIsNotAcknowledged: bytes are there, the record is
// not, and the next controller takes its place.
func TestAnAppendThatTearsTheLogIsNotAcknowledged(t *testing.T) {
	var did []string
	log := newMemLog()
	full := errors.New("no space left on device")
	log.before = func(_ string, seq uint64, _ []byte) error {
		if seq < 4 {
			return nil
		}
		log.torn = true
		return full
	}
	_, err := newRunner(t, log, nil).Run(t.Context(), "r1", three(&did))
	require.ErrorIs(t, err, full)
	require.NotErrorIs(t, err, deploy.ErrTorn)
	require.Equal(t, []string{"do a"}, did)
	log.before = nil
	rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", three(&did))
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
	require.Equal(t, []string{"do a", "do b", "do c"}, did)
}

// TestTheReasonOfARunIsRedactedInItsReport, also where it is a cancellation.
func TestTheReasonOfARunIsRedactedInItsReport(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	stop := errors.New("told by 'canary-canary'")
	ctx, cancel := context.WithCancelCause(t.Context())
	p.Steps[1].Do = &effect{Name: "do b", did: &did, fn: func(context.Context, *deploy.Call) error { cancel(stop); return nil }}
	rep, err := newRunner(t, log, &deploy.Options{Redactor: redactorOf(t, "canary-canary")}).Run(ctx, "r1", p)
	require.ErrorIs(t, err, stop)
	require.NotContains(t, rep.Reason, "canary-canary")
	for _, rec := range log.streams["dev/api"] {
		require.NotContains(t, string(rec), "canary-canary")
	}
}

// TestAWatchOnTheRunsOwnProberCountsFromItsStart: what failed before, while
// the release had no traffic, is not held against it.
func TestAWatchOnTheRunsOwnProberCountsFromItsStart(t *testing.T) {
	const broken, most = 5, 64 // the prober has at most 64 requests under way
	reached := make(chan struct{})
	srv := service(t, func(n int64, w http.ResponseWriter) {
		if n <= broken {
			w.WriteHeader(http.StatusBadGateway)
		}
		if n == broken+2*most {
			close(reached)
		}
	})
	var did []string
	first := &effect{Name: "first", did: &did, fn: func(ctx context.Context, _ *deploy.Call) error {
		select {
		case <-reached:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}}
	p := plan(
		deploy.Step{Name: "first", InFlight: deploy.Repeat, Do: first},
		deploy.Step{Name: "watch", InFlight: deploy.Repeat, Do: &deploy.Watch{For: 500 * time.Millisecond, Interval: 5 * time.Millisecond}},
	)
	p.Availability = &deploy.Availability{URL: srv.URL, Interval: time.Millisecond}
	rep, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, broken, rep.Availability.Failed)
	require.Greater(t, rep.Availability.Requests, rep.Availability.Failed)
	require.NotZero(t, rep.Availability.FirstFailure)
	var of int
	_, err = fmt.Sscanf(rep.Steps[1].Tail, "%d requests", &of)
	require.NoError(t, err, rep.Steps[1].Tail)
	require.LessOrEqual(t, of, rep.Availability.Requests-broken-most)
}

// TestEventsTellTheWholeStory of retries, failures and the way back, in the
// order of the log.
func TestEventsTellTheWholeStory(t *testing.T) {
	var did []string
	var story []string
	handle := func(e deploy.Event) {
		switch e := e.(type) {
		case deploy.RunStarted:
			story = append(story, "run "+strings.Join(e.Steps, ","))
		case deploy.StepStarted:
			story = append(story, fmt.Sprint("start ", e.Step, " ", e.Phase, " ", e.Attempt))
		case deploy.StepFinished:
			story = append(story, fmt.Sprint(e.Outcome, " ", e.Step, " ", e.Phase, " ", e.Attempt, " ", e.Retry, " ", e.Err != nil))
		case deploy.RunFinished:
			story = append(story, fmt.Sprint("end ", e.Outcome, " ", e.Err != nil))
		}
	}
	p := three(&did)
	p.Steps = p.Steps[:2]
	p.Steps[1].Retry.Max = 1
	p.Steps[1].Do = &effect{Name: "do b", did: &did, fn: fails("no")}
	p.Steps[0].Undo = &effect{Name: "undo a", did: &did, fn: fails("stuck")}
	_, err := newRunner(t, newMemLog(), &deploy.Options{Handle: handle}).Run(t.Context(), "r1", p)
	require.Error(t, err)
	require.Equal(t, []string{
		"run a,b", "start a forward 1", "succeeded a forward 1 false false",
		"start b forward 1", "failed b forward 1 true true", "start b forward 2", "failed b forward 2 false true",
		"start b undo 1", "succeeded b undo 1 false false", "start a undo 1", "failed a undo 1 false true", "end undo failed true",
	}, story)
}

func TestAnUndoIsNotRetriedWithinARun(t *testing.T) {
	var did []string
	p := three(&did)
	p.Steps[0].Retry.Max = 3
	p.Steps[0].Undo = &effect{Name: "undo a", did: &did, fn: fails("stuck")}
	p.Steps[1].Do = &effect{Name: "do b", did: &did, fn: fails("no")}
	_, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
	require.Error(t, err)
	require.Equal(t, []string{"do a", "do b", "undo b", "undo a"}, did)
}

// TestUndoReadsTheOutputsThatAreThere, and is told of those that are not.
func TestUndoReadsTheOutputsThatAreThere(t *testing.T) {
	var did []string
	var pid int
	var missing error
	log := newMemLog()
	bad := func() deploy.Plan {
		p := three(&did)
		p.Steps[0].Provides = []string{"pid"}
		p.Steps[0].Do = &effect{Name: "do a", did: &did, fn: func(_ context.Context, c *deploy.Call) error { return c.Provide("pid", 7) }}
		p.Steps[0].Undo = &effect{Name: "undo a", did: &did, fn: func(_ context.Context, c *deploy.Call) error { return c.Bind("pid", &pid) }}
		p.Steps[1].Provides = []string{"port"}
		p.Steps[1].Do = &effect{Name: "do b", did: &did, fn: func(_ context.Context, c *deploy.Call) error {
			return errors.Join(c.Provide("port", 8080), errors.New("no"))
		}}
		p.Steps[1].Undo = &effect{Name: "undo b", did: &did, fn: func(_ context.Context, c *deploy.Call) error {
			var port int
			missing = c.Bind("port", &port)
			return nil
		}}
		return p
	}
	crashAt(log, 6) // the outcome of b and the turn are in the log
	_, err := newRunner(t, log, nil).Run(t.Context(), "r1", bad())
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", bad())
	require.Error(t, err)
	require.Equal(t, deploy.Undone, rep.Outcome)
	require.Equal(t, 7, pid)
	require.ErrorIs(t, missing, deploy.ErrNoOutput)
}
