//go:build unix

package health

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	peer "github.com/alexliesenfeld/health"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
)

// ready waits until each check of the monitor has run and is in its snapshot.
func ready(m *monitor.Monitor) {
	for done := false; !done; {
		<-time.After(10 * time.Millisecond)
		done = true
		for _, c := range m.Snapshot().Checks {
			done = done && !c.LastTime.IsZero()
		}
	}
}

// handlers serve the state of these checks. That of alexliesenfeld answers from its
// cache, that of hellofresh has none and runs the checks; it names only those that
// fail.
func handlers(tb testing.TB, checks []checkFunc) (all map[string]http.Handler, stop func()) {
	tb.Helper()
	m, stopOurs := startOurs(tb, time.Hour, time.Minute, checks)
	ready(m)
	ours, err := monitor.NewHandler(m, nil)
	require.NoError(tb, err)
	cached := newPeer(time.Hour, time.Second, checks)
	cached.Start()
	cached.Check(context.Background())
	return map[string]http.Handler{
		"ours": ours, "alexliesenfeld": peer.NewHandler(cached), "hellofresh": newHellofresh(tb, time.Second, checks).Handler(),
	}, func() { cached.Stop(); stopOurs() }
}

func request(name string) *http.Request {
	path := "/"
	if name == "ours" {
		path = "/health"
	}
	return httptest.NewRequest(http.MethodGet, path, nil)
}

func BenchmarkHandler(b *testing.B) {
	for _, n := range []int{10, 1000} {
		checks := make([]checkFunc, n)
		for i := range checks {
			checks[i] = func(context.Context) error { return nil }
		}
		all, stop := handlers(b, checks)
		for _, name := range []string{"ours", "alexliesenfeld", "hellofresh"} {
			r, h := request(name), all[name]
			b.Run(fmt.Sprintf("checks=%d/%s", n, name), func(b *testing.B) {
				w := &nowhere{http.Header{}}
				b.ReportAllocs()
				for b.Loop() {
					h.ServeHTTP(w, r)
				}
			})
		}
		stop()
	}
}
