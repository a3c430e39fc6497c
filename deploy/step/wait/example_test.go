package wait_test

import (
	"fmt"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/step/wait"
	"github.com/masaruk/devops/envconfig"
)

// A wait that goes on from its beginning after a crash is two steps.
func ExampleSteps() {
	plan := deploy.Plan{
		Service: "shop", Env: envconfig.Staging(),
		Steps: wait.Steps("settle", &wait.For{Duration: 10 * time.Minute}),
	}
	text, err := plan.Preview()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(text)
	// Output:
	//   1. settle-begin
	//        note the time as output settle-began
	//   2. settle
	//        wait for 10m0s
}

// Until asks a condition of package deploy.
func ExampleUntil() {
	do := wait.Until(time.Hour, &deploy.CommandCheck{Command: deploy.Command{Argv: []string{"pg_isready", "-q"}}})
	fmt.Println(do.Patience, do.Interval, do.Limits.Successes)
	// Output: 1h0m0s 1s 1
}
