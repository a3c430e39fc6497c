package deploy

import (
	"sync"
	"time"
)

// maxWaiting is how many events may wait for a slow handler before lines of
// output are dropped. Other events are few, and never dropped.
const maxWaiting = 4096

// dispatcher hands events to a handler on a goroutine of its own, so that a
// handler that hangs or panics never holds up the run it watches.
type dispatcher struct {
	mu      sync.Mutex
	waiting []Event
	closed  bool
	dropped int
	wake    chan struct{}
	done    chan struct{}
}

// newDispatcher also takes what is told of the first panic of the handler.
func newDispatcher(handle func(Event), panicked func(e Event, value any)) *dispatcher {
	d := &dispatcher{wake: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(d.done)
		for {
			events, closed := d.take()
			for _, e := range events {
				if handle != nil {
					deliver(handle, e, &panicked)
				}
			}
			if len(events) == 0 && closed {
				return
			}
			if len(events) == 0 {
				<-d.wake
			}
		}
	}()
	return d
}

// deliver calls the handler and survives its panic: an observer must not
// decide about the run.
func deliver(handle func(Event), e Event, panicked *func(Event, any)) {
	defer func() {
		if p := recover(); p != nil && *panicked != nil {
			(*panicked)(e, p)
			*panicked = nil
		}
	}()
	handle(e)
}

// take returns what waits.
func (d *dispatcher) take() (events []Event, closed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	events, d.waiting = d.waiting, nil
	return events, d.closed
}

func (d *dispatcher) send(e Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, output := e.(StepOutput); output && len(d.waiting) >= maxWaiting {
		d.dropped++
		return
	}
	d.waiting = append(d.waiting, e)
	d.signal()
}

// signal wakes the goroutine, which may be awake.
func (d *dispatcher) signal() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// lost is how many lines of output were dropped.
func (d *dispatcher) lost() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dropped
}

// close waits for the handler to see what is queued, for at most wait.
func (d *dispatcher) close(wait time.Duration) {
	d.mu.Lock()
	d.closed = true
	d.signal()
	d.mu.Unlock()
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-d.done:
	case <-t.C:
	}
}
