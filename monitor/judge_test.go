package monitor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

func TestAlertsOpenOnceAndResolve(t *testing.T) {
	k := passing()
	d := definition("db", k)
	d.Owner, d.Runbook, d.Labels = "platform", "docs/db.md", map[string]string{"tier": "1"}
	inBubble(t, Options{}, []Definition{d}, func(m *Monitor, r *recorder, _ func() error) {
		advance(20 * time.Second)
		r.take()
		k.set(Fail)
		advance(20 * time.Second)
		require.Empty(t, r.kinds(), "two failures are not three")
		advance(10 * time.Minute)
		got := r.take()
		require.Len(t, got, 2)
		require.Equal(t, []uint64{2, 3}, []uint64{got[0].Seq, got[1].Seq})
		open := got[1]
		require.Equal(t, AlertOpened, open.Kind)
		require.Equal(t, []any{"dev", "db", Fail, Fail, "platform", "docs/db.md", d.Labels}, []any{open.Environment, open.Check, open.From, open.To, open.Owner, open.Runbook, open.Labels})
		require.ErrorIs(t, open.Result.Err, errDown)
		s := stateOf(t, m, "db")
		require.True(t, s.Alert)
		require.Equal(t, open.Time, s.AlertSince)
		require.Equal(t, got[0].Time, s.Since)

		k.set(Warn)
		advance(10 * time.Minute)
		require.Equal(t, []string{"db status_changed fail>warn", "db alert_resolved"}, r.kinds())
		require.False(t, stateOf(t, m, "db").Alert)
	})
}

func dependants(db, api, page *knob) []Definition {
	a, p := definition("api", api), definition("page", page)
	a.DependsOn, p.DependsOn = []string{"db"}, []string{"api"}
	return []Definition{p, a, definition("db", db)}
}

func TestDependenciesWithholdNewAlertsOnly(t *testing.T) {
	db, api, page := passing(), passing(), passing()
	inBubble(t, Options{}, dependants(db, api, page), func(m *Monitor, r *recorder, _ func() error) {
		advance(20 * time.Second)
		r.take()
		runs := api.started()
		db.set(Fail)
		api.set(Fail)
		page.set(Fail)
		advance(10 * time.Minute)
		require.ElementsMatch(t, []string{
			"db status_changed pass>fail", "db alert_opened",
			"api status_changed pass>fail", "api alert_withheld dependency db",
			"page status_changed pass>fail", "page alert_withheld dependency api",
		}, r.kinds())
		require.InDelta(t, runs+60, api.started(), 1, "monitoring goes on")
		require.Equal(t, "db", stateOf(t, m, "api").By)

		db.set(Pass)
		advance(40 * time.Second)
		require.Equal(t, []string{"db status_changed fail>pass", "db alert_resolved", "api alert_opened"}, r.kinds())

		db.set(Fail)
		advance(time.Minute)
		require.Equal(t, []string{"db status_changed pass>fail", "db alert_opened"}, r.kinds(), "an open alert stays open")
		api.set(Pass)
		advance(20 * time.Second)
		require.Contains(t, r.kinds(), "api alert_resolved", "while the database is down")
	})
}

func TestAFailureThatIsNotConfirmedYetWithholdsToo(t *testing.T) {
	db, api := passing(), passing()
	d, a := definition("db", db), definition("api", api)
	d.FailAfter, a.FailAfter, a.DependsOn = 100, 3, []string{"db"}
	inBubble(t, Options{}, []Definition{d, a}, func(m *Monitor, r *recorder, _ func() error) {
		advance(20 * time.Second)
		r.take()
		db.set(Fail)
		api.set(Fail)
		advance(time.Minute)
		require.Equal(t, []string{"api status_changed pass>fail", "api alert_withheld dependency db"}, r.kinds())
	})
}

