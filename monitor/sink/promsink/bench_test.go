package promsink_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
)

func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprint("checks=", n), func(b *testing.B) {
			s := newSink(b, nil)
			var defs []monitor.Definition
			for i := range n {
				defs = append(defs, monitor.Definition{Name: fmt.Sprint("check-", i), Interval: time.Hour, Check: result(monitor.Result{Status: monitor.Pass})})
			}
			newMonitor(b, s, defs...)
			h, r := s.Handler(), httptest.NewRequest(http.MethodGet, "/metrics", nil)
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				size, err := io.Copy(io.Discard, w.Body)
				require.NoError(b, err)
				b.ReportMetric(float64(size), "B/scrape")
			}
		})
	}
}
