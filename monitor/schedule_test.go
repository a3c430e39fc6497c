package monitor

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

func TestChecksRunAtAFixedRate(t *testing.T) {
	k := passing()
	k.do = func(context.Context) { time.Sleep(3 * time.Second) }
	inBubble(t, Options{}, []Definition{definition("db", k)}, func(m *Monitor, _ *recorder, _ func() error) {
		advance(time.Hour)
		s := stateOf(t, m, "db")
		require.InDelta(t, 360, float64(s.Runs), 2)
		require.Zero(t, s.Missed)
		require.Equal(t, 3*time.Second, s.LastDuration)
		for i := 2; i < len(k.starts); i++ {
			require.Equal(t, 10*time.Second, k.starts[i].Sub(k.starts[i-1]), "run %d drifted by the duration", i)
		}
	})
}

// startsOf runs a monitor of some checks for an hour and returns when they ran.
func startsOf(t *testing.T, names []string, wait time.Duration) map[string][]time.Time {
	starts := map[string][]time.Time{}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(wait)
		knobs := map[string]*knob{}
		var defs []Definition
		for _, n := range names {
			knobs[n] = passing()
			defs = append(defs, definition(n, knobs[n]))
		}
		m, _ := newMonitor(t, Options{StartWithin: -1}, defs...)
		ctx, cancel := context.WithDeadline(t.Context(), time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC))
		defer cancel()
		require.NoError(t, m.Run(ctx))
		for n, k := range knobs {
			starts[n] = k.starts
		}
	})
	return starts
}

func TestARestartChangesNoTimes(t *testing.T) {
	names := []string{"api", "db", "cache", "web"}
	before := startsOf(t, names, 0)
	after := startsOf(t, names[1:], 7*time.Minute+123456789)
	phases := map[time.Duration]bool{}
	for name, starts := range after {
		was := before[name]
		require.NotEmpty(t, starts)
		require.Equal(t, was[len(was)-len(starts):], starts, name)
		phases[time.Duration(starts[0].UnixNano())%(10*time.Second)] = true
	}
	require.Len(t, phases, 3, "they do not run together")
}

func TestMissedTicksAreCountedAndNothingRunsTwiceAtOnce(t *testing.T) {
	k := passing()
	k.do = func(context.Context) { time.Sleep(25 * time.Second) }
	d := definition("slow", k)
	d.Timeout, d.StaleAfter = 26*time.Second, time.Hour
	inBubble(t, Options{}, []Definition{d}, func(m *Monitor, r *recorder, _ func() error) {
		advance(30 * time.Minute)
		s := stateOf(t, m, "slow")
		require.Equal(t, 1, k.most)
		require.InDelta(t, 60, float64(s.Runs), 1)
		require.InDelta(t, 120, float64(s.Missed), 2)
		require.Equal(t, Pass, s.Status, "slow is not bad")
		require.Equal(t, []string{"slow status_changed unknown>pass"}, r.kinds())
	})
}

func TestNewChecksRunSoon(t *testing.T) {
	k := passing()
	d := definition("daily", k)
	d.Interval = 24 * time.Hour
	inBubble(t, Options{RenderEvery: time.Hour}, []Definition{d}, func(m *Monitor, _ *recorder, _ func() error) {
		advance(5 * time.Second)
		require.Equal(t, 1, k.started())
		advance(10 * 24 * time.Hour)
		require.Equal(t, 11, k.started())
		require.Zero(t, stateOf(t, m, "daily").Missed)

		added := passing()
		d.Name, d.Check = "added", added
		require.NoError(t, m.Add(d))
		advance(5 * time.Second)
		require.Equal(t, 1, added.started())
	})
}

