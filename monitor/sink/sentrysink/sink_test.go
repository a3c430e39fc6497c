package sentrysink_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/sink/sentrysink"
	"github.com/masaruk/devops/monitor/sinktest"
	"github.com/masaruk/devops/secrets"
)

func TestConformance(t *testing.T) {
	sinktest.Run(t, func() (*sinktest.Target, error) {
		s := newStation()
		sink, err := sentrysink.New(envconfig.Development(), s.dsn(), nil)
		return &sinktest.Target{Sink: sink, Arrived: s.arrived, Break: s.do, Close: func() error {
			err := sink.Close(context.Background())
			s.Close()
			return err
		}}, err
	})
}

func TestConformanceWithoutADSN(t *testing.T) {
	sinktest.Run(t, func() (*sinktest.Target, error) {
		sink, err := sentrysink.New(envconfig.Development(), secrets.Value{}, nil)
		return &sinktest.Target{Sink: sink}, err
	})
}

var at = time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC)

func opened(seq uint64, check string) monitor.Transition {
	return monitor.Transition{
		Seq: seq, Time: at, Environment: "production", Check: check, Kind: monitor.AlertOpened, From: monitor.Fail, To: monitor.Fail,
		Result: monitor.Result{Status: monitor.Fail, Err: errors.New("connection refused"), Detail: "no connection"},
	}
}

func send(t *testing.T, s *sentrysink.Sink, ts ...monitor.Transition) {
	t.Helper()
	require.NoError(t, s.Send(t.Context(), ts))
}

func TestAnAlertIsAnEvent(t *testing.T) {
	sink, s := newSink(t, &sentrysink.Options{Release: "shop@1.2.3", ServerName: "host-1"})
	require.True(t, sink.Enabled())
	o := opened(7, "postgres")
	o.Owner, o.Runbook = "shop", "restart it"
	o.Labels = map[string]string{"tier": "1", "check": "not this", "the color": "red\nblue", "empty": ""}
	o.Result.Measurements = []monitor.Measurement{{Name: "used", Value: 97.5, Unit: "%"}, {Name: "count", Value: 3, Unit: "1"}, {Name: "lag", Value: math.NaN(), Unit: "s"}}
	send(t, sink, o)
	headers, items := parsed(t, s.taken())
	require.Len(t, items, 1)
	require.Len(t, items[0], 1)
	header, e := items[0][0][0], items[0][0][1]
	require.Equal(t, "event", header["type"])
	require.Equal(t, headers[0]["event_id"], e["event_id"])
	for key, want := range map[string]any{
		"environment": "production", "release": "shop@1.2.3", "server_name": "host-1", "level": "error", "platform": "go", "logger": "monitor",
		"timestamp":   "2026-03-01T12:00:00.005Z",
		"fingerprint": []any{"monitor", "production", "postgres"},
		"tags":        map[string]any{"check": "postgres", "alert": "opened", "owner": "shop", "tier": "1", "the_color": "red blue"},
		"exception": []any{map[string]any{
			"type": "postgres", "value": "connection refused", "mechanism": map[string]any{"type": "monitor", "handled": true, "exception_id": 0.0},
		}},
	} {
		require.Equal(t, want, e[key], key)
	}
	contexts := e["contexts"].(map[string]any)
	require.Equal(t, map[string]any{"seq": 7.0, "status": "fail", "detail": "no connection", "runbook": "restart it"}, contexts["check"])
	require.Equal(t, map[string]any{"used": "97.5 %", "count": "3", "lag": "NaN s"}, contexts["measurements"])
	require.NotContains(t, e, "modules")

	r := s.requests[0]
	require.Equal(t, "/api/42/envelope/", r.URL.Path)
	require.Contains(t, r.Header.Get("X-Sentry-Auth"), "sentry_key="+publicKey)
	require.Equal(t, sentrysink.Stats{Events: 1}, sink.Stats())
}

