package promsink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/internal/testenv"
	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/sink/promsink"
	"github.com/masaruk/devops/monitor/sinktest"
)

func TestConformance(t *testing.T) {
	sinktest.Run(t, func() (*sinktest.Target, error) {
		sink, err := promsink.New(nil)
		return &sinktest.Target{Sink: sink}, err
	})
}

func newSink(t testing.TB, opts *promsink.Options) *promsink.Sink {
	t.Helper()
	s, err := promsink.New(opts)
	require.NoError(t, err)
	return s
}

func newMonitor(t testing.TB, s *promsink.Sink, checks ...monitor.Definition) *monitor.Monitor {
	t.Helper()
	m, err := monitor.New(envconfig.Development(), checks, &monitor.Options{Feeds: []monitor.Feed{
		{Name: "metrics", Sink: s, Runs: true},
		{Name: "down", Sink: monitor.SinkFunc(func(context.Context, []monitor.Transition) error { return errors.New("503") }), Attempts: 1},
	}})
	require.NoError(t, err)
	require.NoError(t, s.Watch(m))
	return m
}

// inBubble runs the monitor for d of the bubble's time, then the test.
func inBubble(t *testing.T, opts *promsink.Options, d time.Duration, checks []monitor.Definition, test func(s *promsink.Sink, m *monitor.Monitor)) {
	synctest.Test(t, func(t *testing.T) {
		s := newSink(t, opts)
		m := newMonitor(t, s, checks...)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		time.Sleep(d) // the bubble's time
		synctest.Wait()
		test(s, m)
		stop()
		<-ended
		time.Sleep(2 * time.Hour) // the bubble's time: what hangs returns
	})
}

// scrape returns the text and the samples of it, by series.
func scrape(t testing.TB, h http.Handler, accept string) (string, map[string]string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	samples := map[string]string{}
	for line := range strings.Lines(w.Body.String()) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			at := strings.LastIndex(line, " ")
			samples[line[:at]] = line[at+1:]
		}
	}
	return w.Body.String(), samples
}

func result(r monitor.Result) monitor.Check {
	return monitor.Func(func(context.Context) monitor.Result { return r })
}

func fleet() []monitor.Definition {
	return []monitor.Definition{
		{Name: "disk", Interval: 10 * time.Second, Critical: true, Check: result(monitor.Result{
			Status: monitor.Pass, Measurements: []monitor.Measurement{{Name: "used", Value: 97.5, Unit: "%"}, {Name: "free", Value: 1 << 30, Unit: "By"}},
		})},
		{
			Name: "web", Interval: 10 * time.Second, Check: result(monitor.Result{Status: monitor.Fail, Err: errors.New("canary of an error"), Detail: "canary of a detail"}),
			Owner: "canary of an owner", Labels: map[string]string{"canary": "canary"},
		},
		{Name: "odd", Interval: 10 * time.Second, Check: monitor.Func(func(context.Context) monitor.Result { panic("no") })},
		{Name: "hung", Interval: 10 * time.Second, Timeout: time.Second, Check: monitor.Func(func(ctx context.Context) monitor.Result {
			time.Sleep(time.Hour)
			return monitor.Result{Status: monitor.Pass}
		})},
		{Name: "slow", Interval: 10 * time.Second, Check: monitor.Func(func(ctx context.Context) monitor.Result {
			time.Sleep(2 * time.Second)
			return monitor.Result{Status: monitor.Warn}
		})},
	}
}