func TestAHungCheckIsStuckAndNeverStartedTwice(t *testing.T) {
	var hang gate
	k, other := passing(), passing()
	inBubble(t, Options{}, []Definition{definition("db", k), definition("web", other)}, func(m *Monitor, r *recorder, _ func() error) {
		advance(20 * time.Second)
		r.take()
		k.does(func(context.Context) { hang.wait() })
		before := k.started()
		idle := goroutines()
		advance(time.Hour)
		require.Equal(t, before+1, k.started())
		require.LessOrEqual(t, goroutines(), idle+1)
		require.Equal(t, []string{
			"db stuck_started",
			"db status_changed pass>fail", "db alert_opened", // at the third tick
			"db stale_started",
		}, r.kinds())
		s := stateOf(t, m, "db")
		require.True(t, s.Stuck)
		require.ErrorIs(t, s.Last.Err, ErrStuck)
		require.InDelta(t, 360, float64(s.Missed), 2)
		require.Equal(t, Pass, stateOf(t, m, "web").Status)
		require.InDelta(t, 362, float64(other.started()), 2)

		k.does(nil)
		hang.release()
		synctest.Wait()
		require.Equal(t, []string{"db stale_ended", "db stuck_ended"}, r.kinds())
		require.ErrorIs(t, stateOf(t, m, "db").Last.Err, ErrStuck, "what a late run found counts for nothing")
		advance(20 * time.Second)
		require.Equal(t, []string{"db status_changed fail>pass", "db alert_resolved"}, r.kinds())
		require.Equal(t, before+3, k.started())
	})
}

func TestARunThatTakesTooLongFails(t *testing.T) {
	var cause error
	k := passing()
	k.do = func(ctx context.Context) {
		<-ctx.Done()
		cause = context.Cause(ctx)
		time.Sleep(time.Millisecond)
	}
	inBubble(t, Options{}, []Definition{definition("db", k)}, func(m *Monitor, r *recorder, _ func() error) {
		advance(40 * time.Second)
		s := stateOf(t, m, "db")
		require.Equal(t, Fail, s.Status, "although it says that it passed")
		require.ErrorIs(t, s.Last.Err, ErrTimeout)
		require.ErrorIs(t, cause, ErrTimeout)
		require.Equal(t, []string{"db status_changed unknown>fail", "db alert_opened"}, r.kinds())
		require.Equal(t, 5*time.Second+time.Millisecond, s.LastDuration)
	})
}

func TestAPanicIsAFailureWithItsStack(t *testing.T) {
	k := passing()
	inBubble(t, Options{}, []Definition{definition("db", k), definition("exits", Func(func(context.Context) Result {
		runtime.Goexit()
		return Result{Status: Pass}
	})), definition("silent", Func(func(context.Context) Result { return Result{} }))}, func(m *Monitor, r *recorder, _ func() error) {
		k.does(func(context.Context) { thisPanics() })
		advance(30 * time.Second)
		s := stateOf(t, m, "db")
		require.Equal(t, Fail, s.Status)
		require.Equal(t, uint64(3), s.Panics)
		require.EqualError(t, s.Last.Err, "the check panicked: index of nothing")
		require.ErrorIs(t, stateOf(t, m, "exits").Last.Err, ErrExited)
		require.ErrorIs(t, stateOf(t, m, "silent").Last.Err, ErrNoStatus)
		for _, tr := range r.take() {
			if tr.Check == "db" && tr.Kind == AlertOpened {
				var p *PanicError
				require.ErrorAs(t, tr.Result.Err, &p)
				require.Contains(t, p.Stack, "thisPanics")
				return
			}
		}
		t.Fatal("no alert")
	})
}

func thisPanics() { panic("index of nothing") }

// badError is an error whose methods panic.
type badError struct{ text *string }

func (e *badError) Error() string { return *e.text }

// Unwrap panics where errors.Is looks into the error.
func (e *badError) Unwrap() error { return errors.New(*e.text) }

func TestAnErrorThatPanicsIsOne(t *testing.T) {
	redactor, err := secrets.NewRedactor(secrets.New(canary))
	require.NoError(t, err)
	for _, r := range []*secrets.Redactor{nil, redactor} {
		var bad *badError
		defs := []Definition{
			definition("db", ErrorFunc(func(context.Context) error { return bad })),
			definition("late", ErrorFunc(func(ctx context.Context) error { <-ctx.Done(); return bad })),
			definition("silent", Func(func(context.Context) Result { return Result{Err: bad} })),
		}
		inBubble(t, Options{Redactor: r}, defs, func(m *Monitor, _ *recorder, _ func() error) {
			advance(40 * time.Second)
			require.Equal(t, Fail, stateOf(t, m, "db").Status)
			require.ErrorIs(t, stateOf(t, m, "late").Last.Err, ErrTimeout)
			require.ErrorIs(t, stateOf(t, m, "silent").Last.Err, ErrNoStatus)
			require.NotNil(t, m.Snapshot())
		})
	}
}

