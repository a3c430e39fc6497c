package sinktest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/masaruk/devops/monitor"
)

// send calls the sink, which must not panic and must return.
func send(ctx context.Context, s monitor.Sink, ts []monitor.Transition) error {
	type outcome struct {
		err      error
		panicked any
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			o.panicked = recover()
			done <- o
		}()
		o.err = s.Send(ctx, ts)
	}()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), longEnough)
	defer cancel()
	select {
	case o := <-done:
		if o.panicked != nil {
			return &brokenError{fmt.Sprintf("Send panicked: %v", o.panicked)}
		}
		return o.err
	case <-limit.Done():
		return &brokenError{fmt.Sprintf("Send has not returned after %v, whatever became of its context", longEnough)}
	}
}

// brokenError is what no sink may do, as opposed to the error of one.
type brokenError struct{ text string }

func (e *brokenError) Error() string { return e.text }

// mustTake sends what the sink has to take.
func mustTake(ctx context.Context, s monitor.Sink, ts []monitor.Transition) error {
	if err := send(ctx, s, slices.Clone(ts)); err != nil {
		return fmt.Errorf("Send of transitions %d to %d: %w", ts[0].Seq, ts[len(ts)-1].Seq, err)
	}
	return nil
}

// refuse expects an error.
func refuse(ctx context.Context, s monitor.Sink, ts []monitor.Transition) error {
	err := send(ctx, s, slices.Clone(ts))
	if _, broken := errors.AsType[*brokenError](err); broken {
		return err
	}
	if err == nil {
		return errors.New("Send returned nil")
	}
	return nil
}

// arrived expects that all of ts has arrived, for each check in order.
func (t *Target) arrived(ts []monitor.Transition) error {
	if t.Arrived == nil {
		return nil
	}
	got := map[string][]uint64{} // each once
	for _, a := range t.Arrived() {
		if !slices.Contains(got[a.Check], a.Seq) {
			got[a.Check] = append(got[a.Check], a.Seq)
		}
	}
	want := map[string][]uint64{}
	for _, tr := range ts {
		want[tr.Check] = append(want[tr.Check], tr.Seq)
	}
	for check, seqs := range want {
		if !slices.Equal(seqs, got[check]) {
			return fmt.Errorf("of check %q the transitions %v were taken, and %v arrived", check, seqs, got[check])
		}
	}
	return nil
}

func delivers(ctx context.Context, t *Target) error {
	ts := alerts(150, "a", "b", "c")
	for begin, size := 0, 1; begin < len(ts); size = size%64 + 21 {
		end := min(begin+size, len(ts))
		if err := mustTake(ctx, t.Sink, ts[begin:end]); err != nil {
			return err
		}
		if err := t.arrived(ts[:end]); err != nil {
			return fmt.Errorf("right after Send returned nil: %w", err)
		}
		begin = end
	}
	return nil
}

func destinationFails(ctx context.Context, t *Target) error {
	if t.Break == nil {
		return nil
	}
	ts := alerts(30, "a", "b")
	if err := mustTake(ctx, t.Sink, ts[:10]); err != nil {
		return err
	}
	for range 2 {
		t.Break(Fails)
		if err := refuse(ctx, t.Sink, ts[10:20]); err != nil {
			return fmt.Errorf("while the destination fails: %w", err)
		}
	}
	t.Break(Works)
	return goesOn(ctx, t, ts)
}

// goesOn sends the second and the last ten of ts, and expects all of them.
func goesOn(ctx context.Context, t *Target, ts []monitor.Transition) error {
	for _, part := range [][]monitor.Transition{ts[10:20], ts[20:]} {
		if err := mustTake(ctx, t.Sink, part); err != nil {
			return fmt.Errorf("once the destination works again: %w", err)
		}
	}
	return t.arrived(ts)
}

func destinationHangs(ctx context.Context, t *Target) error {
	if t.Break == nil {
		return nil
	}
	ts := alerts(30, "a", "b")
	if err := mustTake(ctx, t.Sink, ts[:10]); err != nil {
		return err
	}
	t.Break(Hangs)
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if err := refuse(short, t.Sink, ts[10:20]); err != nil {
		return fmt.Errorf("while the destination hangs: %w", err)
	}
	t.Break(Works)
	return goesOn(ctx, t, ts)
}

func endedContext(ctx context.Context, t *Target) error {
	ts := alerts(30, "a", "b")
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if t.Break != nil {
		t.Break(Hangs)
	}
	err := send(ended, t.Sink, slices.Clone(ts[:10]))
	if _, broken := errors.AsType[*brokenError](err); broken {
		return err
	}
	if t.Break != nil {
		t.Break(Works)
	}
	if err != nil {
		if err := mustTake(ctx, t.Sink, ts[:10]); err != nil {
			return fmt.Errorf("after a call whose context had ended: %w", err)
		}
	}
	return goesOn(ctx, t, ts)
}

func keepsNothing(ctx context.Context, t *Target) error {
	ts := alerts(20, "a", "b")
	for begin := 0; begin < len(ts); begin += 5 {
		batch := slices.Clone(ts[begin : begin+5])
		before := deepCopies(batch)
		if err := send(ctx, t.Sink, batch); err != nil {
			return err
		}
		for i := range batch {
			if !reflect.DeepEqual(before[i], batch[i]) {
				return fmt.Errorf("Send changed transition %d, which other sinks get too", before[i].Seq)
			}
			batch[i] = monitor.Transition{Check: "overwritten", Seq: 1 << 40}
		}
	}
	for _, a := range arrivals(t) {
		if a.Check == "overwritten" {
			return errors.New("Send kept the slice that it was given: what was written into it after the call arrived")
		}
	}
	return t.arrived(ts)
}

func arrivals(t *Target) []Arrival {
	if t.Arrived == nil {
		return nil
	}
	return t.Arrived()
}

func oddTransitions(ctx context.Context, t *Target) error {
	for _, o := range odd() {
		if err := send(ctx, t.Sink, []monitor.Transition{o.transition}); err != nil {
			return fmt.Errorf("a transition %s: %w", o.what, err)
		}
	}
	return nil
}
