package deploy_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// Nobody is waited for to approve what has failed already.
func TestAFailureCallsAnApprovalOff(t *testing.T) {
	var did []string
	asked, broken := make(chan struct{}), errors.New("broken")
	p := branches(&did,
		func(ctx context.Context) error {
			close(asked)
			<-ctx.Done()
			return context.Cause(ctx)
		},
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
