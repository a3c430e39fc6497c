package deploy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// long is a plan whose description takes several records.
func long(did *[]string, steps int) deploy.Plan {
	p := plan()
	for i := range steps {
		p.Steps = append(p.Steps, deploy.Step{
			Name: fmt.Sprint("s", i), InFlight: deploy.Repeat,
			Do: &effect{Name: fmt.Sprint(i, strings.Repeat(" long", 2000)), did: did},
		})
	}
	return p
}

func TestALongPlanTakesSeveralRecords(t *testing.T) {
	var did []string
	p, log := long(&did, 100), newMemLog()
	rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
	require.Len(t, rep.Steps, 100)
	require.Len(t, did, 100)
	parts := 0
	for _, rec := range log.streams["dev/api"] {
		require.LessOrEqual(t, len(rec), deploy.MaxRecord)
		if strings.Contains(string(rec), `"kind":"plan"`) {
			parts++
		}
	}
	require.Equal(t, 3, parts)

	for n := range parts + 3 { // dies between the parts
		did = nil
		log := newMemLog()
		crashAt(log, n)
		_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.ErrorIs(t, err, errCrash)
		log.before = nil
		rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.NoError(t, err, n)
		require.Len(t, rep.Steps, 100)
		require.LessOrEqual(t, len(did), 101)
		again, err := newRunner(t, log, nil).Report(t.Context(), p.Ref("r1"))
		require.NoError(t, err)
		require.Equal(t, rep.Steps, again.Steps)
	}
}

// TestAPlanThatReplacesAHalfWrittenOne does not get mixed up with it.
func TestAPlanThatReplacesAHalfWrittenOne(t *testing.T) {
	var did []string
	p, log := long(&did, 100), newMemLog()
	crashAt(log, 2) // the beginning and one part more
	_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil

	other := long(&did, 99)
	_, err = newRunner(t, log, nil).Run(t.Context(), "r1", other)
	var changed *deploy.PlanChangedError
	require.ErrorAs(t, err, &changed)
	require.NoError(t, newRunner(t, log, nil).Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerOverride, By: "test", Digest: changed.Digest}))
	rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", other)
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
	require.Len(t, did, 99)
}

func TestAStepThatIsTooLongForARecordIsRefused(t *testing.T) {
	var did []string
	p := plan(deploy.Step{Name: "s", Do: &effect{Name: strings.Repeat("x", deploy.MaxRecord), did: &did}})
	_, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, `field Steps[0] "s": its description has`)
	require.Empty(t, did)
}