func TestMaintenanceWithholdsAndAlwaysExpires(t *testing.T) {
	db, web := passing(), passing()
	inBubble(t, Options{}, []Definition{definition("db", db), definition("web", web)}, func(m *Monitor, r *recorder, _ func() error) {
		advance(20 * time.Second)
		r.take()
		_, err := m.Maintain(Maintenance{Checks: []string{"db"}, For: 10 * time.Minute, By: "release v2", Reason: "migration"})
		require.NoError(t, err)
		require.Len(t, r.kinds(), 1)
		begun := time.Now()
		db.set(Fail)
		web.set(Fail)
		advance(9 * time.Minute)
		require.ElementsMatch(t, []string{
			"db status_changed pass>fail", "db alert_withheld maintenance release v2",
			"web status_changed pass>fail", "web alert_opened",
		}, r.kinds())
		require.Equal(t, "migration", m.Snapshot().Maintenance[0].Reason)
		advance(2 * time.Minute)
		got := r.take()
		require.Equal(t, []Kind{MaintenanceEnded, AlertOpened}, []Kind{got[0].Kind, got[1].Kind}, "nobody ended it")
		require.Equal(t, 10*time.Minute, got[0].Time.Sub(begun), "to the instant")
		require.Empty(t, m.Snapshot().Maintenance)

		end, err := m.Maintain(Maintenance{For: 24 * time.Hour, By: "ann"})
		require.NoError(t, err)
		db.set(Pass)
		advance(time.Minute)
		require.Equal(t, []string{"maintenance_started", "db status_changed fail>pass", "db alert_resolved"}, r.kinds(), "it holds back no resolution")
		end()
		end()
		require.Equal(t, []string{"maintenance_ended"}, r.kinds())
	})
}

func TestMaintainRefuses(t *testing.T) {
	m, _ := newMonitor(t, Options{MaxMaintenance: time.Hour})
	for text, w := range map[string]Maintenance{
		"By is empty": {For: time.Minute},
		"For is 0s":   {By: "ann"},
		"For is -1":   {By: "ann", For: -time.Second},
		"For is 1h":   {By: "ann", For: time.Hour + 1},
		`"gone"`:      {By: "ann", For: time.Hour, Checks: []string{"gone"}},
	} {
		_, err := m.Maintain(w)
		require.ErrorContains(t, err, text)
	}
	for range mostWindows {
		_, err := m.Maintain(Maintenance{By: "ann", For: time.Hour})
		require.NoError(t, err)
	}
	_, err := m.Maintain(Maintenance{By: "ann", For: time.Hour})
	require.ErrorContains(t, err, "1000 maintenances")
}

func TestAFlappingCheckHasOneAlert(t *testing.T) {
	k := passing()
	d := definition("db", k)
	d.FailAfter, d.RecoverAfter, d.FlapWindow = 1, 1, 5*time.Minute
	inBubble(t, Options{}, []Definition{d}, func(m *Monitor, r *recorder, _ func() error) {
		advance(20 * time.Second)
		r.take()
		for range 30 { // an hour and more than that is the same
			k.set(Fail)
			advance(20 * time.Second)
			k.set(Pass)
			advance(20 * time.Second)
		}
		require.True(t, stateOf(t, m, "db").Flapping)
		opened, resolved, changes := 0, 0, 0
		for _, tr := range r.take() {
			switch tr.Kind {
			case AlertOpened:
				opened++
			case AlertResolved:
				resolved++
			case StatusChanged:
				changes++
			}
		}
		require.Equal(t, []int{2, 1, 60}, []int{opened, resolved, changes}, "one before it was seen to flap, and one for all of it")
		advance(10 * time.Minute)
		require.Equal(t, []string{"db flapping_ended", "db alert_resolved"}, r.kinds())
	})
}

