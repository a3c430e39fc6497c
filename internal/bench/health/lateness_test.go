//go:build unix

package health

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	manyChecks = 10_000
	settle     = 4 * time.Second
	watched    = 5 * time.Second
)

// beats notes when checks start that are due once in an interval.
type beats struct {
	interval time.Duration

	mu   sync.Mutex
	on   bool
	last []time.Time
	late []time.Duration
}

func newBeats(n int, interval time.Duration) *beats {
	return &beats{interval: interval, last: make([]time.Time, n)}
}

// note takes a start in. Late is how much longer than the interval ago the start
// before it was: nobody is asked when the run was meant to start.
func (b *beats) note(i int) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.on && !b.last[i].IsZero() {
		b.late = append(b.late, max(0, now.Sub(b.last[i])-b.interval))
	}
	b.last[i] = now
}

func (b *beats) turn(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.on = on
}

// report gives the lateness in milliseconds and how many runs there were a second.
func (b *beats) report(tb *testing.B, name string, over time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.Sort(b.late)
	require.NotEmpty(tb, b.late)
	at := func(p float64) float64 { return b.late[int(p*float64(len(b.late)-1))].Seconds() * 1000 }
	tb.ReportMetric(at(0.5), name+"-p50-late-ms")
	tb.ReportMetric(at(0.99), name+"-p99-late-ms")
	tb.ReportMetric(at(1), name+"-max-late-ms")
	tb.ReportMetric(float64(len(b.late))/over.Seconds(), name+"-runs/s")
}

// workload is checks of 2 ms, of which one percent hangs, whatever becomes of its
// context, and one percent panics, where that does not end the program.
func workload(n int, panics bool, note func(int)) (checks []checkFunc, release func()) {
	hang := make(chan struct{})
	checks = make([]checkFunc, n)
	for i := range checks {
		checks[i] = func(context.Context) error {
			note(i)
			switch {
			case i%100 == 7:
				<-hang
			case i%100 == 8 && panics:
				panic("no")
			}
			<-time.After(2 * time.Millisecond)
			return nil
		}
	}
	return checks, func() { close(hang) }
}

// BenchmarkTenThousandChecksASecond runs the monitor and then the one peer that
// has a schedule, each alone, in real time. Use -benchtime 1x.
func BenchmarkTenThousandChecksASecond(b *testing.B) {
	run := func(name string, start func(checks []checkFunc) (stop func())) {
		beats := newBeats(manyChecks, time.Second)
		checks, release := workload(manyChecks, true, beats.note)
		before := runtime.NumGoroutine()
		stop := start(checks)
		<-time.After(settle)
		early := runtime.NumGoroutine() - before
		beats.turn(true)
		began := time.Now()
		<-time.After(watched)
		beats.turn(false)
		over := time.Since(began)
		b.ReportMetric(float64(runtime.NumGoroutine()-before), name+"-goroutines")
		b.ReportMetric(float64(runtime.NumGoroutine()-before-early), name+"-goroutine-growth")
		beats.report(b, name, over)
		release()
		stop()
	}
	for b.Loop() {
		run("ours", func(checks []checkFunc) func() {
			_, stop := startOurs(b, time.Second, 500*time.Millisecond, checks)
			return stop
		})
		run("alexliesenfeld", func(checks []checkFunc) func() {
			_, stop := startPeer(time.Second, 500*time.Millisecond, checks)
			return stop
		})
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkHungChecks measures how many goroutines 1,000 checks have, and how
// that grows while one percent hangs: after 5 and after 25 rounds. hellofresh has
// no check that panics, since that would end the program.
func BenchmarkHungChecks(b *testing.B) {
	const n, interval, timeout = 1000, 200 * time.Millisecond, 50 * time.Millisecond
	grown := func(name string, rounds func(n int)) {
		rounds(5)
		early := runtime.NumGoroutine()
		rounds(20)
		b.ReportMetric(float64(runtime.NumGoroutine()-early)/20, name+"-goroutines/round")
	}
	wait := func(rounds int) { <-time.After(time.Duration(rounds) * interval) }
	for b.Loop() {
		checks, release := workload(n, true, func(int) {})
		_, stop := startOurs(b, interval, timeout, checks)
		grown("ours", wait)
		release()
		stop()

		checks, release = workload(n, true, func(int) {})
		_, stop = startPeer(interval, timeout, checks)
		grown("alexliesenfeld", wait)
		release()
		stop()

		checks, release = workload(n, false, func(int) {})
		h := newHellofresh(b, timeout, checks)
		grown("hellofresh", func(rounds int) {
			for range rounds {
				h.Measure(context.Background())
			}
		})
		release()
	}
	b.ReportMetric(0, "ns/op")
}