func TestAResolvedAlertIsInTheSameIssue(t *testing.T) {
	sink, s := newSink(t, nil)
	r := monitor.Transition{Seq: 8, Time: at, Environment: "production", Check: "postgres", Kind: monitor.AlertResolved, From: monitor.Pass, To: monitor.Pass}
	gone := r
	gone.Seq, gone.Reason = 9, "the check was removed"
	send(t, sink, opened(7, "postgres"), r, gone)
	es := s.ofType("event")
	require.Len(t, es, 3)
	for _, e := range es {
		require.Equal(t, es[0]["fingerprint"], e["fingerprint"])
	}
	require.Equal(t, "info", es[1]["level"])
	require.Equal(t, "postgres is good again", es[1]["message"])
	require.Equal(t, "resolved", es[1]["tags"].(map[string]any)["alert"])
	require.Equal(t, "postgres: the check was removed", es[2]["message"])
}

func TestOtherTransitionsAreNotReported(t *testing.T) {
	sink, s := newSink(t, nil)
	for _, kind := range []monitor.Kind{monitor.StatusChanged, monitor.AlertWithheld, monitor.StuckStarted, monitor.FlappingStarted, monitor.RunFinished, monitor.MaintenanceStarted} {
		o := opened(1, "postgres")
		o.Kind = kind
		send(t, sink, o)
	}
	require.Empty(t, s.taken())
}

func TestTheLevelIsThatOfTheLabelOrTheCheck(t *testing.T) {
	sink, s := newSink(t, nil)
	for i, severity := range []string{"", "critical", "fatal", "warning", "loud"} {
		for n, critical := range []bool{false, true} {
			o := opened(uint64(2*i+n), "postgres")
			o.Labels, o.Critical = map[string]string{"severity": severity}, critical
			send(t, sink, o)
		}
	}
	var got []any
	for _, e := range s.ofType("event") {
		got = append(got, e["level"])
	}
	require.Equal(t, []any{"error", "fatal", "fatal", "fatal", "fatal", "fatal", "warning", "warning", "error", "fatal"}, got)
}

// Behind a real monitor, the event of a check that panicked has its stack.
func TestAPanicHasItsStack(t *testing.T) {
	sink, s := newSink(t, nil)
	m, err := monitor.New(envconfig.Development(), []monitor.Definition{{
		Name: "odd", Interval: 10 * time.Millisecond, FailAfter: 1, Check: monitor.Func(explode),
	}}, &monitor.Options{Feeds: []monitor.Feed{{Name: "sentry", Sink: sink}}})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	require.Eventually(t, func() bool { return len(s.taken()) > 0 }, time.Minute, time.Millisecond)
	stop()
	require.NoError(t, <-ended)
	x := s.ofType("event")[0]["exception"].([]any)[0].(map[string]any)
	require.Equal(t, "the check panicked: runtime error: integer divide by zero", x["value"])
	require.Equal(t, false, x["mechanism"].(map[string]any)["handled"])
	frames := x["stacktrace"].(map[string]any)["frames"].([]any)
	var culprit map[string]any
	for _, f := range frames {
		if f.(map[string]any)["in_app"] == true {
			culprit = f.(map[string]any)
		}
	}
	require.Equal(t, "explode", culprit["function"])
	require.Equal(t, "github.com/masaruk/devops/monitor/sink/sentrysink_test", culprit["module"])
	require.Equal(t, "sink_test.go", culprit["filename"])
	require.Positive(t, culprit["lineno"])
}

func explode(context.Context) monitor.Result {
	none := 0
	return monitor.Result{Status: monitor.Status(1 / none)}
}