func TestStaleIsWhatNobodyHasHeardOf(t *testing.T) {
	var hang gate
	k := passing()
	d := definition("db", k)
	d.Critical, d.FailAfter = true, 1000
	inBubble(t, Options{}, []Definition{d}, func(m *Monitor, r *recorder, _ func() error) {
		advance(20 * time.Second)
		require.True(t, m.Snapshot().Ready)
		k.does(func(context.Context) { hang.wait() })
		advance(15 * time.Second)
		require.Equal(t, Warn, stateOf(t, m, "db").Health(), "stuck")
		require.True(t, m.Snapshot().Ready)
		advance(40 * time.Second)
		s := stateOf(t, m, "db")
		require.True(t, s.Stale)
		require.Equal(t, []Status{Pass, Fail}, []Status{s.Status, s.Health()})
		require.False(t, m.Snapshot().Ready)
		k.does(nil)
		hang.release()
		advance(time.Second)
		require.True(t, m.Snapshot().Ready)
	})
}

const canary = "canary-7f3a9c1e5b-04d2c8a96e7315bf-2b7d91e04c6a8f53-9e1d"

func TestNoSecretComesThrough(t *testing.T) {
	const lines = "a7\nk2\nq9"
	redactor, err := secrets.NewRedactor(secrets.New(canary), secrets.New(lines))
	require.NoError(t, err)
	// What is cut is redacted first, or the beginning of a secret would be left.
	atTheEnd := func(limit int) string {
		return strings.Repeat("x", max(0, limit-len("...")-len(canary)+1)) + canary + "..."
	}
	leaks := map[string]Func{
		"lines":       func(context.Context) Result { return Result{Status: Fail, Detail: "dial " + lines} },
		"long-error":  func(context.Context) Result { return Result{Status: Fail, Err: errors.New(atTheEnd(longestText))} },
		"long-detail": func(context.Context) Result { return Result{Status: Fail, Detail: atTheEnd(longestDetail)} },
		"long-panic":  func(context.Context) Result { panic(atTheEnd(longestText)) },
		"measurement": func(context.Context) Result {
			return Result{Status: Fail, Measurements: []Measurement{{Name: "queue of " + canary, Unit: atTheEnd(longestUnit)}, {Name: atTheEnd(longestName), Unit: canary}}}
		},
		"error":  func(context.Context) Result { return Result{Status: Fail, Err: errors.New("dial " + canary)} },
		"detail": func(context.Context) Result { return Result{Status: Fail, Detail: "dial\n" + canary} },
		"panic":  func(context.Context) Result { panic("dial " + canary) },
	}
	var defs []Definition
	for name, f := range leaks {
		defs = append(defs, definition(name, f))
	}
	failing := SinkFunc(func(context.Context, []Transition) error { return errors.New("post " + canary) })
	panics := SinkFunc(func(context.Context, []Transition) error { panic(atTheEnd(longestText)) })
	opts := Options{Redactor: redactor, Feeds: []Feed{
		{Name: "failing", Sink: failing, Runs: true}, {Name: "panics", Sink: panics},
	}}
	inBubble(t, opts, defs, func(m *Monitor, r *recorder, stop func() error) {
		newHandler(t, m, &HandlerOptions{Private: func(*http.Request) bool { return true }})
		advance(time.Minute)
		hidden := func(text string) {
			t.Helper()
			for _, part := range []string{canary[:8], lines, strings.ReplaceAll(lines, "\n", " ")} {
				require.NotContains(t, text, part)
			}
		}
		s := m.Snapshot()
		require.Contains(t, string(s.pages.private.body), secrets.Placeholder)
		hidden(string(s.pages.private.body))
		hidden(string(s.pages.public.body))
		all := r.take()
		require.NotEmpty(t, all)
		for _, tr := range all {
			hidden(tr.Result.Detail + textOf(tr.Result.Err) + fmt.Sprint(tr.Result.Measurements))
			var p *PanicError
			if errors.As(tr.Result.Err, &p) {
				hidden(p.Text + p.Stack)
			}
		}
		require.Contains(t, m.Feeds()[0].LastError, secrets.Placeholder)
		require.Contains(t, m.Feeds()[1].LastError, "the sink panicked: xxx")
		for _, f := range m.Feeds() {
			hidden(f.LastError)
		}
		hidden(stop().Error())
	})
}

