package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/monitor"
)

// A program that watches its database, and tells a sink.
func ExampleMonitor() {
	ping := func(context.Context) error { return errors.New("connection refused") }
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	pager := monitor.SinkFunc(func(_ context.Context, ts []monitor.Transition) error {
		for _, t := range ts {
			if t.Kind == monitor.AlertOpened {
				fmt.Printf("%s: %s: %v, see %s\n", t.Environment, t.Check, t.Result.Err, t.Runbook)
				stop()
			}
		}
		return nil
	})
	m, err := monitor.New(envconfig.Development(), []monitor.Definition{{
		Name: "postgres", Check: monitor.ErrorFunc(ping), Interval: 10 * time.Millisecond,
		Critical: true, Runbook: "docs/postgres.md",
	}}, &monitor.Options{Feeds: []monitor.Feed{{Name: "pager", Sink: pager}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := m.Run(ctx); err != nil {
		fmt.Println(err)
	}
	// Output: dev: postgres: connection refused, see docs/postgres.md
}

// A problem of the definitions is reported before anything runs, with all
// others.
func ExampleNew() {
	_, err := monitor.New(envconfig.Development(), []monitor.Definition{
		{Name: "api", Check: monitor.ErrorFunc(func(context.Context) error { return nil }), DependsOn: []string{"postgres"}},
		{Name: "queue"},
	}, nil)
	fmt.Println(err)
	// Output:
	// monitor: new: check 1 "queue": definition is not valid: Check is nil
	// definition is not valid: check "api": DependsOn names "postgres", which is no check: no check of that name
}

// The endpoints that Kubernetes asks, and health+json.
func ExampleNewHandler() {
	m, err := monitor.New(envconfig.Development(), nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	h, err := monitor.NewHandler(m, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, path := range []string{"/livez", "/readyz"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Println(path, w.Code)
	}
	// Output:
	// /livez 200
	// /readyz 503
}

// A check that measures, and says more to those who run it than to strangers.
func ExampleFunc() {
	check := monitor.Func(func(context.Context) monitor.Result {
		used := 0.93
		r := monitor.Result{
			Status:       monitor.Pass,
			Measurements: []monitor.Measurement{{Name: "used", Value: used, Unit: "1"}},
		}
		if used > 0.9 {
			r.Status, r.Detail = monitor.Warn, "the disk is nearly full"
			r.Err = errors.New("/var/lib/postgresql: 93 % of 20 GB used")
		}
		return r
	})
	r := check.Check(context.Background())
	fmt.Println(r.Status, r.Detail)
	// The same check as a condition of something else.
	fmt.Println(monitor.Condition(check)(context.Background()))
	// Output:
	// warn the disk is nearly full
	// <nil>
}

// A release says that it may disturb the API for a while.
func ExampleMonitor_Maintain() {
	m, err := monitor.New(envconfig.Development(), nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	end, err := m.Maintain(monitor.Maintenance{For: 10 * time.Minute, By: "release v2"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end()
	_, err = m.Maintain(monitor.Maintenance{For: 1000 * time.Hour, By: "somebody"})
	fmt.Println(err)
	// Output: monitor: maintain: For is 1000h0m0s and must be above 0 and at most Options.MaxMaintenance, 24h0m0s
}
