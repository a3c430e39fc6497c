package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/envconfig"
)

// A gate over two conditions. One cannot tell, so the run waits for a person,
// who has looked and lets it go on.
func ExampleHealth() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Release", "v3")
		fmt.Fprintln(w, `{"status": "ok"}`)
	}))
	defer service.Close()
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
	runner, err := deploy.New(log, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	errorRate := func(context.Context) error {
		return fmt.Errorf("3 requests are too few to compare: %w", deploy.ErrInconclusive)
	}
	plan := deploy.Plan{
		Service: "api",
		Env:     envconfig.Staging(),
		Steps: []deploy.Step{{
			Name: "gate", Kind: deploy.KindHealth, InFlight: deploy.Repeat,
			Do: &deploy.Health{
				Interval: 10 * time.Millisecond,
				Conditions: []deploy.Action{
					&deploy.HTTPCheck{URL: service.URL, Header: "X-Release", Want: "v3", Pointer: "/status", Value: "ok"},
					deploy.Check("error-rate", "1", errorRate),
				},
			},
		}},
	}
	ctx := context.Background()
	report, err := runner.Run(ctx, "2026-11-24.1", plan)
	fmt.Println(report.Outcome, errors.Is(err, deploy.ErrHeld))
	fmt.Println(report.Steps[0].Error)

	err = runner.Decide(ctx, plan.Ref("2026-11-24.1"), "gate", deploy.Decision{
		Answer: deploy.AnswerDone, By: "ada", Comment: "the graphs are flat",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err = runner.Run(ctx, "2026-11-24.1", plan)
	fmt.Println(report.Outcome, err)
	// Output:
	// held true
	// inconclusive: health: 1 inconclusive, at most 0 tolerated; last: error-rate: 3 requests are too few to compare: inconclusive
	// succeeded <nil>
}

// A watch rests on the traffic and on what must hold meanwhile. A dry run shows
// both.
func ExampleWatch() {
	plan := deploy.Plan{
		Service: "api",
		Env:     envconfig.Staging(),
		Steps: []deploy.Step{{
			Name: "watch", Kind: deploy.KindWatch, InFlight: deploy.Repeat,
			Do: &deploy.Watch{
				For: 10 * time.Minute, MinRequests: 1000, MaxFailed: 2,
				Conditions: []deploy.Action{&deploy.TCPCheck{Addr: "127.0.0.1:6379", Send: "PING\r\n", Banner: "+PONG"}},
				Limits:     &deploy.Limits{MaxFailed: 1, MaxInconclusive: 10},
			},
		}},
		Availability: &deploy.Availability{URL: "https://api.example/healthz"},
	}
	what, err := plan.Preview()
	fmt.Print(what, err, "\n")
	// Output:
	//   1. watch
	//        watch for 10m0s: at most 2 failed of at least 1000 requests
	//        connect to 127.0.0.1:6379, send "PING\r\n", it says "+PONG"
	//        each 1s: at most 1 failed, at most 10 inconclusive, at most 4 errors in a row, of 1 or more
	// <nil>
}
