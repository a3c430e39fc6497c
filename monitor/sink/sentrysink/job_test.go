package sentrysink_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/monitor/sink/sentrysink"
	"github.com/masaruk/devops/monitor/sinktest"
)

func newJob(t *testing.T, sink *sentrysink.Sink, opts *sentrysink.JobOptions) *sentrysink.Job {
	t.Helper()
	job, err := sink.Job("backup-orders", opts)
	require.NoError(t, err)
	return job
}

// until waits for as many envelopes, and that the sink knows.
func (s *station) until(t *testing.T, sink *sentrysink.Sink, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return len(s.taken()) >= n && sink.Stats().Waiting == 0 }, time.Minute, time.Millisecond)
	require.Len(t, s.taken(), n)
}

func TestARunIsTwoCheckIns(t *testing.T) {
	sink, s := newSink(t, &sentrysink.Options{Release: "shop@1.2.3"})
	job := newJob(t, sink, &sentrysink.JobOptions{Every: 90 * time.Minute, Margin: 5 * time.Minute, MaxRuntime: time.Hour, Zone: "UTC", FailAfter: 2, RecoverAfter: 3})
	ran := false
	require.NoError(t, job.Run(t.Context(), func(ctx context.Context) error {
		require.Equal(t, t.Context(), ctx)
		ran = true
		return nil
	}))
	require.True(t, ran)
	s.until(t, sink, 2)
	headers, items := parsed(t, s.taken())
	begin, end := items[0][0][1], items[1][0][1]
	require.Equal(t, "check_in", items[0][0][0]["type"])
	require.Equal(t, begin["check_in_id"], end["check_in_id"])
	require.NotEqual(t, headers[0]["event_id"], headers[1]["event_id"])
	require.Equal(t, "in_progress", begin["status"])
	require.Equal(t, "ok", end["status"])
	require.Positive(t, end["duration"])
	for _, c := range []map[string]any{begin, end} {
		require.Equal(t, "backup-orders", c["monitor_slug"])
		require.Equal(t, "shop@1.2.3", c["release"])
		require.Equal(t, envconfig.Development().Name, c["environment"])
		require.Equal(t, map[string]any{
			"schedule":       map[string]any{"type": "interval", "value": 90.0, "unit": "minute"},
			"checkin_margin": 5.0, "max_runtime": 60.0, "timezone": "UTC", "failure_issue_threshold": 2.0, "recovery_threshold": 3.0,
		}, c["monitor_config"])
	}
	require.Equal(t, sentrysink.Stats{CheckIns: 2}, sink.Stats())
}

func TestSchedules(t *testing.T) {
	sink, s := newSink(t, nil)
	var want []any
	for _, tc := range []struct {
		opts *sentrysink.JobOptions
		want any
	}{
		{nil, nil},
		{&sentrysink.JobOptions{Every: 48 * time.Hour}, map[string]any{"type": "interval", "value": 2.0, "unit": "day"}},
		{&sentrysink.JobOptions{Every: 6 * time.Hour}, map[string]any{"type": "interval", "value": 6.0, "unit": "hour"}},
		{&sentrysink.JobOptions{Cron: "0 3 * * 0"}, map[string]any{"type": "crontab", "value": "0 3 * * 0"}},
	} {
		require.NoError(t, newJob(t, sink, tc.opts).Run(t.Context(), func(context.Context) error { return nil }))
		want = append(want, tc.want, tc.want)
	}
	s.until(t, sink, len(want))
	var got []any
	for _, c := range s.ofType("check_in") {
		if config, ok := c["monitor_config"].(map[string]any); ok {
			got = append(got, config["schedule"])
			continue
		}
		got = append(got, nil)
	}
	require.Equal(t, want, got)
}

func TestARunThatFailsIsAnEventToo(t *testing.T) {
	sink, s := newSink(t, nil)
	why := errors.New("disk full")
	require.Equal(t, why, newJob(t, sink, nil).Run(t.Context(), func(context.Context) error { return why }))
	s.until(t, sink, 3)
	require.Equal(t, "error", s.ofType("check_in")[1]["status"])
	e := s.ofType("event")[0]
	require.Equal(t, []any{"job", envconfig.Development().Name, "backup-orders"}, e["fingerprint"])
	x := e["exception"].([]any)[0].(map[string]any)
	require.Equal(t, "backup-orders", x["type"])
	require.Equal(t, "disk full", x["value"])
	require.Equal(t, sentrysink.Stats{CheckIns: 2, Events: 1}, sink.Stats())
}

// A panic goes on, and Sentry knows before the program can end.
func TestARunThatPanicsIsSentBeforeThePanicGoesOn(t *testing.T) {
	sink, s := newSink(t, nil)
	job := newJob(t, sink, nil)
	require.PanicsWithValue(t, "no tape", func() {
		_ = job.Run(t.Context(), func(context.Context) error { panic("no tape") })
	})
	require.Len(t, s.taken(), 3)
	require.Equal(t, "error", s.ofType("check_in")[1]["status"])
	x := s.ofType("event")[0]["exception"].([]any)[0].(map[string]any)
	frames := x["stacktrace"].(map[string]any)["frames"].([]any)
	last := frames[len(frames)-1].(map[string]any)
	require.Contains(t, last["function"], "TestARunThatPanics")
	require.Equal(t, "job_test.go", last["filename"])

	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = job.Run(t.Context(), func(context.Context) error { runtime.Goexit(); return nil })
	}()
	<-done
	require.Len(t, s.taken(), 6)
}

