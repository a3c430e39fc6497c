package monitor

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
)

func benchDefinitions(n int, c func(i int) Check) []Definition {
	defs := make([]Definition, n)
	for i := range defs {
		defs[i] = Definition{Name: fmt.Sprintf("check-%d", i), Check: c(i), Interval: time.Second, Critical: i%10 == 0}
	}
	return defs
}

func benchMonitor(b *testing.B, defs []Definition) *Monitor {
	b.Helper()
	m, err := New(envconfig.Development(), defs, nil)
	require.NoError(b, err)
	return m
}

// BenchmarkCheck is all that a run of a check costs besides the check itself: the
// queue, the goroutine, the context, the judgement and the history.
func BenchmarkCheck(b *testing.B) {
	const checks = 1000
	m := benchMonitor(b, benchDefinitions(checks, func(int) Check { return Func(func(context.Context) Result { return Result{Status: Pass} }) }))
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	rounds := 0
	for b.Loop() {
		rounds++
		runAll(m)
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rounds*checks), "ns/check")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(rounds*checks), "allocs/check")
	s, err := m.State("check-0")
	require.NoError(b, err)
	require.Equal(b, uint64(rounds), s.Runs)
}

// runAll makes every check due, and waits until all have run.
func runAll(m *Monitor) {
	m.mu.Lock()
	for _, e := range m.sorted {
		e.tick = m.now()
		e.schedule()
		m.queue.fix(e)
	}
	m.mu.Unlock()
	for m.handleDue(context.Background()) <= 0 {
		m.finishAll()
	}
	for done := false; !done; {
		runtime.Gosched()
		m.finishAll()
		m.mu.Lock()
		done = m.inflight == 0
		m.mu.Unlock()
	}
}

// lateness gathers how late runs started, judged by the wall clock alone.
type lateness struct {
	mu  sync.Mutex
	all []time.Duration
	on  bool
}

func (l *lateness) note(phase time.Duration) {
	late := (time.Duration(time.Now().UnixNano()) - phase) % time.Second
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on {
		l.all = append(l.all, late)
	}
}

// BenchmarkTenThousandChecksASecond runs in real time, a second for each
// iteration: checks of 2 ms, of which one percent hangs and one percent panics.
// Use -benchtime 10x.
func BenchmarkTenThousandChecksASecond(b *testing.B) {
	var l lateness
	hang := make(chan struct{})
	check := func(i int) Check {
		phase := newCadence(fmt.Sprintf("check-%d", i), time.Second, time.Time{}).phase
		return Func(func(context.Context) Result {
			l.note(phase)
			switch i % 100 {
			case 7:
				<-hang
			case 8:
				panic("no")
			}
			<-time.After(2 * time.Millisecond)
			return Result{Status: Pass}
		})
	}
	m := benchMonitor(b, benchDefinitions(10_000, check))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	<-time.After(3 * time.Second) // the first runs, and those that hang
	l.mu.Lock()
	l.on = true
	l.mu.Unlock()
	peak := 0
	for b.Loop() {
		for range 10 {
			<-time.After(100 * time.Millisecond)
			peak = max(peak, runtime.NumGoroutine())
		}
	}
	l.mu.Lock()
	slices.Sort(l.all)
	require.NotEmpty(b, l.all)
	at := func(p float64) float64 { return l.all[int(p*float64(len(l.all)-1))].Seconds() * 1000 }
	b.ReportMetric(at(0.5), "p50-late-ms")
	b.ReportMetric(at(0.99), "p99-late-ms")
	b.ReportMetric(at(1), "max-late-ms")
	b.ReportMetric(float64(len(l.all))/b.Elapsed().Seconds(), "runs/s")
	b.ReportMetric(float64(peak), "peak-goroutines")
	l.mu.Unlock()
	close(hang)
	cancel()
	require.NoError(b, <-ended)
}

func BenchmarkRender(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		for _, changed := range []bool{false, true} {
			b.Run(fmt.Sprintf("checks=%d/changed=%t", n, changed), func(b *testing.B) {
				m := benchMonitor(b, benchDefinitions(n, func(int) Check { return Func(func(context.Context) Result { return Result{Status: Pass} }) }))
				runAll(m)
				b.ReportAllocs()
				for b.Loop() {
					if changed {
						for _, e := range m.sorted {
							e.version++
						}
					}
					m.render()
				}
			})
		}
	}
}

func BenchmarkHandler(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		m := benchMonitor(b, benchDefinitions(n, func(int) Check { return Func(func(context.Context) Result { return Result{Status: Pass} }) }))
		runAll(m)
		m.life = running
		m.beat.Store(1)
		m.render()
		h, err := NewHandler(m, nil)
		require.NoError(b, err)
		for _, target := range []string{"/livez", "/readyz", "/health"} {
			b.Run(fmt.Sprintf("checks=%d%s", n, target), func(b *testing.B) {
				r, w := httptest.NewRequest(http.MethodGet, target, nil), &nowhere{http.Header{}}
				b.ReportAllocs()
				for b.Loop() {
					m.beat.Store(int64(m.now()) + 1)
					h.ServeHTTP(w, r)
				}
			})
		}
	}
}
