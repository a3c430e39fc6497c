package deploy

import (
	"sync"
	"time"
)

// Event is something that happened in a run. The events of one run reach the
// handler one at a time and in order; the concrete types are the ones of this
// package.
type Event interface{ event() }

// RunStarted is the first event of every call of [Runner.Run] that begins or
// continues a run.
type RunStarted struct {
	Run         RunID
	Service     string
	Environment string
	// Continued is set when the log already held records of the run.
	Continued bool
	// Steps are the names of the plan's steps in the order they run in.
	Steps []string
	Time  time.Time
}

// LogRepaired tells that the log ended in a torn record, which the run goes on
// without: a record whose append never returned, cut by a crash.
type LogRepaired struct {
	Stream string
	// Seq is the number of the torn record.
	Seq uint64
}

// StepStarted tells that the intent of an attempt is in the log and its Action
// is about to run.
type StepStarted struct {
	Run     RunID
	Step    string
	Host    string
	Kind    Kind
	Phase   Phase
	Attempt int
	Time    time.Time
}

// StepOutput is one line that a command of the step or the step itself
// wrote, filtered, without its line feed.
type StepOutput struct {
	Run  RunID
	Step string
	Host string
	Line string
}

// StepFinished tells that the outcome of an attempt is in the log.
type StepFinished struct {
	Run      RunID
	Step     string
	Host     string
	Kind     Kind
	Phase    Phase
	Attempt  int
	Outcome  Outcome
	Duration time.Duration
	// Err is why the attempt did not succeed; nil when it did.
	Err error
	// Tail is the filtered end of the attempt's output.
	Tail []byte
	// Retry is set when another attempt follows.
	Retry bool
	Time  time.Time
}

// RunFinished is the last event of every call of [Runner.Run]. Outcome tells
// whether the run has ended or can be continued.
type RunFinished struct {
	Run      RunID
	Outcome  Outcome
	Duration time.Duration
	Err      error
	Time     time.Time
}

func (RunStarted) event()   {}
func (LogRepaired) event()  {}
func (StepStarted) event()  {}
func (StepOutput) event()   {}
func (StepFinished) event() {}
func (RunFinished) event()  {}

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

func newDispatcher(handle func(Event)) *dispatcher {
	d := &dispatcher{wake: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(d.done)
		for {
			events, closed := d.take()
			for _, e := range events {
				if handle != nil {
					deliver(handle, e)
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
func deliver(handle func(Event), e Event) {
	defer func() { _ = recover() }()
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
