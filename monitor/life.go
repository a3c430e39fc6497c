package monitor

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

type life int

const (
	fresh life = iota
	running
	ended
)

// Run runs the checks until ctx ends, then cancels those that run, waits up to
// Options.Grace for them and for sinks to take what is queued, and returns. It
// is nil if all of that happened; otherwise the error names the checks that
// have not returned and the feeds that lost something at the end. It can be
// called once; a second call returns an error that wraps [ErrRan].
//
// From the end of ctx on the program is not ready. What is cancelled by the end
// counts for nothing.
func (m *Monitor) Run(ctx context.Context) error {
	if err := m.live(); err != nil {
		return err
	}
	feedsEnd := make(chan struct{})
	deliveries, cancelDeliveries := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelDeliveries()
	for _, f := range m.feeds {
		go f.run(deliveries, feedsEnd)
	}
	var loops sync.WaitGroup
	loops.Go(func() { m.renderLoop(ctx) })
	m.schedule(withRedactor(ctx, m.opts.Redactor))
	m.draining.Store(true)
	loops.Wait()
	m.render() // not ready

	grace, cancelGrace := context.WithTimeout(context.WithoutCancel(ctx), max(0, m.opts.Grace))
	defer cancelGrace()
	err := m.awaitRuns(grace)
	before := m.Feeds()
	close(feedsEnd)
	for i, f := range m.feeds {
		err = errors.Join(err, f.await(grace, before[i].Dropped))
	}
	m.beat.Store(0)
	m.render()
	if err != nil {
		return &Error{Op: "run", Err: err}
	}
	return nil
}

func (m *Monitor) live() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.life != fresh {
		return &Error{Op: "run", Err: ErrRan}
	}
	m.life = running
	m.dirty = true
	nudge(m.urgent)
	now := m.now()
	m.beat.Store(int64(now) + 1)
	for _, e := range m.sorted {
		e.restart(now, m.opts)
		m.queue.fix(e)
	}
	return nil
}

// awaitRuns waits until no run is left. The error names those that are when the
// grace is over.
func (m *Monitor) awaitRuns(grace context.Context) error {
	m.mu.Lock()
	m.life = ended
	m.mu.Unlock()
	for !m.idle() && grace.Err() == nil {
		select {
		case <-m.wake:
		case <-grace.Done():
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for _, e := range m.sorted {
		if e.running {
			errs = append(errs, fmt.Errorf("check %q has not returned", e.def.Name))
		}
	}
	for name := range m.leaving {
		errs = append(errs, fmt.Errorf("check %q, which was removed, has not returned", name))
	}
	return errors.Join(errs...)
}

// idle takes in what returned, and tells whether no run is left.
func (m *Monitor) idle() bool {
	m.finishAll()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.inflight == 0
}
