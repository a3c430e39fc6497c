package probe_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/masaruk/devops/internal/probe"
)

// An answer of another release proves nothing, however well it is.
func ExampleHTTP() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Release", "v2") }))
	defer srv.Close()
	for _, want := range []string{"v2", "v3"} {
		target := &probe.HTTP{URL: srv.URL + "/healthz", Header: "X-Release", Want: want}
		res := target.Probe(context.Background())
		fmt.Println(res.Outcome, res.Release)
	}
	// Output:
	// pass v2
	// fail v2
}

// Without evidence nothing passes.
func ExampleEvaluator() {
	var e probe.Evaluator
	e.Limits.MinResults = 2
	fmt.Println(e.Add(probe.Result{Outcome: probe.Pass}))
	fmt.Println(e.Finish(), "-", e.Reason())
	// Output:
	// undecided
	// failed - 1 results, at least 2 wanted: no evidence is no pass
}