func TestTheStateIsExported(t *testing.T) {
	inBubble(t, nil, 61*time.Second, fleet(), func(s *promsink.Sink, m *monitor.Monitor) {
		text, got := scrape(t, s.Handler(), "")
		for series, want := range map[string]string{
			`monitor_check_status{check="disk",status="pass"}`:                     "1",
			`monitor_check_status{check="disk",status="fail"}`:                     "0",
			`monitor_check_status{check="web",status="fail"}`:                      "1",
			`monitor_check_status{check="slow",status="warn"}`:                     "1",
			`monitor_check_last_run_duration_seconds{check="slow"}`:                "2",
			`monitor_check_stuck{check="hung"}`:                                    "1",
			`monitor_check_stale{check="hung"}`:                                    "1",
			`monitor_check_runs_total{check="hung"}`:                               "0",
			`monitor_check_stuck{check="disk"}`:                                    "0",
			`monitor_check_alert{check="web"}`:                                     "1",
			`monitor_check_alert{check="disk"}`:                                    "0",
			`monitor_check_flapping{check="web"}`:                                  "0",
			`monitor_check_critical{check="disk"}`:                                 "1",
			`monitor_check_critical{check="web"}`:                                  "0",
			`monitor_check_measurement{check="disk",measurement="used",unit="%"}`:  "97.5",
			`monitor_check_measurement{check="disk",measurement="free",unit="By"}`: "1.073741824e+09",
			`monitor_status{status="warn"}`:                                        "1",
			`monitor_ready`:                                                        "1",
			`monitor_started`:                                                      "1",
			`monitor_feed_dropped_total{feed="metrics"}`:                           "0",
			`monitor_feed_hung{feed="down"}`:                                       "0",
			`monitor_feed_queued{feed="down"}`:                                     "0",
			`monitor_transitions_total{kind="stuck_started"}`:                      "1",
			`monitor_run_duration_seconds_bucket{status="warn",le="1"}`:            "0",
			`monitor_left_out_series_total{what="check"}`:                          "0",
			`monitor_left_out_series_total{what="measurement"}`:                    "0",
		} {
			require.Equal(t, want, got[series], series)
		}
		for check, least := range map[string]int{"disk": 6, "web": 6, "odd": 6} {
			require.GreaterOrEqual(t, number(t, got[`monitor_check_runs_total{check="`+check+`"}`]), least)
		}
		require.GreaterOrEqual(t, number(t, got[`monitor_check_panics_total{check="odd"}`]), 6)
		require.GreaterOrEqual(t, number(t, got[`monitor_check_missed_runs_total{check="hung"}`]), 5)
		require.Positive(t, number(t, got[`monitor_feed_dropped_total{feed="down"}`]))
		require.Positive(t, number(t, got[`monitor_feed_failed_sends_total{feed="down"}`]))
		require.Positive(t, number(t, got[`monitor_feed_sent_total{feed="metrics"}`]))
		require.GreaterOrEqual(t, number(t, got[`monitor_run_duration_seconds_count{status="warn"}`]), 5)
		require.Equal(t, got[`monitor_run_duration_seconds_count{status="warn"}`], got[`monitor_run_duration_seconds_bucket{status="warn",le="2.5"}`])
		require.GreaterOrEqual(t, number(t, got[`monitor_run_lateness_seconds_count`]), 24)
		require.Equal(t, got[`monitor_run_lateness_seconds_count`], got[`monitor_run_lateness_seconds_bucket{le="0.001"}`])
		disk, err := m.State("disk")
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(float64(disk.LastTime.UnixMilli())/1000), got[`monitor_check_last_run_timestamp_seconds{check="disk"}`])
		require.NotContains(t, text, "canary")
	})
}

func number(t testing.TB, text string) int {
	t.Helper()
	var n float64
	_, err := fmt.Sscan(text, &n)
	require.NoError(t, err, text)
	return int(n)
}

func TestPromtoolAcceptsIt(t *testing.T) {
	promtool := testenv.Promtool(t)
	var text string
	inBubble(t, nil, time.Minute, append(fleet(), oddMeasurements("odd-names")), func(s *promsink.Sink, _ *monitor.Monitor) {
		text, _ = scrape(t, s.Handler(), "")
	})
	require.Contains(t, text, "monitor_check_measurement")
	judge := func(text string) string {
		cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return err.Error() + ": " + string(out)
		}
		return string(out)
	}
	require.Empty(t, judge(text), "%s", text)
	require.NotEmpty(t, judge("# TYPE a_seconds_count counter\na_seconds_count 1\n"), "it can tell")
}