func TestResultsAreBounded(t *testing.T) {
	measurements := make([]Measurement, 40)
	measurements[0].Value = 1
	measurements[1] = Measurement{Name: strings.Repeat("n", 1<<20), Unit: strings.Repeat("u", 1<<20)}
	c := Func(func(context.Context) Result {
		long := make([]byte, 1<<20)
		for i := range long {
			long[i] = 0xe9
		}
		return Result{Status: Warn, Detail: string(long), Err: errors.New(string(long)), Measurements: measurements}
	})
	inBubble(t, Options{}, []Definition{definition("big", c)}, func(m *Monitor, _ *recorder, _ func() error) {
		advance(20 * time.Second)
		measurements[0].Value = 2 // the check goes on using it
		s := stateOf(t, m, "big")
		require.LessOrEqual(t, len(s.Last.Detail), 1<<10)
		require.LessOrEqual(t, len(s.text), 4<<10)
		require.Len(t, s.Last.Measurements, 32)
		require.Len(t, s.Last.Measurements[1].Name, 100)
		require.Len(t, s.Last.Measurements[1].Unit, 32)
		require.Equal(t, 1.0, s.Last.Measurements[0].Value)
	})
}

func TestChecksAndConditionsAreTheSame(t *testing.T) {
	ctx := t.Context()
	ping := func(err error) func(context.Context) error {
		return Condition(ErrorFunc(func(context.Context) error { return err }))
	}
	require.NoError(t, ping(nil)(ctx))
	require.ErrorIs(t, ping(errDown)(ctx), errDown)
	of := func(r Result) error { return Condition(Func(func(context.Context) Result { return r }))(ctx) }
	require.NoError(t, of(Result{Status: Warn, Err: errDown}))
	require.EqualError(t, of(Result{Status: Fail, Detail: "no route"}), "fail: no route")
	require.Error(t, of(Result{Status: Fail}))
	require.ErrorIs(t, of(Result{}), ErrNoStatus)
	require.ErrorIs(t, of(Result{Err: errDown}), errDown)
}

// A check that quotes a part of what somebody said can have it redacted before.
func TestWhatIsCutByACheckIsRedactedBefore(t *testing.T) {
	redactor, err := secrets.NewRedactor(secrets.New(canary))
	require.NoError(t, err)
	c := Func(func(ctx context.Context) Result {
		return Result{Status: Fail, Err: errors.New(Redact(ctx, "it says "+canary)[:len("it says ")+12])}
	})
	require.Contains(t, c.Check(t.Context()).Err.Error(), canary[:12], "outside of a monitor nobody knows secrets")
	for _, masks := range []bool{true, false} {
		opts := Options{}
		if masks {
			opts.Redactor = redactor
		}
		inBubble(t, opts, []Definition{definition("quotes", c)}, func(m *Monitor, _ *recorder, _ func() error) {
			advance(10 * time.Second)
			require.Equal(t, masks, !strings.Contains(stateOf(t, m, "quotes").text, canary[:12]))
		})
	}
}

func TestTransitionsSayWhetherTheCheckIsCritical(t *testing.T) {
	down := &knob{status: Fail}
	critical := definition("critical", down)
	critical.Critical = true
	inBubble(t, Options{}, []Definition{critical, definition("other", down)}, func(_ *Monitor, r *recorder, _ func() error) {
		advance(time.Minute)
		seen := map[string]bool{}
		for _, tr := range r.take() {
			seen[tr.Check] = true
			require.Equal(t, tr.Check == "critical", tr.Critical, "%+v", tr)
		}
		require.Len(t, seen, 2)
	})
}
