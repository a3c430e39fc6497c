package deploy_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// waiting is an approval that nobody gives.
func waiting(asked chan<- struct{}) func(context.Context) error {
	return func(ctx context.Context) error {
		close(asked)
		<-ctx.Done()
		return context.Cause(ctx)
	}
}

// A run that is to stop does not wait out its grace for a person.
func TestAStopCallsAnApprovalOff(t *testing.T) {
	var did []string
	asked, stop := make(chan struct{}), make(chan struct{})
	wait := waiting(asked)
	p := plan(
		deploy.Step{Name: "first", Do: &effect{Name: "first", did: &did}, Undo: &effect{Name: "undo first", did: &did}},
		deploy.Step{Name: "approve", Kind: deploy.KindApproval, InFlight: deploy.Repeat, Do: &effect{
			Name: "approve", did: &did, fn: func(ctx context.Context, _ *deploy.Call) error { return wait(ctx) },
		}},
		deploy.Step{Name: "last", Do: &effect{Name: "last", did: &did}},
	)
	go func() {
		<-asked
		close(stop)
	}()
	rep, err := newRunner(t, newMemLog(), &deploy.Options{Stop: stop, Grace: time.Hour}).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrStopped)
	require.Equal(t, deploy.Undone, rep.Outcome)
	require.NotContains(t, did, "last")
	require.Contains(t, did, "undo first")
}

// Nobody is waited for to approve what has failed already.
func TestAFailureCallsAnApprovalOff(t *testing.T) {
	var did []string
	asked, broken := make(chan struct{}), errors.New("broken")
	p := branches(&did,
		waiting(asked),
		func(context.Context) error { <-asked; return broken })
	for i, s := range p.Steps {
		if s.Name == "left" {
			p.Steps[i].Kind, p.Steps[i].InFlight = deploy.KindApproval, deploy.Repeat
		}
	}
	rep, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, broken)
	require.Equal(t, deploy.Undone, rep.Outcome)
	for _, s := range rep.Steps {
		if s.Step == "left" && s.Phase == deploy.PhaseForward {
			require.Equal(t, deploy.Interrupted, s.Outcome)
			require.Contains(t, s.Error, "another step has failed")
		}
	}
}