func TestOpenMetrics(t *testing.T) {
	s := newSink(t, nil)
	newMonitor(t, s, fleet()...)
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	require.Contains(t, w.Header().Get("Content-Type"), "application/openmetrics-text; version=1.0.0")
	require.True(t, strings.HasSuffix(w.Body.String(), "\n# EOF\n"))
	require.Contains(t, w.Body.String(), "# TYPE monitor_check_runs counter\n")
	require.Contains(t, w.Body.String(), `monitor_check_runs_total{check="disk"} 0.0`)
}

// oddMeasurements is a check whose measurements nobody should export.
func oddMeasurements(name string) monitor.Definition {
	return monitor.Definition{Name: name, Interval: time.Second, Check: result(monitor.Result{Status: monitor.Pass, Measurements: []monitor.Measurement{
		{Name: "twice", Value: 1},
		{Name: "twice", Value: 2},
		{Name: "\xff"},
		{Name: "\xfe"},
		{Name: "nan", Value: math.NaN()},
		{Name: strings.Repeat("x", 1000)},
		{Name: strings.Repeat("x", 1001)},
		{Name: "a\"b\\c\nd"},
		{},
	}})}
}

func TestOddMeasurementsSpoilNoScrape(t *testing.T) {
	inBubble(t, nil, 10*time.Second, []monitor.Definition{oddMeasurements("odd")}, func(s *promsink.Sink, _ *monitor.Monitor) {
		_, got := scrape(t, s.Handler(), "")
		require.Equal(t, "1", got[`monitor_check_measurement{check="odd",measurement="twice",unit=""}`], "the first counts")
		require.Equal(t, "NaN", got[`monitor_check_measurement{check="odd",measurement="nan",unit=""}`])
		require.Equal(t, "0", got[`monitor_left_out_series_total{what="measurement"}`])
	})
}

// A check that makes up a name in each run, and a program that has more checks
// than it may, find an end.
func TestCardinalityIsBounded(t *testing.T) {
	runs := 0
	attack := monitor.Definition{Name: "attack", Interval: 100 * time.Millisecond, Check: monitor.Func(func(context.Context) monitor.Result {
		runs++
		var ms []monitor.Measurement
		for i := range 32 {
			ms = append(ms, monitor.Measurement{Name: fmt.Sprintf("user-%d-%d", runs, i), Unit: fmt.Sprint(runs)})
		}
		return monitor.Result{Status: monitor.Pass, Measurements: ms}
	})}
	checks := []monitor.Definition{attack}
	for i := range 100 {
		checks = append(checks, monitor.Definition{Name: fmt.Sprint("check-", i), Interval: time.Second, Check: result(monitor.Result{Status: monitor.Pass, Measurements: []monitor.Measurement{{Name: "honest", Value: 1}}})})
	}
	opts := &promsink.Options{MaxChecks: 20, MaxMeasurements: 40}
	inBubble(t, opts, time.Second, checks, func(s *promsink.Sink, m *monitor.Monitor) {
		seen := map[string]bool{}
		var left int
		for range 30 {
			time.Sleep(1100 * time.Millisecond) // the bubble's time: new names
			synctest.Wait()
			_, got := scrape(t, s.Handler(), "")
			names := slices.Collect(maps.Keys(got))
			for _, n := range names {
				seen[n] = true
			}
			now := number(t, got[`monitor_left_out_series_total{what="measurement"}`])
			require.GreaterOrEqual(t, now, left)
			left = now
			require.Equal(t, "1", got[`monitor_check_measurement{check="check-0",measurement="honest",unit=""}`], "others keep theirs")
		}
		measured, checked := 0, map[string]bool{}
		for name := range seen {
			if strings.HasPrefix(name, `monitor_check_measurement{check="attack"`) {
				measured++
			}
			if rest, ok := strings.CutPrefix(name, `monitor_check_runs_total{check="`); ok {
				checked[rest] = true
			}
		}
		require.Equal(t, 40, measured)
		require.Len(t, checked, 20)
		require.Greater(t, left, 500)
		_, got := scrape(t, s.Handler(), "")
		require.Equal(t, fmt.Sprint(81*31), got[`monitor_left_out_series_total{what="check"}`])
		require.NoError(t, m.Remove("check-0"))
		time.Sleep(2 * time.Second) // rendered again
		synctest.Wait()
		_, got = scrape(t, s.Handler(), "")
		require.NotContains(t, got, `monitor_check_runs_total{check="check-0"}`)
		count := 0
		for name := range got {
			if strings.HasPrefix(name, "monitor_check_runs_total{") {
				count++
			}
		}
		require.Equal(t, 20, count, "another one has its place")
	})
}

