package deploy_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/envconfig"
)

// A program that cleans up once a day keeps a month, and the last ten runs
// however old they are.
func ExampleRunner_Prune() {
	dir, err := os.MkdirTemp("", "runlog")
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
	plan := deploy.Plan{Service: "api", Env: envconfig.Development(), Steps: []deploy.Step{{
		Name: "build", Do: deploy.Func("nothing", "1", func(context.Context, *deploy.Call) error { return nil }),
	}}}
	for n := range 12 {
		if _, err := runner.Run(context.Background(), deploy.RunID(fmt.Sprint("run-", n)), plan); err != nil {
			fmt.Println(err)
			return
		}
	}
	for _, keep := range []deploy.Retention{{Keep: 30 * 24 * time.Hour, Runs: 10}, {Keep: -1, Runs: 10}} {
		gone, err := runner.Prune(context.Background(), plan.Ref(""), keep)
		fmt.Println(gone, err)
	}
	// Output:
	// 0 <nil>
	// 2 <nil>
}
