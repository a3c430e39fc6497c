package deploy_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// TestHistoryAndDORA of runs whose times are known.
func TestHistoryAndDORA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		log := newMemLog()
		r := newRunner(t, log, nil)
		begin := time.Now()
		release := func(id deploy.RunID, lead time.Duration, failing string) {
			p := three(&did)
			p.Steps[1].Kind = deploy.KindSwitch
			p.Change = &deploy.Change{Commit: "c-" + string(id), Committed: time.Now().Add(-lead), Artefact: "sha256:x"}
			for i := range p.Steps {
				p.Steps[i].Do.(*effect).fn = takes(time.Minute, nil)
				if p.Steps[i].Name == failing {
					p.Steps[i].Do.(*effect).fn = takes(time.Minute, errors.New("no"))
				}
				if p.Steps[i].Undo != nil {
					p.Steps[i].Undo.(*effect).fn = takes(10*time.Second, nil)
				}
			}
			_, err := r.Run(t.Context(), id, p)
			require.Equal(t, failing != "", err != nil)
			time.Sleep(time.Hour)
		}
		release("r1", time.Hour, "")
		release("r2", 2*time.Hour, "c") // after the switch
		release("r3", 3*time.Hour, "a") // before it: no deployment
		release("r4", 5*time.Hour, "")

		var runs []*deploy.Report
		for rep, err := range r.History(t.Context(), deploy.Ref{Service: "api", Environment: "dev"}) {
			require.NoError(t, err)
			runs = append(runs, rep)
		}
		require.Len(t, runs, 4)
		require.Equal(t, deploy.RunID("r1"), runs[0].Run)
		require.Equal(t, "c-r4", runs[3].Change.Commit)
		require.Equal(t, deploy.Undone, runs[2].Outcome)

		d := deploy.MeasureDORA(runs, begin, begin.Add(48*time.Hour))
		require.Equal(t, 3, d.Deployments)
		require.Equal(t, 1, d.Failed)
		require.InDelta(t, 1.0/3, d.ChangeFailRate, 1e-9)
		require.InDelta(t, 1.0, d.PerDay, 1e-9)
		require.Equal(t, 2, d.Timed)
		require.Equal(t, 3*time.Hour+3*time.Minute, d.LeadTime, "one of 1 h 3 min, one of 5 h 3 min")
		require.Equal(t, 30*time.Second, d.RecoveryTime)

		first := runs[0].Started.Add(runs[0].Duration)
		require.Zero(t, deploy.MeasureDORA(runs, begin, first).Deployments, "to is not part of the span")
		require.Equal(t, 1, deploy.MeasureDORA(runs, first, first.Add(1)).Deployments, "from is")
		require.Zero(t, deploy.MeasureDORA(nil, first, first).PerDay)
	})
}

// takes is an effect that needs so long.
func takes(d time.Duration, err error) func(context.Context, *deploy.Call) error {
	return func(context.Context, *deploy.Call) error {
		time.Sleep(d)
		return err
	}
}

func TestHistoryOfALogThatCannotBeRead(t *testing.T) {
	log := newMemLog()
	log.streams["dev/api"] = [][]byte{[]byte("x")}
	n := 0
	for rep, err := range newRunner(t, log, nil).History(t.Context(), deploy.Ref{Service: "api", Environment: "dev"}) {
		n++
		require.Nil(t, rep)
		require.Error(t, err)
	}
	require.Equal(t, 1, n)
}
