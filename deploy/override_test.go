package deploy_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// replaced is a run of which a step was done before another plan took its
// place, which has an approval and a switch that the first one did not have.
func replaced(t *testing.T, log *memLog, did *[]string) (*deploy.Runner, deploy.Plan) {
	t.Helper()
	r := newRunner(t, log, nil)
	crashAt(log, 3) // a is done
	_, err := r.Run(t.Context(), "r1", three(did))
	require.ErrorIs(t, err, errCrash)
	log.before = nil

	p := three(did)
	p.Change = &deploy.Change{Commit: "c2"}
	p.Steps[1] = deploy.Step{Name: "sign", Kind: deploy.KindApproval, InFlight: deploy.Repeat, Provides: []string{"signed"}, Do: &effect{
		Name: "do sign", did: did, fn: func(_ context.Context, c *deploy.Call) error {
			return c.Provide("signed", deploy.Approved{Request: "sha256:q", By: []deploy.Approval{{ID: "cleo"}}})
		},
	}}
	p.Steps[2].Name, p.Steps[2].Kind = "flip", deploy.KindSwitch
	override(t, r, p)
	return r, p
}

// override lets another plan go on.
func override(t *testing.T, r *deploy.Runner, p deploy.Plan) {
	t.Helper()
	digest, err := p.Digest()
	require.NoError(t, err)
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerOverride, By: "ada", Digest: digest}))
}

// TestTheReportKnowsThePlanThatTookTheOthersPlace: its kinds, who approved it,
// and that it was a deployment.
func TestTheReportKnowsThePlanThatTookTheOthersPlace(t *testing.T) {
	var did []string
	log := newMemLog()
	r, p := replaced(t, log, &did)
	begin := time.Now().Add(-time.Minute)
	ran, err := r.Run(t.Context(), "r1", p)
	require.NoError(t, err)
	read, err := newRunner(t, log, nil).Report(t.Context(), p.Ref("r1"))
	require.NoError(t, err)
	for _, rep := range []*deploy.Report{ran, read} {
		kinds := map[string]deploy.Kind{}
		for _, s := range rep.Steps {
			kinds[s.Step] = s.Kind
		}
		require.Equal(t, map[string]deploy.Kind{"a": "", "sign": deploy.KindApproval, "flip": deploy.KindSwitch}, kinds)
		require.Len(t, rep.Approvals, 1)
		require.Equal(t, "cleo", rep.Approvals[0].ID)
		require.Equal(t, "c2", rep.Change.Commit)
		require.Equal(t, 1, deploy.MeasureDORA([]*deploy.Report{rep}, begin, time.Now().Add(time.Minute)).Deployments)
	}
}

// TestADiffIsAgainstThePlanThatRunsNow, not against the one it began with.
func TestADiffIsAgainstThePlanThatRunsNow(t *testing.T) {
	var did []string
	log := newMemLog()
	r, p := replaced(t, log, &did)
	crashAt(log, 2) // continued, intent of the approval
	_, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	p.Steps[2].Name = "flop"
	_, err = r.Run(t.Context(), "r1", p)
	var changed *deploy.PlanChangedError
	require.ErrorAs(t, err, &changed)
	require.Equal(t, []string{`step "flop" is new`, `step "flip" is gone`}, changed.Diff)
}

// TestAStepOfAReplacedPlanKeepsItsKind, so a rollback does not cross it.
func TestAStepOfAReplacedPlanKeepsItsKind(t *testing.T) {
	for kind, refused := range map[deploy.Kind]bool{deploy.KindMigrate: true, deploy.KindTest: false} {
		var did []string
		log := newMemLog()
		r := newRunner(t, log, nil)
		_, err := r.Run(t.Context(), "r0", releases("api", "zero", &did))
		require.NoError(t, err)
		p := releases("api", "one", &did)
		p.Steps[0].Kind = kind
		crashAt(log, 3) // a is done
		_, err = r.Run(t.Context(), "r1", p)
		require.ErrorIs(t, err, errCrash)
		log.before = nil
		less := releases("api", "one", &did)
		less.Steps = less.Steps[1:]
		override(t, r, less)
		rep, err := r.Run(t.Context(), "r1", less)
		require.NoError(t, err)
		require.Equal(t, "a", rep.Steps[0].Step)
		require.Equal(t, kind, rep.Steps[0].Kind)
		_, err = r.LastProven(t.Context(), less.Ref("r1"))
		require.Equal(t, refused, err != nil, "%s: %v", kind, err)
		if refused {
			require.ErrorIs(t, err, deploy.ErrMigrated)
		}
	}
}

// TestALongPlanThatTakesTheOthersPlace goes into several records, too, whichever
// of them its controller dies behind.
func TestALongPlanThatTakesTheOthersPlace(t *testing.T) {
	for dies := 1; dies <= 4; dies++ { // continued, and three parts
		var did []string
		log := newMemLog()
		r := newRunner(t, log, nil)
		crashAt(log, 2)
		_, err := r.Run(t.Context(), "r1", long(&did, 2))
		require.ErrorIs(t, err, errCrash)
		log.before, did = nil, nil
		p := long(&did, 100)
		p.Steps[99].Kind = deploy.KindTest
		override(t, r, p)
		crashAt(log, dies)
		_, err = r.Run(t.Context(), "r1", p)
		require.ErrorIs(t, err, errCrash)
		log.before = nil
		rep, err := r.Run(t.Context(), "r1", p)
		require.NoError(t, err)
		require.Equal(t, deploy.Succeeded, rep.Outcome)
		require.Len(t, rep.Steps, 100)
		again, err := r.Report(t.Context(), p.Ref("r1"))
		require.NoError(t, err)
		require.Equal(t, deploy.KindTest, again.Steps[99].Kind, "the last part of the plan is in the log")
	}
}

// TestAnOverrideThatComesWhileARunIsContinued is heeded: no plan goes on that
// was allowed a moment ago.
func TestAnOverrideThatComesWhileARunIsContinued(t *testing.T) {
	var did []string
	log := newMemLog()
	r, p := replaced(t, log, &did)
	other := three(&did)
	other.Steps[2].Name = "another"
	log.before = func(_ string, _ uint64, rec []byte) error {
		log.before = nil
		require.Contains(t, string(rec), `"kind":"continued"`)
		override(t, r, other)
		return nil
	}
	did = nil
	rep, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrPlanChanged)
	require.Equal(t, deploy.Interrupted, rep.Outcome)
	require.Empty(t, did)
	rep, err = r.Run(t.Context(), "r1", other)
	require.NoError(t, err)
	require.Equal(t, "another", rep.Steps[2].Step)
}
