package promsink_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/sink/promsink"
)

func ExampleNew() {
	metrics, err := promsink.New(nil)
	if err != nil {
		panic(err)
	}
	m, err := monitor.New(envconfig.Development(), nil, &monitor.Options{
		Feeds: []monitor.Feed{{Name: "metrics", Sink: metrics, Runs: true}},
	})
	if err != nil {
		panic(err)
	}
	if err := metrics.Watch(m); err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "monitor_feed_dropped_total") {
			fmt.Print(line)
		}
	}
	// Output: monitor_feed_dropped_total{feed="metrics"} 0
}
