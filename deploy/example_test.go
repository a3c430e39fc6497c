package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

// A plan is run once, whatever happens to the program: running it again
// continues it, or returns the report of a run that has ended.
func ExampleNew() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	log, err := filelog.New(filepath.Join(dir, "log"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	exec, err := localexec.New(&localexec.Options{Inherit: []string{"PATH"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	runner, err := deploy.New(log, &deploy.Options{Executor: exec, Initiator: "ada"})
	if err != nil {
		fmt.Println(err)
		return
	}
	plan := deploy.Plan{
		Service: "api",
		Env:     envconfig.Staging(),
		Steps: []deploy.Step{
			{
				Name: "migrate", Kind: deploy.KindMigrate, InFlight: deploy.Repeat,
				Do:   &deploy.Exec{Command: deploy.Command{Argv: []string{"echo", "migrated"}}},
				Undo: &deploy.Exec{Command: deploy.Command{Argv: []string{"echo", "migrated back"}}},
			},
			{
				Name: "smoke", Kind: deploy.KindTest, InFlight: deploy.Repeat,
				Do: &deploy.Exec{Command: deploy.Command{Argv: []string{"sh", "-c", "echo the shop is empty >&2; exit 1"}}},
			},
		},
	}
	report, err := runner.Run(context.Background(), "2026-11-24.1", plan)
	fmt.Println(err)
	fmt.Println(report.Outcome)
	for _, s := range report.Steps {
		fmt.Println(s.Phase, s.Step, s.Outcome)
	}
	// Output:
	// api@stg run 2026-11-24.1: step "smoke" on local, attempt 1: sh: exit status 1: the shop is empty
	// api@stg run 2026-11-24.1: everything that was begun is undone; mend what is named above, and start a run with another id
	// undone
	// forward migrate succeeded
	// forward smoke failed
	// undo migrate succeeded
}

// A plan can be read before it runs, and its digest tells whether it is still
// the one that somebody read.
func ExamplePlan_Describe() {
	plan := deploy.Plan{
		Service: "api",
		Env:     envconfig.Development(),
		Steps: []deploy.Step{{
			Name: "build", Kind: deploy.KindBuild, InFlight: deploy.Repeat,
			Do: &deploy.Exec{Command: deploy.Command{
				Argv:    []string{"make", "build"},
				Secrets: map[string]secrets.Value{"NPM_TOKEN": secrets.New("not shown anywhere")},
			}},
		}},
	}
	d, err := plan.Describe()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Steps[0].Do)
	// Output:
	// deploy.Exec {"argv":["make","build"],"secrets":["NPM_TOKEN"]}
}

// Everything that is wrong with a plan is told at once, before anything runs.
func ExamplePlan_Validate() {
	plan := deploy.Plan{
		Service: "api",
		Env:     envconfig.Production(),
		Steps: []deploy.Step{{
			Name: "warm up", Needs: []string{"build"},
			Do: deploy.Func("warm-up", "1", func(context.Context, *deploy.Call) error { return nil }),
		}},
	}
	var problems *deploy.PlanError
	if errors.As(plan.Validate(), &problems) {
		fmt.Println(problems.Err)
	}
	// Output:
	// field Steps[0] "warm up": Name is not made of letters, digits, ".", "_" and "-"
	// field Steps[0] "warm up": Needs "build", which is no step of the plan
	// field Steps[0] "warm up": deploy.Func "warm-up" is opaque: Rules.Opaque: want none, got "warm-up" (rule: allows the functions that steps are made of); make it an action that describes itself, or add the name to Rules.Opaque.Names of prod
}

// A function becomes a step with a name and a version, which stand for what
// nobody can read in it.
func ExampleFunc() {
	warm := deploy.Func("warm-cache", "2", func(_ context.Context, c *deploy.Call) error {
		c.Printf("%s is warm", c.Service)
		return nil
	})
	plan := deploy.Plan{
		Service: "api",
		Env:     envconfig.Development(),
		Steps:   []deploy.Step{{Name: "warm", InFlight: deploy.Repeat, Do: warm}},
	}
	what, err := plan.Preview()
	fmt.Print(what, err, "\n")
	// Output:
	//   1. warm
	//        no preview: deploy.Func (opaque: what it does cannot be read here) {"opaque":{"name":"warm-cache","version":"2"}}
	// <nil>
}
