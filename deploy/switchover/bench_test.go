//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package switchover

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkOverhead sends the same requests through a bare
// httputil.ReverseProxy and through a switchover, in turns, and reports how
// much longer ours takes at the median.
func BenchmarkOverhead(b *testing.B) {
	to := backend(b, "v1", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "v1") })
	target, err := url.Parse("http://" + to.Addr)
	require.NoError(b, err)
	bare := &httputil.ReverseProxy{
		Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(target); p.SetXForwarded() },
		Transport: &http.Transport{MaxIdleConnsPerHost: 1024},
	}
	s, err := New("unused", nil)
	require.NoError(b, err)
	s.setLive(to, 0)
	direct := serveBench(b, bare)
	ours := serveBench(b, http.HandlerFunc(s.serve))
	client := &http.Client{Transport: &http.Transport{}}
	var took [2][]time.Duration
	for b.Loop() {
		for i, url := range []string{direct, ours} {
			start := time.Now()
			res, err := client.Get(url)
			require.NoError(b, err)
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			took[i] = append(took[i], time.Since(start))
		}
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2])
	}
	b.ReportMetric(median(took[1])/median(took[0]), "ours/bare")
}

func serveBench(b *testing.B, h http.Handler) string {
	srv := httptest.NewServer(h)
	b.Cleanup(srv.Close)
	return srv.URL
}

// BenchmarkTail reports the 99th percentile of latency while backends are
// swapped without pause, beside the one with none.
func BenchmarkTail(b *testing.B) {
	s, err := New("unused", nil)
	require.NoError(b, err)
	to := []Backend{backend(b, "v1", nil), backend(b, "v2", nil)}
	s.setLive(to[0], 0)
	url := serveBench(b, http.HandlerFunc(s.serve)) + "/healthz"
	client := &http.Client{Transport: &http.Transport{}}
	ask := func() time.Duration {
		start := time.Now()
		res, err := client.Get(url)
		require.NoError(b, err)
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		return time.Since(start)
	}
	var calm, swapped []time.Duration
	n := 0
	for b.Loop() {
		calm = append(calm, ask())
		if n++; n%100 == 0 {
			s.setLive(to[n/100%2], time.Minute)
		}
		swapped = append(swapped, ask())
	}
	p99 := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)*99/100])
	}
	b.ReportMetric(p99(swapped)/p99(calm), "p99-swapping/p99-calm")
}
