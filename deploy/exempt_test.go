package deploy_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/envconfig"
)

// TestARunOutlivesItsExemption: it was allowed to begin, so it may end.
func TestARunOutlivesItsExemption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, err := envconfig.Staging().Exempt(envconfig.Exemption{
			Field: "Rules.Debug", Allow: []string{"on"}, By: "ops", Reason: "a fault that shows nowhere else", Until: time.Now().Add(time.Hour),
		})
		require.NoError(t, err)
		var did []string
		log := newMemLog()
		p := three(&did)
		p.Env = env
		ctx, cancel := context.WithCancel(t.Context())
		p.Steps[1].InFlight = deploy.Repeat
		p.Steps[1].Do.(*effect).fn = func(ctx context.Context, _ *deploy.Call) error {
			cancel()
			return context.Cause(ctx)
		}
		rep, err := newRunner(t, log, nil).Run(ctx, "r1", p)
		require.Error(t, err)
		require.Equal(t, deploy.Interrupted, rep.Outcome)

		time.Sleep(2 * time.Hour)
		p.Steps[1].Do.(*effect).fn = nil
		_, err = newRunner(t, log, nil).Run(t.Context(), "r2", p)
		require.ErrorContains(t, err, "Exemptions")
		rep, err = newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.NoError(t, err)
		require.Equal(t, deploy.Succeeded, rep.Outcome)
	})
}
