package deploy_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// migrating looks what is pending, applies it if there is any, and starts.
func migrating(did *[]string, pending any, when deploy.When) deploy.Plan {
	look := &effect{Name: "look", did: did, fn: func(_ context.Context, c *deploy.Call) error { return c.Provide("pending", pending) }}
	return plan(
		deploy.Step{Name: "look", Provides: []string{"pending"}, InFlight: deploy.Repeat, Do: look},
		deploy.Step{
			Name: "apply", Binds: []string{"pending"}, When: &when, Provides: []string{"applied"},
			Do:   &effect{Name: "apply", did: did, fn: func(_ context.Context, c *deploy.Call) error { return c.Provide("applied", true) }},
			Undo: &effect{Name: "undo apply", did: did},
		},
		deploy.Step{Name: "start", InFlight: deploy.Repeat, Do: &effect{Name: "start", did: did}},
	)
}

func TestWhenDecidesByAnOutput(t *testing.T) {
	for _, c := range []struct {
		pending any
		when    deploy.When
		runs    bool
	}{
		{true, deploy.When{Is: "true"}, true},
		{false, deploy.When{Is: "true"}, false},
		{false, deploy.When{Is: "true", Not: true}, true},
		{"yes", deploy.When{Is: "yes"}, true},
		{"yes ", deploy.When{Is: "yes"}, false},
		{3, deploy.When{Is: "3"}, true},
		{3, deploy.When{Is: "3", Not: true}, false},
		{"", deploy.When{Is: ""}, true},
	} {
		var did []string
		c.when.Output = "pending"
		rep, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", migrating(&did, c.pending, c.when))
		require.NoError(t, err)
		require.Equal(t, deploy.Succeeded, rep.Outcome)
		require.Len(t, rep.Steps, 3)
		if c.runs {
			require.Equal(t, []string{"look", "apply", "start"}, did, c)
			continue
		}
		require.Equal(t, []string{"look", "start"}, did, c)
		require.Equal(t, "apply", rep.Steps[2].Step)
		require.Equal(t, deploy.Skipped, rep.Steps[2].Outcome)
		require.NotContains(t, rep.Outputs, "applied")
	}
}

// TestWhatIsSkippedStaysSo after a crash at any record, and is not undone.
func TestWhatIsSkippedStaysSo(t *testing.T) {
	for n := range 9 {
		var did []string
		log := newMemLog()
		p := migrating(&did, false, deploy.When{Output: "pending", Is: "true"})
		p.Steps[2].Do.(*effect).fn = fails("no")
		crashAt(log, n)
		_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.Error(t, err)
		log.before = nil
		rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.ErrorContains(t, err, "no", n)
		require.Equal(t, deploy.Undone, rep.Outcome, n)
		require.NotContains(t, did, "apply", n)
		require.NotContains(t, did, "undo apply", n)
	}
}

func TestWhenNeedsItsOutput(t *testing.T) {
	var did []string
	p := migrating(&did, true, deploy.When{Output: "ghost", Is: "true"})
	require.ErrorContains(t, p.Validate(), `"apply": When reads output "ghost", which Binds does not list`)
	p = migrating(&did, true, deploy.When{Output: "pending", Is: "true"})
	d, err := p.Describe()
	require.NoError(t, err)
	require.Contains(t, d.String(), `only when output pending is "true"`)
	require.Contains(t, d.Mermaid(), "only when output pending is #34;true#34;")
	p.Steps[1].When.Not = true
	other, err := p.Describe()
	require.NoError(t, err)
	require.NotEqual(t, d.Digest(), other.Digest())
	require.Contains(t, other.String(), `only when output pending is not "true"`)
}
