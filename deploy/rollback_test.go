package deploy_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/envconfig"
)

func TestLastProvenIsTheReleaseBefore(t *testing.T) {
	var did []string
	log := newMemLog()
	r := newRunner(t, log, nil)
	run := func(id deploy.RunID, artefact string, change func(p *deploy.Plan)) {
		p := releases("api", artefact, &did)
		if change != nil {
			change(&p)
		}
		_, _ = r.Run(t.Context(), id, p)
	}
	ref := releases("api", "", &did).Ref("")
	_, err := r.LastProven(t.Context(), ref)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "rollback of api@dev: no run has succeeded")
	run("r1", "one", nil)
	_, err = r.LastProven(t.Context(), ref)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "no run before r1 has released another change")
	run("r2", "two", nil)
	run("r3", "three", func(p *deploy.Plan) { p.Steps[2].Do.(*effect).fn = fails("bad") })
	run("r4", "two", nil)                                  // the same again
	run("r5", "", func(p *deploy.Plan) { p.Change = nil }) // nothing released
	for before, want := range map[deploy.RunID]deploy.RunID{"": "r1", "r4": "r1", "r2": "r1", "r3": "r2"} {
		ref.Run = before
		rep, err := r.LastProven(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, want, rep.Run, before)
	}
	ref.Run = "r9"
	_, err = r.LastProven(t.Context(), ref)
	require.ErrorIs(t, err, fs.ErrNotExist)

	// A rollback is a release: what is live then is the old one, and the way
	// back from it is the newer.
	ref.Run = ""
	run("r6", "one", nil)
	rep, err := r.LastProven(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, deploy.RunID("r4"), rep.Run)
	run("r7", "seven", func(p *deploy.Plan) {
		p.Steps[1].Undo.(*effect).fn = fails("stuck")
		p.Steps[2].Do.(*effect).fn = fails("bad")
	})
	ref.Run = "r7"
	rep, err = r.LastProven(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, deploy.RunID("r6"), rep.Run, "an unfinished run is one to go back from as well")
}

func TestARollbackCrossesNoMigrationThatTheOldReleaseDoesNotKnow(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p *deploy.Plan)
		refuse bool
	}{
		"expand only":      {func(p *deploy.Plan) { p.Steps[0].ExpandOnly = true }, false},
		"not":              {nil, true},
		"undone":           {func(p *deploy.Plan) { p.Steps[2].Do.(*effect).fn = fails("bad") }, false},
		"cannot be undone": {func(p *deploy.Plan) { p.Steps[0].Undo = nil; p.Steps[2].Do.(*effect).fn = fails("bad") }, true},
		"failed half way":  {func(p *deploy.Plan) { p.Steps[0].Undo = nil; p.Steps[0].Do.(*effect).fn = fails("bad") }, true},
		"never begun": {func(p *deploy.Plan) {
			p.Steps[0], p.Steps[2] = p.Steps[2], p.Steps[0]
			p.Steps[0].Do.(*effect).fn = fails("bad")
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var did []string
			r := newRunner(t, newMemLog(), nil)
			_, err := r.Run(t.Context(), "r1", releases("api", "one", &did))
			require.NoError(t, err)
			p := releases("api", "two", &did)
			p.Steps[0].Kind = deploy.KindMigrate
			if c.change != nil {
				c.change(&p)
			}
			_, _ = r.Run(t.Context(), "r2", p)
			_, err = r.Run(t.Context(), "r3", releases("api", "three", &did))
			require.NoError(t, err)

			rep, err := r.LastProven(t.Context(), p.Ref("r2"))
			require.Equal(t, deploy.RunID("r1"), rep.Run)
			if !c.refuse {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, deploy.ErrMigrated)
			for _, text := range []string{"rollback of api@dev run r2", "run r1", `run r2, step "a"`, "restore"} {
				require.ErrorContains(t, err, text)
			}
		})
	}
}

// A rollback is a plan for the change of an earlier run, by the function that
// makes every release of the service.
func ExampleRunner_LastProven() {
	release := func(c deploy.Change) deploy.Plan {
		return deploy.Plan{Service: "api", Env: envconfig.Staging(), Change: &c, Steps: []deploy.Step{{
			Name: "switch", Kind: deploy.KindSwitch, InFlight: deploy.Repeat,
			Do: deploy.Func("switch", "1", func(_ context.Context, c *deploy.Call) error {
				fmt.Println("traffic to", c.Plan.Change.Artefact)
				return nil
			}),
		}}}
	}
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	log, err := filelog.New(dir, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	runner, err := deploy.New(log, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for id, artefact := range []string{"sha256:aa", "sha256:bb"} {
		if _, err := runner.Run(ctx, deploy.RunID(fmt.Sprint("release-", id)), release(deploy.Change{Artefact: artefact})); err != nil {
			fmt.Println(err)
			return
		}
	}
	earlier, err := runner.LastProven(ctx, deploy.Ref{Service: "api", Environment: "stg"})
	if err != nil {
		fmt.Println(err) // there is none, or a migration is in between
		return
	}
	report, err := runner.Run(ctx, "rollback-1", release(*earlier.Change))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Run, report.Outcome)
	// Output:
	// traffic to sha256:aa
	// traffic to sha256:bb
	// traffic to sha256:aa
	// rollback-1 succeeded
}
