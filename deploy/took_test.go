package deploy_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// TestWhatARunReportsIsWhatItsLogTells, whatever steps say: the records that a
// controller writes itself do not come back to it through JSON.
func TestWhatARunReportsIsWhatItsLogTells(t *testing.T) {
	hostile := "\xff\xfe </a> & \u2028 \x00 \x1b[31m \"q\" \\ é \xc3"
	for name, err := range map[string]error{"fails": errors.New(hostile), "succeeds": nil} {
		var did []string
		log := newMemLog()
		p := three(&did)
		p.Steps[1].Provides = []string{"out"}
		p.Steps[1].Do.(*effect).fn = func(_ context.Context, c *deploy.Call) error {
			c.Printf("%s", hostile)
			return errors.Join(c.Provide("out", map[string]any{"<k>": hostile, "n": 1.5, "empty": []int{}}))
		}
		p.Steps[2].Do.(*effect).fn = func(_ context.Context, c *deploy.Call) error { return err }
		p.Steps[2].Undo.(*effect).fn = fails(hostile)
		ran, runErr := newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.Equal(t, err == nil, runErr == nil)
		told, err := newRunner(t, log, nil).Report(t.Context(), p.Ref("r1"))
		require.NoError(t, err)
		told.Outcome, told.Reason, told.Duration = ran.Outcome, ran.Reason, ran.Duration // of a run that goes on, of this call
		require.Equal(t, told, ran, name)
	}
}
