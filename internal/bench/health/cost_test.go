//go:build unix

package health

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	costChecks = 1000
	alternated = 7
	eachRuns   = 10 * costChecks
	pace       = 100 * time.Millisecond
)

// spent is the processor time of the process and what it allocated. Unlike the
// time on the wall, it counts nothing of what others do on the machine.
type spent struct {
	cpu     time.Duration
	mallocs uint64
	bytes   uint64
}

func spentSoFar(tb testing.TB) spent {
	tb.Helper()
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return spent{time.Duration(u.Utime.Nano() + u.Stime.Nano()), m.Mallocs, m.TotalAlloc}
}

// cost is what one run of a check costs besides the check.
type cost struct{ cpu, allocs, bytes float64 }

// measure lets work run checks and divides by how many there were.
func measure(tb testing.TB, runs *atomic.Uint64, work func()) cost {
	tb.Helper()
	runtime.GC()
	ran, before := runs.Load(), spentSoFar(tb)
	work()
	after := spentSoFar(tb)
	n := float64(runs.Load() - ran)
	require.GreaterOrEqual(tb, n, float64(eachRuns))
	return cost{float64(after.cpu-before.cpu) / n, float64(after.mallocs-before.mallocs) / n, float64(after.bytes-before.bytes) / n}
}

// contender runs at least eachRuns checks; it does nothing outside of work.
type contender struct {
	name string
	work func(tb testing.TB, runs *atomic.Uint64, c []checkFunc) cost
}

// await waits until checks that run by themselves ran often enough.
func await(runs *atomic.Uint64) {
	until := runs.Load() + eachRuns
	for runs.Load() < until {
		<-time.After(10 * time.Millisecond)
	}
}

// contenders are the monitor and the peer that has a schedule too, both of them
// with 10,000 runs a second that are spread evenly; the peers that run all checks
// one after another when asked; and what a goroutine for each costs anyway.
func contenders() []contender {
	return []contender{
		{"ours", func(tb testing.TB, runs *atomic.Uint64, c []checkFunc) cost {
			_, stop := startOurs(tb, pace, time.Second, c)
			defer stop()
			return measure(tb, runs, func() { await(runs) })
		}},
		{"alexliesenfeld-scheduled", func(tb testing.TB, runs *atomic.Uint64, c []checkFunc) cost {
			_, stop := startPeer(pace, time.Second, c)
			defer stop()
			return measure(tb, runs, func() { await(runs) })
		}},
		{"hellofresh", func(tb testing.TB, runs *atomic.Uint64, c []checkFunc) cost {
			h := newHellofresh(tb, time.Second, c)
			return measure(tb, runs, func() {
				for range eachRuns / costChecks {
					h.Measure(context.Background())
				}
			})
		}},
		{"alexliesenfeld", func(tb testing.TB, runs *atomic.Uint64, c []checkFunc) cost {
			p := newPeer(0, time.Second, c)
			return measure(tb, runs, func() {
				for range eachRuns / costChecks {
					p.Check(context.Background())
				}
			})
		}},
		{"bare", func(tb testing.TB, runs *atomic.Uint64, c []checkFunc) cost {
			return measure(tb, runs, func() {
				for range eachRuns / costChecks {
					for _, f := range c {
						bare(f)
					}
				}
			})
		}},
	}
}

// bare is a goroutine with a timeout, which is the least that each of them needs.
func bare(f checkFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// BenchmarkCostOfACheck alternates the contenders with 1,000 checks that do
// nothing, and reports the medians of processor time and allocations per run.
// Ours has in it that each run is woken for by a timer, judged, kept in a history
// and shown in a snapshot. Those that are asked do none of that: they run a
// thousand checks in one go, which is what a goroutine costs and little more.
func BenchmarkCostOfACheck(b *testing.B) {
	all := map[string][]cost{}
	for b.Loop() {
		for range alternated {
			for _, c := range contenders() {
				var runs atomic.Uint64
				checks := make([]checkFunc, costChecks)
				for i := range checks {
					checks[i] = func(context.Context) error { runs.Add(1); return nil }
				}
				all[c.name] = append(all[c.name], c.work(b, &runs, checks))
			}
		}
	}
	ours := median(all["ours"], func(c cost) float64 { return c.cpu })
	for name, costs := range all {
		cpu := median(costs, func(c cost) float64 { return c.cpu })
		b.ReportMetric(cpu, name+"-cpu-ns/check")
		b.ReportMetric(median(costs, func(c cost) float64 { return c.allocs }), name+"-allocs/check")
		b.ReportMetric(median(costs, func(c cost) float64 { return c.bytes }), name+"-B/check")
		if name != "ours" {
			b.ReportMetric(cpu/ours, name+"/ours-cpu")
		}
	}
	b.ReportMetric(0, "ns/op")
}

func median(all []cost, of func(cost) float64) float64 {
	values := make([]float64, len(all))
	for i, c := range all {
		values[i] = of(c)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
