//go:build unix

package health

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	peer "github.com/alexliesenfeld/health"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
)

// fleet is checks of which every tenth fails, if any do, and how often each ran.
func fleet(n int, fail bool) (checks []checkFunc, failing []string, ran []atomic.Int64) {
	checks, ran = make([]checkFunc, n), make([]atomic.Int64, n)
	for i := range checks {
		bad := fail && i%10 == 3
		if bad {
			failing = append(failing, checkName(i))
		}
		checks[i] = func(context.Context) error {
			ran[i].Add(1)
			if bad {
				return errors.New("connection refused")
			}
			return nil
		}
	}
	slices.Sort(failing)
	return checks, failing, ran
}

// All of them run every check, find the same ones failing, and tell an HTTP client
// so.
func TestAllDoTheSameWork(t *testing.T) {
	const n = 50
	found := map[string]func(checks []checkFunc) []string{
		"ours": func(checks []checkFunc) (bad []string) {
			m, stop := startOurs(t, time.Hour, time.Minute, checks)
			defer stop()
			ready(m)
			for _, c := range m.Snapshot().Checks {
				if c.Status == monitor.Fail {
					bad = append(bad, c.Check)
				}
			}
			return bad
		},
		"hellofresh": func(checks []checkFunc) []string {
			return slices.Sorted(maps.Keys(newHellofresh(t, time.Minute, checks).Measure(t.Context()).Failures))
		},
		"alexliesenfeld": func(checks []checkFunc) (bad []string) {
			for name, r := range newPeer(0, time.Minute, checks).Check(t.Context()).Details {
				if r.Status == peer.StatusDown {
					bad = append(bad, name)
				}
			}
			slices.Sort(bad)
			return bad
		},
	}
	for name, find := range found {
		checks, failing, ran := fleet(n, true)
		require.Equal(t, failing, find(checks), name)
		for i := range ran {
			require.Equal(t, int64(1), ran[i].Load(), "%s: check %d", name, i)
		}
	}
}

func TestAllAnswerTheSame(t *testing.T) {
	for _, fail := range []bool{false, true} {
		checks, failing, _ := fleet(50, fail)
		all, stop := handlers(t, checks)
		for name, h := range all {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, request(name))
			want := http.StatusOK
			if fail {
				want = http.StatusServiceUnavailable
			}
			require.Equal(t, want, w.Code, "%s: %s", name, w.Body)
			for _, check := range failing {
				require.Contains(t, w.Body.String(), check, name)
			}
		}
		stop()
	}
}

func TestTheScheduledDoTheSameWork(t *testing.T) {
	for name, start := range map[string]func(checks []checkFunc) (stop func()){
		"ours": func(checks []checkFunc) func() {
			_, stop := startOurs(t, 20*time.Millisecond, time.Second, checks)
			return stop
		},
		"alexliesenfeld": func(checks []checkFunc) func() {
			_, stop := startPeer(20*time.Millisecond, time.Second, checks)
			return stop
		},
	} {
		checks, _, ran := fleet(20, false)
		stop := start(checks)
		for i := range ran {
			require.Eventually(t, func() bool { return ran[i].Load() >= 3 }, time.Minute, time.Millisecond, name)
		}
		stop()
	}
}

// What the benchmarks measure by is measured itself.
func TestTheBareOneRunsTheCheck(t *testing.T) {
	ran := false
	bare(func(ctx context.Context) error {
		_, limited := ctx.Deadline()
		ran = limited
		return nil
	})
	require.True(t, ran)
}