func TestWhatFailedIsSentAgainAndOnce(t *testing.T) {
	sink, s := newSink(t, nil)
	taken := 0
	s.answers(func(w http.ResponseWriter) bool {
		if taken++; taken == 3 {
			w.Header().Set("X-Sentry-Error", "event too odd")
			w.WriteHeader(http.StatusBadRequest)
			return true
		}
		return false
	})
	batch := []monitor.Transition{opened(1, "a"), opened(2, "b"), opened(3, "c"), opened(4, "d")}
	err := sink.Send(t.Context(), batch)
	require.EqualError(t, err, "sentrysink: Sentry answered with status 400: event too odd")
	require.Equal(t, sentrysink.Stats{Events: 2, LastError: "Sentry answered with status 400: event too odd"}, sink.Stats())
	send(t, sink, batch...)
	var checks []string
	ids := map[any]bool{}
	for _, e := range s.ofType("event") {
		checks = append(checks, e["tags"].(map[string]any)["check"].(string))
		ids[e["event_id"]] = true
	}
	require.Equal(t, []string{"a", "b", "c", "d"}, checks)
	require.Len(t, ids, 4)
	require.Equal(t, sentrysink.Stats{Events: 4}, sink.Stats())
	require.Empty(t, s.ofType("client_report"), "nothing was lost")
	send(t, sink, batch...)
	require.Len(t, s.ofType("event"), 8, "from then on it is another batch")
	for _, e := range s.ofType("event") {
		require.True(t, ids[e["event_id"]], "Sentry can tell that it has it")
	}
}

// What the feed gave up is told to Sentry, and counted.
func TestWhatIsGivenUpIsReported(t *testing.T) {
	sink, s := newSink(t, nil)
	send(t, sink, opened(1, "a"))
	s.do(sinktest.Fails)
	require.Error(t, sink.Send(t.Context(), []monitor.Transition{opened(2, "b"), opened(3, "c")}))
	require.Error(t, sink.Send(t.Context(), []monitor.Transition{opened(2, "b"), opened(3, "c")}))
	s.do(sinktest.Works)
	send(t, sink, opened(4, "d"))
	require.Equal(t, sentrysink.Stats{Events: 2, DroppedEvents: 2}, sink.Stats())
	_, all := parsed(t, s.taken())
	last := all[len(all)-1][0]
	require.Equal(t, "client_report", last[0]["type"])
	require.Equal(t, []any{map[string]any{"reason": "send_error", "category": "error", "quantity": 2.0}}, last[1]["discarded_events"])
	require.NotEmpty(t, last[1]["timestamp"])
	send(t, sink, opened(5, "e"))
	require.Len(t, s.ofType("client_report"), 1, "it is told once")
}

func TestAReportThatDoesNotArriveIsToldNextTime(t *testing.T) {
	sink, s := newSink(t, nil)
	s.do(sinktest.Fails)
	require.Error(t, sink.Send(t.Context(), []monitor.Transition{opened(1, "a")}))
	s.do(sinktest.Works)
	requests := 0
	s.answers(func(w http.ResponseWriter) bool {
		requests++
		if requests == 2 {
			w.WriteHeader(http.StatusInternalServerError)
		}
		return requests == 2
	})
	send(t, sink, opened(2, "b"))
	require.Empty(t, s.ofType("client_report"))
	send(t, sink, opened(3, "c"))
	require.Len(t, s.ofType("client_report"), 1)
}

