package monitor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/masaruk/devops/secrets"
)

const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// feed is the queue before a sink, and the goroutine that empties it. Putting
// never waits for the sink.
type feed struct {
	opts   Feed // resolved
	notify chan struct{}
	done   chan struct{} // closed when run has returned
	redact *secrets.Redactor

	mu        sync.Mutex
	queue     ring[Transition]
	sending   int
	sendSince time.Time // zero while the sink is not called
	counts    FeedStats // Sent, Dropped, Failed and LastError
	closed    bool      // nobody will send what is put
}

func newFeed(f Feed, r *secrets.Redactor) *feed {
	return &feed{opts: f, redact: r, notify: make(chan struct{}, 1), done: make(chan struct{}), queue: ring[Transition]{limit: f.Queue}}
}

// put queues t, and drops the oldest if the queue is full.
func (f *feed) put(t *Transition) {
	f.mu.Lock()
	switch {
	case f.closed:
		f.counts.Dropped++
	case f.queue.push(*t):
		f.counts.Dropped++
	}
	f.mu.Unlock()
	nudge(f.notify)
}

// run sends what is queued until ending is closed and nothing is left, or ctx
// ends.
func (f *feed) run(ctx context.Context, ending <-chan struct{}) {
	returned := false
	defer func() {
		if !returned { // the sink ended the goroutine
			f.settle(errSinkExited, true)
			go f.run(ctx, ending)
			return
		}
		close(f.done)
	}()
	for ctx.Err() == nil {
		batch := f.take()
		if len(batch) > 0 {
			f.deliver(ctx, ending, batch)
			continue
		}
		select {
		case <-f.notify:
			continue
		default:
		}
		select {
		case <-f.notify:
		case <-ending:
			if f.close() {
				returned = true
				return
			}
		}
	}
	returned = true
}

// close makes an empty queue take nothing more.
func (f *feed) close() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = len(f.queue.kept) == 0
	return f.closed
}

func (f *feed) take() []Transition {
	f.mu.Lock()
	defer f.mu.Unlock()
	batch := f.queue.take(largestBatch)
	f.sending = len(batch)
	return batch
}

// deliver sends one batch until the sink takes it or there were enough attempts.
// At the end of the monitor there is one more.
func (f *feed) deliver(ctx context.Context, ending <-chan struct{}, batch []Transition) {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		lastOne := attempt >= f.opts.Attempts || closed(ending)
		err := f.send(ctx, batch)
		f.settle(err, lastOne)
		if err == nil || lastOne {
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ending:
			timer.Stop()
		}
		pause = min(2*pause, lastPause)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// send calls the sink once.
func (f *feed) send(ctx context.Context, batch []Transition) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.opts.Timeout, errSinkTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the sink panicked: %v", p) // settle cuts it once it is redacted
		}
	}()
	f.mu.Lock()
	f.sendSince = time.Now()
	f.mu.Unlock()
	return f.opts.Sink.Send(ctx, append([]Transition(nil), batch...))
}

// settle counts what a call came to. What failed is sent again unless it was the
// last attempt, or was given up meanwhile.
func (f *feed) settle(err error, lastOne bool) {
	text := cut(f.redact.String(textOf(err)), longestText)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sendSince = time.Time{}
	f.counts.LastError = text
	switch {
	case err == nil:
		f.counts.Sent += uint64(f.sending)
	case lastOne:
		f.counts.Dropped += uint64(f.sending)
		fallthrough
	default:
		f.counts.Failed++
	}
	if err == nil || lastOne {
		f.sending = 0
	}
}

// await waits until everything was sent. What was not when the grace is over is
// dropped. The error says how much more was dropped than before the end.
func (f *feed) await(grace context.Context, before uint64) error {
	select {
	case <-f.done:
	case <-grace.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.counts.Dropped += uint64(len(f.queue.kept) + f.sending)
	f.queue.take(len(f.queue.kept))
	f.sending = 0
	if lost := f.counts.Dropped - before; lost > 0 {
		return fmt.Errorf("feed %q lost %d transitions at the end", f.opts.Name, lost)
	}
	return nil
}

func (f *feed) stats() FeedStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.counts
	s.Name, s.Queued, s.Sending = f.opts.Name, len(f.queue.kept), f.sending
	s.Hung = !f.sendSince.IsZero() && time.Since(f.sendSince) > f.opts.Timeout
	return s
}
