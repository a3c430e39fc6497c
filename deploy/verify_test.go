package deploy_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// TestAVerifyThatIsCancelledDecidesNothing, whatever it returns then.
func TestAVerifyThatIsCancelledDecidesNothing(t *testing.T) {
	for _, returns := range []error{nil, deploy.ErrNotDone, context.Canceled} {
		var did []string
		log := newMemLog()
		stop := errors.New("SIGTERM")
		ctx, cancel := context.WithCancelCause(t.Context())
		p := three(&did)
		p.Steps[1].InFlight = deploy.Verify
		p.Steps[1].Verify = &effect{Name: "verify b", did: &did, fn: func(context.Context, *deploy.Call) error {
			cancel(stop)
			return returns
		}}
		crashAt(log, 4)
		_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.ErrorIs(t, err, errCrash)
		log.before = nil
		rep, err := newRunner(t, log, nil).Run(ctx, "r1", p)
		require.ErrorIs(t, err, stop)
		require.NotErrorIs(t, err, deploy.ErrHeld)
		require.Equal(t, deploy.Interrupted, rep.Outcome)
		require.Equal(t, []string{"do a", "do b", "verify b"}, did)
		require.Len(t, log.streams["dev/api"], 5, "only that it was continued")
	}
}

// TestOutputThatEndsLikeASecretBeginsIsNotLost: the filter waits for more,
// and none comes.
func TestOutputThatEndsLikeASecretBeginsIsNotLost(t *testing.T) {
	exec := deploy.ExecutorFunc(func(_ context.Context, cmd deploy.Command) (deploy.Result, error) {
		_, err := cmd.Stdout.Write([]byte("it is canary-"))
		return deploy.Result{}, err
	})
	r := newRunner(t, newMemLog(), &deploy.Options{Executor: exec, Redactor: redactorOf(t, "canary-canary")})
	rep, err := r.Run(t.Context(), "r1", plan(deploy.Step{Name: "s", Do: &deploy.Exec{Command: deploy.Command{Argv: []string{"x"}}}}))
	require.NoError(t, err)
	require.Equal(t, "it is canary-\n", rep.Steps[0].Tail)
}

// TestWhatVerifyCouldNotTellIsInTheError.
func TestWhatVerifyCouldNotTellIsInTheError(t *testing.T) {
	var did []string
	log := newMemLog()
	down := errors.New("host does not answer")
	p := three(&did)
	p.Steps[1].InFlight = deploy.Verify
	p.Steps[1].Verify = &effect{Name: "verify b", did: &did, fn: func(context.Context, *deploy.Call) error { return down }}
	crashAt(log, 4)
	_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	_, err = newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrHeld)
	require.ErrorIs(t, err, down)
}

// TestDecisionsThatCannotBeMeantAreRefused, and leave no record.
func TestDecisionsThatCannotBeMeantAreRefused(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	crashAt(log, 4) // a is done, b in flight
	r := newRunner(t, log, nil)
	_, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	before := len(log.streams["dev/api"])
	for want, c := range map[string]struct {
		step string
		d    deploy.Decision
	}{
		`step "a" is not interrupted`:  {"a", deploy.Decision{Answer: deploy.AnswerDone, By: "ada"}},
		`no step "c" was begun`:        {"c", deploy.Decision{Answer: deploy.AnswerRepeat, By: "ada"}},
		"needs the name of a step":     {"", deploy.Decision{Answer: deploy.AnswerDone, By: "ada"}},
		"needs the Digest of the plan": {"", deploy.Decision{Answer: deploy.AnswerOverride, By: "ada"}},
		"none of done, repeat":         {"b", deploy.Decision{Answer: "perhaps", By: "ada"}},
		"By is empty":                  {"b", deploy.Decision{Answer: deploy.AnswerDone}},
	} {
		require.ErrorContains(t, r.Decide(t.Context(), p.Ref("r1"), c.step, c.d), want)
	}
	require.Len(t, log.streams["dev/api"], before)
	_, err = r.Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.ErrorContains(t, r.Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerUndo, By: "ada"}), "it ended on")
}

// TestOutputsAreReadByThoseWhoSaySo.
func TestOutputsAreReadByThoseWhoSaySo(t *testing.T) {
	var did []string
	p := plan(
		deploy.Step{Name: "make", InFlight: deploy.Repeat, Provides: []string{"url"}, Do: &effect{Name: "make", did: &did, fn: func(_ context.Context, c *deploy.Call) error {
			return c.Provide("url", "x")
		}}},
		deploy.Step{Name: "use", InFlight: deploy.Repeat, Do: &effect{Name: "use", did: &did, fn: func(_ context.Context, c *deploy.Call) error {
			var s string
			return c.Bind("url", &s)
		}}},
	)
	_, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, `output "url": step "use" does not list it in Binds`)
}
