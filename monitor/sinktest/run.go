package sinktest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/masaruk/devops/monitor"
)

// Fault is what the destination of a sink does.
type Fault int

const (
	// Works is how a new destination is.
	Works Fault = iota
	// Fails: it answers at once that it does not take anything.
	Fails
	// Hangs: it does not answer at all, until it works again.
	Hangs
)

// Arrival is a transition that arrived at the destination.
type Arrival struct {
	Check string
	Kind  monitor.Kind
	Seq   uint64
}

// Target is a sink and the destination that it sends to, both fresh.
type Target struct {
	Sink monitor.Sink
	// Arrived lists what arrived, in that order, as far as it is about opened and
	// resolved alerts; others may be in it. What came twice is in it twice. Nil
	// for a sink that keeps figures only, of which nobody could tell.
	Arrived func() []Arrival
	// Break makes the destination do as told from now on. Nil for a sink that
	// sends to nobody, so that nothing can fail.
	Break func(Fault)
	// Close ends sink and destination. Nil if there is nothing to end.
	Close func() error
}

// longEnough is how long the kit waits for what happens at once on a machine
// that has nothing else to do.
const longEnough = 30 * time.Second

// Run proves the sinks that newTarget makes, each check in a subtest with a
// target of its own. It reports what a sink does wrong, and goes on with the
// next check.
func Run(t *testing.T, newTarget func() (*Target, error)) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.prove(t.Context(), newTarget); err != nil {
				t.Error(err)
			}
		})
	}
}

// check is one promise of the contract.
type check struct {
	name string
	run  func(ctx context.Context, target *Target) error
}

func checks() []check {
	return []check{
		{"delivers", delivers},
		{"destination fails", destinationFails},
		{"destination hangs", destinationHangs},
		{"ended context", endedContext},
		{"keeps nothing", keepsNothing},
		{"odd transitions", oddTransitions},
		{"monitor, destination fails", func(ctx context.Context, t *Target) error { return watched(ctx, t, Fails) }},
		{"monitor, destination hangs", func(ctx context.Context, t *Target) error { return watched(ctx, t, Hangs) }},
	}
}

// prove runs the check with a new target, and sees that nothing of it is left.
func (c check) prove(ctx context.Context, newTarget func() (*Target, error)) (err error) {
	before := runtime.NumGoroutine()
	target, err := newTarget()
	if err != nil {
		return fmt.Errorf("new target: %w", err)
	}
	if target == nil || target.Sink == nil {
		return errors.New("new target: there is no sink")
	}
	err = c.run(ctx, target)
	if target.Break != nil {
		target.Break(Works)
	}
	if target.Close != nil {
		err = errors.Join(err, target.Close())
	}
	if err != nil {
		return err
	}
	if !within(longEnough/6, func() bool { return runtime.NumGoroutine() <= before }) {
		return fmt.Errorf("%d goroutines are left after the end, %d were there before", runtime.NumGoroutine(), before)
	}
	return nil
}

// within waits until the condition holds, and tells whether it did in time.
func within(limit time.Duration, holds func() bool) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(limit)
	defer end.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-end.C:
			return holds()
		}
	}
	return true
}
