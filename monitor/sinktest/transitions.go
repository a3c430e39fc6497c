package sinktest

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/masaruk/devops/monitor"
)

// alerts are n transitions, in turn of each check; each alert is opened and
// resolved.
func alerts(n int, checks ...string) []monitor.Transition {
	ts := make([]monitor.Transition, n)
	for i := range ts {
		check, round := checks[i%len(checks)], i/len(checks)
		t := alert(check)
		t.Seq = uint64(i + 1)
		if round%2 == 1 {
			t.Kind, t.From, t.To, t.Result = monitor.AlertResolved, monitor.Pass, monitor.Pass, monitor.Result{Status: monitor.Pass}
		}
		ts[i] = t
	}
	return ts
}

func alert(check string) monitor.Transition {
	return monitor.Transition{
		Time: time.Now(), Environment: "test", Check: check,
		Kind: monitor.AlertOpened, From: monitor.Fail, To: monitor.Fail,
		Result: monitor.Result{
			Status: monitor.Fail, Detail: "no connection", Err: errors.New("connection refused"),
			Measurements: []monitor.Measurement{{Name: "connections", Value: 3, Unit: "1"}},
		},
		Critical: true, Owner: "shop", Runbook: "restart it", Labels: map[string]string{"tier": "1"},
	}
}

// deepCopies share nothing with ts that Send could change.
func deepCopies(ts []monitor.Transition) []monitor.Transition {
	out := slices.Clone(ts)
	for i := range out {
		out[i].Labels = maps.Clone(out[i].Labels)
		out[i].Result.Measurements = slices.Clone(out[i].Result.Measurements)
	}
	return out
}

// oddTransition is one that a careless sink does not expect.
type oddTransition struct {
	what       string
	transition monitor.Transition
}

func odd() []oddTransition {
	all := []oddTransition{{"that is empty", monitor.Transition{}}}
	add := func(what string, change func(t *monitor.Transition)) {
		t := alert("odd")
		t.Seq = uint64(len(all))
		change(&t)
		all = append(all, oddTransition{what, t})
	}
	const invalid = "\xff\xfe\x00"
	add("of an unknown kind", func(t *monitor.Transition) { t.Kind = "something_new" })
	add("of all checks", func(t *monitor.Transition) { t.Check, t.Kind = "", monitor.MaintenanceStarted })
	add("that failed without an error", func(t *monitor.Transition) { t.Result.Err = nil })
	add("whose error is a nil pointer", func(t *monitor.Transition) { t.Result.Err = (*monitor.PanicError)(nil) })
	add("whose error panics when it is asked for its text", func(t *monitor.Transition) { t.Result.Err = angry{} })
	add("of a check that panicked", func(t *monitor.Transition) {
		t.Result.Err = &monitor.PanicError{Text: "index out of range", Stack: "goroutine 1 [running]:\nno stack\n\tat all:x"}
	})
	add("whose measurements are no numbers", func(t *monitor.Transition) {
		t.Result.Measurements = []monitor.Measurement{{Name: "a", Value: math.NaN()}, {Name: "b", Value: math.Inf(-1)}, {}}
	})
	add("with two measurements of one name", func(t *monitor.Transition) {
		t.Result.Measurements = []monitor.Measurement{{Name: "a", Value: 1, Unit: "s"}, {Name: "a", Value: 2, Unit: "s"}}
	})
	add("with a long text", func(t *monitor.Transition) {
		t.Result.Err, t.Owner = errors.New(strings.Repeat("x\n", 1<<15)), strings.Repeat("y", 1<<12)
		t.Labels = map[string]string{strings.Repeat("z", 1<<10): strings.Repeat("z", 1<<10), "": ""}
	})
	add("with text that is no UTF-8", func(t *monitor.Transition) {
		t.Check, t.Environment, t.Result.Detail, t.Reason = invalid, invalid, invalid, invalid
		t.Labels = map[string]string{invalid: invalid}
		t.Result.Measurements = []monitor.Measurement{{Name: invalid, Unit: invalid}}
	})
	add("of a finished run", func(t *monitor.Transition) {
		t.Kind, t.Seq, t.Run = monitor.RunFinished, 0, monitor.Run{Started: t.Time, Late: -time.Second, Duration: -time.Second}
	})
	add("with a status that there is none of", func(t *monitor.Transition) { t.From, t.To, t.Result.Status = 77, 78, 79 })
	return all
}

// angry is an error of which one can ask nothing.
type angry struct{}

func (angry) Error() string   { panic("asked for the text of an error") }
func (angry) Is(error) bool   { panic("asked what an error is") }
func (angry) Unwrap() []error { panic("asked what an error wraps") }
