package deploy_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// overridden is a run of four steps whose second is an approval. It dies in the
// last, which does not need the approval itself, and somebody lets another build
// go on.
func overridden(t *testing.T, did *[]string) (*memLog, deploy.Plan, func(executable string) (*deploy.Report, error)) {
	log := newMemLog()
	p := three(did)
	p.Steps[1].Kind, p.Steps[1].Undo = deploy.KindApproval, nil
	p.Steps = append(p.Steps, deploy.Step{Name: "d", InFlight: deploy.Repeat, Do: &effect{Name: "do d", did: did}})
	p.Steps[3].Do.(*effect).fn = func(context.Context, *deploy.Call) error { log.dead.Store(true); return nil }
	run := func(executable string) (*deploy.Report, error) {
		return newRunner(t, log, &deploy.Options{Executable: executable}).Run(t.Context(), "r1", p)
	}
	_, err := run("sha256:one")
	require.ErrorIs(t, err, errCrash)
	log.dead.Store(false)
	p.Steps[3].Do.(*effect).fn = nil
	digest, err := p.Digest()
	require.NoError(t, err)
	_, err = run("sha256:two")
	require.ErrorIs(t, err, deploy.ErrPlanChanged)
	require.NoError(t, newRunner(t, log, nil).Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerOverride, By: "ada", Digest: digest}))
	*did = nil
	return log, p, run
}

func TestAnApprovalIsAskedForAgainForAnotherBuild(t *testing.T) {
	var did []string
	log, p, run := overridden(t, &did)
	// It dies while it asks, twice, and nothing went on meanwhile.
	p.Steps[1].Do.(*effect).fn = func(context.Context, *deploy.Call) error { log.dead.Store(true); return nil }
	for range 2 {
		_, err := run("sha256:two")
		require.ErrorIs(t, err, errCrash)
		log.dead.Store(false)
		require.Equal(t, []string{"do b"}, did)
		did = nil
	}
	p.Steps[1].Do.(*effect).fn = nil
	rep, err := run("sha256:two")
	require.NoError(t, err)
	require.Equal(t, []string{"do b", "do d"}, did)
	require.Equal(t, 4, rep.Steps[1].Attempts)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
}

func TestAnApprovalThatIsRefusedForAnotherBuild(t *testing.T) {
	var did []string
	_, p, run := overridden(t, &did)
	p.Steps[1].Do.(*effect).fn = func(context.Context, *deploy.Call) error { return errors.New("refused") }
	rep, err := run("sha256:two")
	require.ErrorContains(t, err, `step "b" on local, attempt 2: refused`)
	require.Equal(t, deploy.Undone, rep.Outcome)
	require.Equal(t, []string{"do b", "undo c", "undo a"}, did)
}

func TestAnApprovalLastsForTheSameBuild(t *testing.T) {
	var did []string
	_, _, run := overridden(t, &did)
	_, err := run("sha256:one") // the override was for whatever build comes next
	require.NoError(t, err)
	require.Equal(t, []string{"do d"}, did)
}