func TestHungAndPanickingChecksCostNoGoroutines(t *testing.T) {
	var hang gate
	var defs []Definition
	var mu sync.Mutex
	started := map[int]int{}
	for i := range 1000 {
		c := Func(func(context.Context) Result {
			mu.Lock()
			started[i]++
			mu.Unlock()
			switch i % 100 {
			case 7:
				hang.wait()
			case 8:
				panic("no")
			}
			return Result{Status: Pass}
		})
		defs = append(defs, definition(fmt.Sprintf("c%d", i), c))
	}
	inBubble(t, Options{}, defs, func(m *Monitor, _ *recorder, _ func() error) {
		idle := goroutines()
		require.Less(t, idle, 50, "no goroutine for a check that does not run")
		advance(30 * time.Second)
		require.Equal(t, idle+10, goroutines(), "one for each of the ten that hang")
		advance(4 * time.Minute)
		require.Equal(t, idle+10, goroutines())
		mu.Lock()
		require.Equal(t, 1, started[7])
		require.Greater(t, started[8], 24)
		require.Greater(t, started[9], 24)
		mu.Unlock()
		hang.release()
		advance(time.Second)
		require.Equal(t, idle, goroutines())
	})
}

func TestRunEnds(t *testing.T) {
	t.Run("and cancels what runs, which counts for nothing", func(t *testing.T) {
		k := passing()
		inBubble(t, Options{}, []Definition{definition("db", k)}, func(m *Monitor, r *recorder, stop func() error) {
			advance(20 * time.Second)
			k.does(func(ctx context.Context) { <-ctx.Done() })
			k.set(Fail)
			before := k.started()
			for k.started() == before {
				advance(time.Second)
			}
			runs := stateOf(t, m, "db").Runs
			require.NoError(t, stop())
			require.Equal(t, runs, stateOf(t, m, "db").Runs)
			require.Equal(t, Pass, stateOf(t, m, "db").Last.Status)
			require.False(t, m.Snapshot().Ready)
			require.ErrorIs(t, m.Run(t.Context()), ErrRan)
		})
	})
	t.Run("and names what does not return", func(t *testing.T) {
		var hang gate
		k, gone := passing(), passing()
		k.do = func(context.Context) { hang.wait() }
		gone.do = k.do
		inBubble(t, Options{}, []Definition{definition("db", k), definition("gone", gone)}, func(m *Monitor, r *recorder, stop func() error) {
			advance(15 * time.Second)
			require.NoError(t, m.Remove("gone"))
			at := time.Now()
			err := stop()
			require.ErrorContains(t, err, `check "db" has not returned`)
			require.ErrorContains(t, err, `check "gone", which was removed, has not returned`)
			require.Equal(t, 5*time.Second, time.Since(at), "the grace")
			hang.release()
			synctest.Wait()
		})
	})
}

func TestChecksAreAddedAndRemovedWhileItRuns(t *testing.T) {
	var hang gate
	db, web := passing(), passing()
	inBubble(t, Options{}, []Definition{definition("db", db)}, func(m *Monitor, r *recorder, _ func() error) {
		w := definition("web", web)
		w.DependsOn = []string{"db"}
		require.NoError(t, m.Add(w))
		advance(10 * time.Second)
		require.Equal(t, Pass, stateOf(t, m, "web").Status)
		require.Len(t, m.Snapshot().Checks, 2)

		require.ErrorIs(t, m.Remove("db"), ErrNeeded)
		require.ErrorIs(t, m.Remove("web", "nobody"), ErrUnknownCheck)
		require.Len(t, m.Snapshot().Checks, 2, "all or none")

		web.set(Fail)
		advance(30 * time.Second)
		r.take()
		web.does(func(context.Context) { hang.wait() })
		advance(10 * time.Second)
		require.NoError(t, m.Remove("db", "web"))
		require.Equal(t, []string{"db check_removed", "web alert_resolved", "web check_removed"}, r.kinds())
		count := db.started()
		advance(time.Minute)
		require.Equal(t, count, db.started())
		require.Empty(t, m.Snapshot().Checks)
		_, err := m.State("db")
		require.ErrorIs(t, err, ErrUnknownCheck)
		_, err = m.History("db")
		require.ErrorIs(t, err, ErrUnknownCheck)

		w.DependsOn = nil
		require.ErrorIs(t, m.Add(w), ErrStillRunning, "the old one would run beside it")
		hang.release()
		synctest.Wait()
		require.NoError(t, m.Add(w))
	})
}

