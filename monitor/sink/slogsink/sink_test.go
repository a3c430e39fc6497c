package slogsink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/sink/slogsink"
	"github.com/masaruk/devops/monitor/sinktest"
)

// place is a handler that notes what arrives, and can be broken.
type place struct {
	mu    sync.Mutex
	all   []sinktest.Arrival
	fault sinktest.Fault
	works chan struct{}
}

func (p *place) do(f sinktest.Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.works != nil {
		close(p.works)
	}
	p.fault, p.works = f, make(chan struct{})
}

func (p *place) arrived() []sinktest.Arrival {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.all)
}

func (p *place) Enabled(context.Context, slog.Level) bool { return true }
func (p *place) WithAttrs([]slog.Attr) slog.Handler       { return p }
func (p *place) WithGroup(string) slog.Handler            { return p }

func (p *place) Handle(ctx context.Context, r slog.Record) error {
	p.mu.Lock()
	fault, works := p.fault, p.works
	if fault == sinktest.Works {
		var a sinktest.Arrival
		r.Attrs(func(attr slog.Attr) bool {
			switch attr.Key {
			case "check":
				a.Check = attr.Value.String()
			case "kind":
				a.Kind = monitor.Kind(attr.Value.String())
			case "seq":
				a.Seq = attr.Value.Uint64()
			}
			return true
		})
		p.all = append(p.all, a)
	}
	p.mu.Unlock()
	switch fault {
	case sinktest.Fails:
		return errors.New("disk full")
	case sinktest.Hangs:
		select {
		case <-works:
		case <-ctx.Done():
		}
		return errors.New("hung up")
	}
	return nil
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, func() (*sinktest.Target, error) {
		p := &place{}
		sink, err := slogsink.New(slog.New(p), nil)
		return &sinktest.Target{Sink: sink, Arrived: p.arrived, Break: p.do}, err
	})
}

// lines sends transitions to a JSON log of all levels and returns its lines.
func lines(t *testing.T, opts *slogsink.Options, ts ...monitor.Transition) []map[string]any {
	t.Helper()
	var out bytes.Buffer
	sink, err := slogsink.New(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})), opts)
	require.NoError(t, err)
	require.NoError(t, sink.Send(t.Context(), ts))
	var all []map[string]any
	for line := range bytes.Lines(out.Bytes()) {
		var m map[string]any
		require.NoError(t, json.Unmarshal(line, &m))
		all = append(all, m)
	}
	return all
}

func TestARecordHasAllThatThereIsToSay(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	all := lines(t, nil, monitor.Transition{
		Seq: 7, Time: at, Environment: "production", Check: "postgres", Kind: monitor.AlertOpened,
		From: monitor.Fail, To: monitor.Fail, Critical: true, Owner: "shop", Runbook: "restart it", Labels: map[string]string{"tier": "1"},
		Result: monitor.Result{
			Status: monitor.Fail, Detail: "no connection", Err: &monitor.PanicError{Text: "nil map", Stack: "goroutine 1"},
			Measurements: []monitor.Measurement{{Name: "used", Value: 97.5, Unit: "%"}, {Name: "used", Value: 1}, {Name: "lag", Value: math.Inf(1)}},
		},
	})
	require.Equal(t, []map[string]any{{
		"time": "2026-03-01T12:00:00Z", "level": "ERROR", "msg": "monitor transition",
		"kind": "alert_opened", "environment": "production", "check": "postgres", "from": "fail", "to": "fail", "seq": 7.0,
		"detail": "no connection", "error": "the check panicked: nil map", "stack": "goroutine 1", "critical": true,
		"owner": "shop", "runbook": "restart it", "labels": map[string]any{"tier": "1"},
		"measurements": map[string]any{"used": map[string]any{"value": 97.5, "unit": "%"}, "lag": map[string]any{"value": "+Inf"}},
	}}, all)
}

func TestWhatThereIsNothingToSayOfIsLeftOut(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	all := lines(t, nil,
		monitor.Transition{Seq: 1, Time: at, Kind: monitor.MaintenanceStarted, By: "ops", Reason: "new disk"},
		monitor.Transition{Time: at, Check: "web", Kind: monitor.RunFinished, Result: monitor.Result{Status: monitor.Pass}, Run: monitor.Run{Late: time.Millisecond, Duration: time.Second}},
	)
	require.Equal(t, []map[string]any{
		{"time": "2026-03-01T12:00:00Z", "level": "INFO", "msg": "monitor transition", "kind": "maintenance_started", "seq": 1.0, "by": "ops", "reason": "new disk"},
		{"time": "2026-03-01T12:00:00Z", "level": "DEBUG", "msg": "monitor transition", "kind": "run_finished", "check": "web", "status": "pass", "late": 1e6, "duration": 1e9},
	}, all)
}

func TestLevels(t *testing.T) {
	for kind, want := range map[monitor.Kind]string{
		monitor.AlertOpened: "ERROR", monitor.AlertResolved: "INFO", monitor.AlertWithheld: "WARN",
		monitor.StuckStarted: "WARN", monitor.StuckEnded: "INFO", monitor.StaleStarted: "WARN", monitor.StaleEnded: "INFO",
		monitor.FlappingStarted: "WARN", monitor.FlappingEnded: "INFO", monitor.RunFinished: "DEBUG",
		monitor.CheckAdded: "INFO", monitor.CheckRemoved: "INFO",
	} {
		require.Equal(t, want, lines(t, nil, monitor.Transition{Kind: kind, To: monitor.Fail})[0]["level"], kind)
	}
	for to, want := range map[monitor.Status]string{monitor.Pass: "INFO", monitor.Warn: "WARN", monitor.Fail: "WARN"} {
		require.Equal(t, want, lines(t, nil, monitor.Transition{Kind: monitor.StatusChanged, To: to})[0]["level"], to)
	}
	own := &slogsink.Options{Level: func(monitor.Transition) slog.Level { return slog.LevelDebug }}
	require.Equal(t, "DEBUG", lines(t, own, monitor.Transition{Kind: monitor.AlertOpened})[0]["level"])
}

func TestWhatIsNotEnabledIsNotWritten(t *testing.T) {
	var out bytes.Buffer
	sink, err := slogsink.New(slog.New(slog.NewTextHandler(&out, nil)), nil)
	require.NoError(t, err)
	require.NoError(t, sink.Send(t.Context(), []monitor.Transition{{Kind: monitor.RunFinished}}))
	require.Empty(t, out.String())
}

func TestTheLoggerHasToBeThere(t *testing.T) {
	_, err := slogsink.New(nil, nil)
	require.ErrorContains(t, err, "logger is nil")
}

func TestErrorsAreThoseOfTheHandler(t *testing.T) {
	p := &place{fault: sinktest.Fails}
	sink, err := slogsink.New(slog.New(p), nil)
	require.NoError(t, err)
	require.ErrorContains(t, sink.Send(t.Context(), []monitor.Transition{{Seq: 9}}), "transition 9: disk full")
	why := errors.New("the program ends")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	require.ErrorIs(t, sink.Send(ctx, []monitor.Transition{{Seq: 9}}), why)
}

func TestLabelsAreSorted(t *testing.T) {
	var out bytes.Buffer
	sink, err := slogsink.New(slog.New(slog.NewTextHandler(&out, nil)), nil)
	require.NoError(t, err)
	require.NoError(t, sink.Send(t.Context(), []monitor.Transition{{
		Kind: monitor.AlertOpened, Check: "web", Labels: map[string]string{"b": "2", "a": "1"},
	}}))
	require.Contains(t, out.String(), "labels.a=1 labels.b=2")
}