func TestAPauseIsRespected(t *testing.T) {
	sink, s := newSink(t, nil)
	s.answers(func(w http.ResponseWriter) bool {
		w.Header().Set("X-Sentry-Rate-Limits", "60:error:organization")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	require.ErrorContains(t, sink.Send(t.Context(), []monitor.Transition{opened(1, "a")}), "429")
	for range 3 {
		require.ErrorContains(t, sink.Send(t.Context(), []monitor.Transition{opened(1, "a")}), "the pause that Sentry asked for is not over")
	}
	require.Equal(t, 1, s.tried())
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	sink, s := newSink(t, nil)
	other := newStation()
	defer other.Close()
	s.answers(func(w http.ResponseWriter) bool {
		w.Header().Set("Location", other.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	})
	require.ErrorContains(t, sink.Send(t.Context(), []monitor.Transition{opened(1, "a")}), "status 307")
	require.Zero(t, other.tried())
}

func TestNobodyListens(t *testing.T) {
	s := newStation()
	dsn := s.dsn()
	s.Close()
	sink, err := sentrysink.New(envconfig.Development(), dsn, nil)
	require.NoError(t, err)
	err = sink.Send(t.Context(), []monitor.Transition{opened(1, "a")})
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), publicKey)
	require.NoError(t, sink.Close(t.Context()))
	require.Equal(t, uint64(1), sink.Stats().DroppedEvents)
	require.ErrorContains(t, sink.Send(t.Context(), []monitor.Transition{opened(1, "a")}), "closed")
	require.NoError(t, sink.Close(t.Context()), "a second time")
}

func TestADSNThatIsWrongIsRefusedAndNotShown(t *testing.T) {
	const key = "feedfacecafe"
	for text, want := range map[string]string{
		"https://" + key + "@sentry.example":                "the project at its end is missing",
		"https://" + key + "@sentry.example/":               "the project at its end is missing",
		"https://sentry.example/" + key:                     "the key before @ is missing",
		"https://" + key + "@/42":                           "the host behind @ is missing",
		"ftp://" + key + "@sentry.example/42":               "it does not begin with https://",
		key:                                                 "it does not begin with https://",
		"https://" + key + "@sentry.example:" + key + "/42": "it is no URL",
		"https://" + key + "@sentry.example/42\n":           "there is space around it",
		" https://" + key + "@sentry.example/42":            "there is space around it",
		"https://" + key + "%zz@sentry.example/42":          "it is no URL",
		"http://" + key + "@sentry.example/42":              "HTTPS",
	} {
		_, err := sentrysink.New(envconfig.Development(), secrets.New(text), nil)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), key)
		for e := err; e != nil; e = errors.Unwrap(e) {
			require.NotContains(t, fmt.Sprintf("%#v", e), key)
		}
	}
}

func TestWithoutADSNItIsDisabled(t *testing.T) {
	t.Setenv("SENTRY_DSN", "https://feedfacecafe@sentry.invalid/42")
	sink, err := sentrysink.New(envconfig.Development(), secrets.Value{}, nil)
	require.NoError(t, err)
	require.False(t, sink.Enabled())
	send(t, sink, opened(1, "a"))
	job, err := sink.Job("backup", nil)
	require.NoError(t, err)
	why := errors.New("disk full")
	require.Equal(t, why, job.Run(t.Context(), func(context.Context) error { return why }))
	require.Zero(t, sink.Stats())
	require.NoError(t, sink.Close(t.Context()))
}

// Variables that sentry-go would read have no say.
func TestTheEnvironmentOfTheProcessHasNoSay(t *testing.T) {
	t.Setenv("SENTRY_RELEASE", "canary-release")
	t.Setenv("SENTRY_ENVIRONMENT", "canary-environment")
	t.Setenv("SENTRY_TAGS_CANARY", "canary-tag")
	t.Setenv("SENTRYGODEBUG", "httpdump=1")
	sink, s := newSink(t, nil)
	o := opened(1, "a")
	o.Environment = ""
	send(t, sink, o)
	require.NotContains(t, string(s.taken()[0]), "canary")
	require.Equal(t, envconfig.Development().Name, s.ofType("event")[0]["environment"])
	require.NotEmpty(t, s.ofType("event")[0]["release"])
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := sentrysink.New(envconfig.Environment{}, secrets.Value{}, &sentrysink.Options{Queue: -1, Attempts: -1, Timeout: -1, Grace: -1})
	for _, want := range []string{"environment", "Queue is below 0", "Attempts is below 0", "Timeout is below 0", "Grace is below 0"} {
		require.ErrorContains(t, err, want)
	}
	_, err = sentrysink.New(envconfig.Production(), secrets.Value{}, nil)
	require.Len(t, envconfig.Violations(err), 1)
	require.Equal(t, "LogMasking", envconfig.Violations(err)[0].Field)
	_, err = sentrysink.New(envconfig.Production(), secrets.Value{}, &sentrysink.Options{Redactor: &secrets.Redactor{}})
	require.NoError(t, err)
}