// While Sentry hangs, jobs go on, the queue stays within its bound, and what is
// lost is counted and told.
func TestJobsDoNotWaitForSentry(t *testing.T) {
	sink, s := newSink(t, &sentrysink.Options{Queue: 5})
	s.do(sinktest.Hangs)
	job := newJob(t, sink, nil)
	for range 50 {
		require.NoError(t, job.Run(t.Context(), func(context.Context) error { return nil }))
	}
	stats := sink.Stats()
	require.Equal(t, 6, stats.Waiting, "five, and the one under way")
	require.Equal(t, uint64(94), stats.DroppedCheckIns)
	s.do(sinktest.Works) // the one under way is tried again after a second
	s.until(t, sink, 7)
	require.Equal(t, uint64(6), sink.Stats().CheckIns)
	_, items := parsed(t, s.taken())
	require.Equal(t, "in_progress", items[0][0][1]["status"], "the one under way was not dropped")
	require.Equal(t, "ok", items[len(items)-1][0][1]["status"], "nor the newest")
	require.Equal(t, []any{map[string]any{"reason": "queue_overflow", "category": "monitor", "quantity": 94.0}}, s.ofType("client_report")[0]["discarded_events"])
}

func TestCheckInsAreTriedAgainAndThenGivenUp(t *testing.T) {
	sink, s := newSink(t, &sentrysink.Options{Attempts: 1})
	s.do(sinktest.Fails)
	job := newJob(t, sink, nil)
	require.NoError(t, job.Run(t.Context(), func(context.Context) error { return nil }))
	require.Eventually(t, func() bool { return sink.Stats().DroppedCheckIns == 2 }, time.Minute, time.Millisecond)
	require.Contains(t, sink.Stats().LastError, "502")
	s.do(sinktest.Works)
	require.NoError(t, job.Run(t.Context(), func(context.Context) error { return nil }))
	s.until(t, sink, 3)
	require.Empty(t, sink.Stats().LastError)
	require.Equal(t, []any{map[string]any{"reason": "send_error", "category": "monitor", "quantity": 2.0}}, s.ofType("client_report")[0]["discarded_events"])
}

func TestCloseFlushes(t *testing.T) {
	s := newStation()
	defer s.Close()
	sink, err := sentrysink.New(envconfig.Development(), s.dsn(), nil)
	require.NoError(t, err)
	job := newJob(t, sink, nil)
	for range 20 {
		require.NoError(t, job.Run(t.Context(), func(context.Context) error { return nil }))
	}
	require.NoError(t, sink.Close(t.Context()))
	require.Len(t, s.ofType("check_in"), 40)
	require.NoError(t, job.Run(t.Context(), func(context.Context) error { return nil }), "jobs run all the same")
	require.Equal(t, uint64(2), sink.Stats().DroppedCheckIns)
}

func TestCloseIsBounded(t *testing.T) {
	s := newStation()
	defer s.Close()
	defer s.do(sinktest.Works)
	s.do(sinktest.Hangs)
	sink, err := sentrysink.New(envconfig.Development(), s.dsn(), &sentrysink.Options{Grace: 50 * time.Millisecond})
	require.NoError(t, err)
	job := newJob(t, sink, nil)
	for range 3 {
		require.NoError(t, job.Run(t.Context(), func(context.Context) error { return nil }))
	}
	closed := make(chan error, 1)
	go func() { closed <- sink.Close(t.Context()) }()
	select {
	case err := <-closed:
		require.EqualError(t, err, "sentrysink: close: 6 check-ins and events of jobs were not sent")
	case <-time.After(9 * time.Second): // an attempt ends after 10
		t.Fatal("it waits for Sentry")
	}
	require.Equal(t, uint64(6), sink.Stats().DroppedCheckIns)
}

func TestJobsAreChecked(t *testing.T) {
	sink, _ := newSink(t, nil)
	for slug, want := range map[string]string{"": "slug", "Backup": "slug", "a b": "slug", strings.Repeat("a", 51): "slug", "-a": "slug"} {
		_, err := sink.Job(slug, nil)
		require.ErrorContains(t, err, want, slug)
	}
	for want, o := range map[string]sentrysink.JobOptions{
		"Every is 1m30s":         {Every: 90 * time.Second},
		"Every is -1m0s":         {Every: -time.Minute},
		"Margin is 1s":           {Every: time.Hour, Margin: time.Second},
		"MaxRuntime is 1s":       {Every: time.Hour, MaxRuntime: time.Second},
		"give one of them":       {Every: time.Hour, Cron: "* * * * *"},
		"must have five fields":  {Cron: "@daily"},
		"neither Every nor Cron": {MaxRuntime: time.Hour},
		"FailAfter":              {Every: time.Hour, FailAfter: -1},
		`Zone "Mars/Olympus"`:    {Cron: "0 3 * * *", Zone: "Mars/Olympus"},
	} {
		_, err := sink.Job("backup", &o)
		require.ErrorContains(t, err, want, fmt.Sprint(o))
	}
}