func TestMeasurementsCanBeLeftOut(t *testing.T) {
	inBubble(t, &promsink.Options{MaxMeasurements: -1}, time.Minute, fleet(), func(s *promsink.Sink, _ *monitor.Monitor) {
		text, _ := scrape(t, s.Handler(), "")
		require.NotContains(t, text, "monitor_check_measurement")
	})
}

func TestTransitionsThatComeTwiceCountOnce(t *testing.T) {
	s := newSink(t, nil)
	ts := []monitor.Transition{{Seq: 1, Kind: monitor.AlertOpened}, {Seq: 2, Kind: "made_up_1"}, {Seq: 3, Kind: "made_up_2"}}
	for range 3 {
		require.NoError(t, s.Send(t.Context(), ts))
	}
	_, got := scrape(t, s.Handler(), "")
	require.Equal(t, "1", got[`monitor_transitions_total{kind="alert_opened"}`])
	require.Equal(t, "2", got[`monitor_transitions_total{kind="other"}`])
}

func TestScrapesWhileEverythingChanges(t *testing.T) {
	s := newSink(t, &promsink.Options{MaxChecks: 10})
	m := newMonitor(t, s)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for range 50 {
				w := httptest.NewRecorder()
				s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
				if w.Code != http.StatusOK {
					t.Errorf("status %d: %s", w.Code, w.Body)
				}
			}
		})
	}
	for i := range 200 {
		d := oddMeasurements(fmt.Sprint("check-", i))
		d.Interval = time.Millisecond
		require.NoError(t, m.Add(d))
		if i >= 20 {
			require.NoError(t, m.Remove(fmt.Sprint("check-", i-20)))
		}
	}
	all.Wait()
	stop()
	<-ended
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	w := httptest.NewRecorder()
	newSink(t, nil).Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/metrics", bytes.NewReader(nil)))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
}

func TestOptions(t *testing.T) {
	s := newSink(t, &promsink.Options{Collectors: []prometheus.Collector{collectors.NewGoCollector()}})
	_, got := scrape(t, s.Handler(), "")
	require.Contains(t, got, "go_goroutines")

	_, err := promsink.New(&promsink.Options{MaxChecks: -1})
	require.ErrorContains(t, err, "MaxChecks is -1")
	_, err = promsink.New(&promsink.Options{Collectors: []prometheus.Collector{nil}})
	require.ErrorContains(t, err, "Collectors[0] is nil")
	_, err = promsink.New(&promsink.Options{Collectors: []prometheus.Collector{collectors.NewGoCollector(), newSink(t, nil)}})
	require.ErrorContains(t, err, "Collectors[1]")

	require.ErrorContains(t, s.Watch(nil), "is nil")
	m := newMonitor(t, s)
	require.ErrorContains(t, s.Watch(m), "watches a monitor already")

	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(newSink(t, nil)), "it can be used in another registry")
}
