package deploy_test

import (
	"context"
	"fmt"
	"os"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/envconfig"
)

// The handle is declared once. The plan shows on both sides what is handed on,
// and is refused where the two do not agree.
func ExampleOutput() {
	address := deploy.Output[string]{Name: "address"}
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
	report, err := runner.Run(context.Background(), "r1", deploy.Plan{Service: "api", Env: envconfig.Development(), Steps: []deploy.Step{
		{
			Name: "start", InFlight: deploy.Repeat, Provides: []string{address.Decl()},
			Do: deploy.Func("start", "1", func(_ context.Context, c *deploy.Call) error {
				return address.Provide(c, "127.0.0.1:8080")
			}),
		},
		{
			Name: "smoke", InFlight: deploy.Repeat, Binds: []string{address.Decl()},
			Do: deploy.Func("smoke", "1", func(_ context.Context, c *deploy.Call) error {
				at, err := address.Bind(c)
				fmt.Println("asking", at)
				return err
			}),
		},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	at, err := address.Of(report)
	fmt.Println(at, report.Typed["address"], err)
	// Output:
	// asking 127.0.0.1:8080
	// 127.0.0.1:8080 address@0:string <nil>
}
