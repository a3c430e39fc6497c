package progress_test

import (
	"errors"
	"os"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/progress"
)

// A runner calls Handle; here the events are written out.
func ExampleNew() {
	p, err := progress.New(os.Stdout, &progress.Options{Plain: true})
	if err != nil {
		panic(err)
	}
	events := []deploy.Event{
		deploy.RunStarted{Run: "42", Service: "api", Environment: "staging", Steps: []string{"build", "migrate"}},
		deploy.StepFinished{Run: "42", Service: "api", Environment: "staging", Step: "build", Outcome: deploy.Succeeded, Duration: 1200 * time.Millisecond},
		deploy.StepFinished{
			Run: "42", Service: "api", Environment: "staging", Step: "migrate", Outcome: deploy.Failed, Duration: 400 * time.Millisecond,
			Err: errors.New("psql: exit status 3"), Tail: []byte("ERROR: relation \"customer\" does not exist\n"),
		},
		deploy.StepFinished{Run: "42", Service: "api", Environment: "staging", Step: "build", Phase: deploy.PhaseUndo, Outcome: deploy.Succeeded, Duration: 80 * time.Millisecond},
		deploy.RunFinished{Run: "42", Service: "api", Environment: "staging", Outcome: deploy.Undone, Duration: 1700 * time.Millisecond},
	}
	for _, e := range events {
		p.Handle(e)
	}
	if err := p.Close(); err != nil {
		panic(err)
	}
	// Output:
	// api to staging, run 42
	//   ok      build    1.2 s
	//   FAILED  migrate  0.4 s
	//           reason: psql: exit status 3
	//           | ERROR: relation "customer" does not exist
	//   ok      undo build  0.1 s
	//   FAILED  all undone after 1.7 s
}
