package sinktest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/monitor"
)

const (
	watchedChecks = 10
	watchedQueue  = 8
	watchedRuns   = 20 // of each check
)

// watched runs a monitor whose checks change all the time while the destination
// is broken.
func watched(ctx context.Context, t *Target, fault Fault) error {
	if t.Break == nil {
		return nil
	}
	t.Break(fault)
	feed := monitor.Feed{Name: "sink", Sink: t.Sink, Queue: watchedQueue, Attempts: 1}
	var all atomic.Uint64 // transitions there were
	control := monitor.SinkFunc(func(_ context.Context, ts []monitor.Transition) error {
		all.Add(uint64(len(ts)))
		return nil
	})
	defs, ran := changing()
	m, err := monitor.New(envconfig.Development(), defs, &monitor.Options{
		Feeds: []monitor.Feed{feed, {Name: "control", Sink: control, Queue: 1 << 16}},
		Grace: 200 * time.Millisecond, StartWithin: -1,
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- m.Run(running) }()
	err = whileBroken(m, fault, ran)
	stop()
	select {
	case runErr := <-ended:
		return errors.Join(err, accounted(m, all.Load(), fault, runErr))
	case <-time.After(longEnough):
		return errors.Join(err, errors.New("the monitor has not ended, for all that its grace is short"))
	}
}

// changing are checks that fail every second time, and how often the slowest of
// them ran.
func changing() (defs []monitor.Definition, ran func() uint64) {
	runs := make([]atomic.Uint64, watchedChecks)
	for i := range runs {
		defs = append(defs, monitor.Definition{
			Name: fmt.Sprint("check-", i), Interval: 10 * time.Millisecond, Timeout: 5 * time.Second,
			FailAfter: 1, RecoverAfter: 1, FlapChanges: -1,
			Check: monitor.Func(func(context.Context) monitor.Result {
				if runs[i].Add(1)%2 == 0 {
					return monitor.Result{Status: monitor.Pass}
				}
				return monitor.Result{Status: monitor.Fail, Err: errors.New("no")}
			}),
		})
	}
	return defs, func() uint64 {
		least := runs[0].Load()
		for i := range runs {
			least = min(least, runs[i].Load())
		}
		return least
	}
}

// whileBroken expects that the checks go on, and that the queue overflows.
func whileBroken(m *monitor.Monitor, fault Fault, ran func() uint64) error {
	if !within(longEnough, func() bool { return ran() >= watchedRuns }) {
		return fmt.Errorf("a check ran %d times in %v, which is due 100 times a second", ran(), longEnough)
	}
	stats := func() monitor.FeedStats { return m.Feeds()[0] }
	if !within(longEnough, func() bool { return stats().Dropped > 0 }) {
		return errors.New("the destination took nothing, and nothing counts as dropped")
	}
	s := stats()
	switch {
	case s.Queued > watchedQueue:
		return fmt.Errorf("%d transitions are queued, and may be %d", s.Queued, watchedQueue)
	case fault == Fails && (s.Failed == 0 || s.LastError == ""):
		return errors.New("no call of Send failed while the destination did")
	case fault == Hangs && !within(longEnough, func() bool { return stats().Sending > 0 }):
		return errors.New("nothing is being sent while the destination hangs")
	}
	return nil
}

// accounted expects that each transition was sent or counts as dropped.
func accounted(m *monitor.Monitor, all uint64, fault Fault, runErr error) error {
	s := m.Feeds()[0]
	switch {
	case s.Sent+s.Dropped != all:
		return fmt.Errorf("of %d transitions %d count as sent and %d as dropped", all, s.Sent, s.Dropped)
	case s.Queued+s.Sending > 0:
		return fmt.Errorf("%d transitions are queued and %d being sent after the end", s.Queued, s.Sending)
	case m.Feeds()[1].Dropped > 0:
		return fmt.Errorf("the machine is too slow to tell: the control lost %d transitions", m.Feeds()[1].Dropped)
	case fault == Hangs && runErr == nil:
		return errors.New("the destination hung, and the monitor ended as if everything had been sent")
	}
	return nil
}
