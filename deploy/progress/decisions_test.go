package progress

import (
	"bytes"
	"errors"
	"io"
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
  HELD    paused by ada on 2026-11-24T08:00:00Z ("lunch \u009b[2J")
  HELD    held after 2.0 s
          reason: look at the host
`,
		true: `  HELD    pay    waits for a decision
  HELD    paused by ada on 2026-11-24T08:00:00Z ("lunch \u009b[2J")
  HELD    api to production, run r-1: held after 2.0 s
          reason: look at the host
`,
	} {
		var out bytes.Buffer
		p, err := New(&out, &Options{Plain: true, Quiet: quiet})
		require.NoError(t, err)
		p.Handle(deploy.RunStarted{Run: "r-1", Service: "api", Environment: "production", Steps: []string{"seed", "pay", "watch"}})
		p.Handle(deploy.StepFinished{Run: "r-1", Service: "api", Environment: "production", Step: "seed", Host: "local", Phase: deploy.PhaseForward, Outcome: deploy.Skipped})
		p.Handle(deploy.StepHeld{Run: "r-1", Service: "api", Environment: "production", Step: "pay", Host: "local", Phase: deploy.PhaseForward})
		p.Handle(deploy.RunPaused{Run: "r-1", Service: "api", Environment: "production", Pause: deploy.Pause{By: "ada", Comment: "lunch \u009b[2J", Since: at}})
		p.Handle(deploy.RunFinished{Run: "r-1", Service: "api", Environment: "production", Outcome: deploy.Held, Duration: 2 * time.Second, Err: errors.New("look at the host")})
		require.NoError(t, p.Close())
		require.Equal(t, want, out.String())
	}
}

// A run that is not over says how to go on, also where the failure of a step
// was shown.
func TestARunThatIsNotOverSaysHowToGoOn(t *testing.T) {
	for outcome, says := range map[deploy.Outcome]bool{deploy.Interrupted: true, deploy.UndoFailed: true, deploy.Held: true, deploy.Undone: false} {
		var out bytes.Buffer
		p, err := New(&out, &Options{Plain: true})
		require.NoError(t, err)
		p.Handle(deploy.RunStarted{Run: "r-1", Service: "api", Environment: "production", Steps: []string{"pay"}})
		p.Handle(deploy.StepFinished{Run: "r-1", Service: "api", Environment: "production", Step: "pay", Outcome: deploy.Failed, Err: errors.New("no money")})
		p.Handle(deploy.RunFinished{Run: "r-1", Service: "api", Environment: "production", Outcome: outcome, Err: errors.New("run it again")})
		require.NoError(t, p.Close())
		require.Contains(t, out.String(), "no money")
		require.Equal(t, says, bytes.Contains(out.Bytes(), []byte("run it again")), outcome)
	}
}

// Two services are released at the same time, by runs of the same id.
func TestRunsOfTwoServicesAreToldApart(t *testing.T) {
	for live, want := range map[bool]string{
		false: `api to stg, run 1
web to stg, run 1
  ok      api@stg: build  1.0 s
  FAILED  web@stg: build  2.0 s
          reason: no
  FAILED  web to stg, run 1: all undone after 2.0 s
  ok      build  1.0 s
  ok      succeeded in 3.0 s
`,
		true: `api to stg, run 1
web to stg, run 1
  ✓ api@stg: build  1.0 s
  ✗ web@stg: build  2.0 s
    reason: no
  ✗ web to stg, run 1: all undone after 2.0 s
  ✓ build  1.0 s
  ✓ succeeded in 3.0 s
`,
	} {
		s := &screen{width: 70}
		var out bytes.Buffer
		w := io.Writer(&out)
		if live {
			w = s
		}
		p, err := New(w, &Options{Plain: !live, Live: live, Width: 70, NoColor: true})
		require.NoError(t, err)
		for _, service := range []string{"api", "web"} {
			p.Handle(deploy.RunStarted{Run: "1", Service: service, Environment: "stg"})
			p.Handle(deploy.StepStarted{Run: "1", Service: service, Environment: "stg", Step: "build"})
		}
		done := func(service string, o deploy.Outcome, took time.Duration, err error) {
			p.Handle(deploy.StepFinished{Run: "1", Service: service, Environment: "stg", Step: "build", Outcome: o, Duration: took, Err: err})
		}
		no := errors.New("no")
		done("api", deploy.Succeeded, time.Second, nil)
		done("web", deploy.Failed, 2*time.Second, no)
		p.Handle(deploy.RunFinished{Run: "1", Service: "web", Environment: "stg", Outcome: deploy.Undone, Duration: 2 * time.Second, Err: no})
		done("api", deploy.Succeeded, time.Second, nil)
		p.Handle(deploy.RunFinished{Run: "1", Service: "api", Environment: "stg", Outcome: deploy.Succeeded, Duration: 3 * time.Second})
		require.NoError(t, p.Close())
		got := out.String()
		if live {
			got = s.String()
		}
		require.Equal(t, want, got)
	}
}
