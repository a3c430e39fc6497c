package progress

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// What a person has to know of has a line of its own, in a quiet log too.
func TestWhatWaitsForAPersonHasALine(t *testing.T) {
	at := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	for quiet, want := range map[bool]string{
		false: `api to production, run r-1
  note    seed   skipped, its condition does not hold
  HELD    pay    waits for a decision
  HELD    paused by ada on 2026-11-24T08:00:00Z (lunch [2J)
  HELD    held after 2.0 s
          reason: look at the host
`,
		true: `  HELD    pay    waits for a decision
  HELD    paused by ada on 2026-11-24T08:00:00Z (lunch [2J)
  HELD    api to production, run r-1: held after 2.0 s
          reason: look at the host
`,
	} {
		var out bytes.Buffer
		p, err := New(&out, &Options{Plain: true, Quiet: quiet})
		require.NoError(t, err)
		p.Handle(deploy.RunStarted{Run: "r-1", Service: "api", Environment: "production", Steps: []string{"seed", "pay", "watch"}})
		p.Handle(deploy.StepFinished{Run: "r-1", Step: "seed", Host: "local", Phase: deploy.PhaseForward, Outcome: deploy.Skipped})
		p.Handle(deploy.StepHeld{Run: "r-1", Step: "pay", Host: "local", Phase: deploy.PhaseForward})
		p.Handle(deploy.RunPaused{Run: "r-1", Pause: deploy.Pause{By: "ada", Comment: "lunch \u009b[2J", Since: at}})
		p.Handle(deploy.RunFinished{Run: "r-1", Outcome: deploy.Held, Duration: 2 * time.Second, Err: errors.New("look at the host")})
		require.NoError(t, p.Close())
		require.Equal(t, want, out.String())
	}
}