func TestARemovedCheckIsCancelled(t *testing.T) {
	k := passing()
	var cause error
	k.do = func(ctx context.Context) { <-ctx.Done(); cause = ctx.Err() }
	inBubble(t, Options{}, []Definition{definition("db", k)}, func(m *Monitor, r *recorder, _ func() error) {
		for k.started() == 0 {
			advance(time.Second)
		}
		require.NoError(t, m.Remove("db"))
		synctest.Wait()
		require.ErrorIs(t, cause, context.Canceled)
		require.NoError(t, m.Add(definition("db", passing())), "the name is free")
	})
}

func TestNewReportsEverythingAtOnce(t *testing.T) {
	_, err := New(envconfig.Environment{}, []Definition{
		{Name: "a b", Check: passing(), Interval: 1, Timeout: -1, FailAfter: -1, RecoverAfter: 1001, FlapChanges: 101, FlapWindow: -1, StaleAfter: -2},
		{Name: "x"},
		{Name: "x", Check: passing(), DependsOn: []string{"gone"}},
		{Name: "p", Check: passing(), DependsOn: []string{"q"}},
		{Name: "q", Check: passing(), DependsOn: []string{"r"}},
		{Name: "r", Check: passing(), DependsOn: []string{"p"}},
	}, &Options{
		MaxMaintenance: -1, RenderEvery: 1, History: 10_001,
		Feeds: []Feed{{Name: "f", Queue: -1, Timeout: -1, Attempts: -1}, {Name: "f", Sink: &recorder{}}, {Sink: &recorder{}}},
	})
	require.ErrorIs(t, err, ErrDefinition)
	require.ErrorIs(t, err, ErrUnknownCheck)
	var e *Error
	require.ErrorAs(t, err, &e)
	for _, part := range []string{
		"environment:", "MaxMaintenance", "RenderEvery", "History is", "two feeds have that Name", "Sink is nil", "Queue is -1", "Attempts",
		`"a b"`, "Name is not", "Interval is 1ns", "Timeout is -1ns", "FailAfter is -1", "RecoverAfter is 1001", "FlapChanges is 101", "FlapWindow", "StaleAfter is -2ns",
		"Check is nil", "there is a check of that name", `names "gone"`, "p -> q -> r -> p",
	} {
		require.ErrorContains(t, err, part)
	}
	require.False(t, strings.Contains(err.Error(), `"f": Name is not`))
}

func TestNewHoldsTheRulesOfTheEnvironment(t *testing.T) {
	_, err := New(envconfig.Production(), nil, nil)
	require.ErrorContains(t, err, "Alerts")
	require.ErrorContains(t, err, "LogMasking")
	var v *envconfig.Violation
	require.True(t, errors.As(err, &v))
	_, err = New(envconfig.Development(), nil, nil)
	require.NoError(t, err)
	redactor, err := secrets.NewRedactor()
	require.NoError(t, err)
	_, err = New(envconfig.Production(), nil, &Options{Redactor: redactor, Feeds: []Feed{{Name: "pager", Sink: &recorder{}}}})
	require.NoError(t, err)
}

func TestADefinitionIsCopied(t *testing.T) {
	d := definition("db", passing())
	d.Labels, d.DependsOn = map[string]string{"team": "a"}, []string{"up"}
	m, _ := newMonitor(t, Options{}, definition("up", passing()), d)
	d.Labels["team"], d.DependsOn[0] = "b", "down"
	require.Equal(t, "a", stateOf(t, m, "db").Labels["team"])
	require.NoError(t, m.Remove("up", "db"))
}
