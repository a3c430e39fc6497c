package sentrysink

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"
)

const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// outbox is the queue of what jobs report, and the goroutine that empties it,
// which is there only while there is something. Putting never waits.
type outbox struct {
	limit, attempts int
	timeout         time.Duration
	post            *post
	ending          chan struct{} // closed by close: attempts do not wait any more

	mu      sync.Mutex
	queue   []*sentry.Event // the first is being sent while busy
	busy    bool
	idle    chan struct{}      // closed when the goroutine has ended; nil before the first
	giveUp  context.CancelFunc // ends the attempts of the goroutine; nil before the first
	closed  bool
	dropped int // since it was closed
}

func newOutbox(o Options, p *post) *outbox {
	return &outbox{limit: o.Queue, attempts: o.Attempts, timeout: o.Timeout, post: p, ending: make(chan struct{})}
}

// put queues an event. If the queue is full, the oldest that is not being sent is
// dropped.
func (b *outbox) put(e *sentry.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		b.post.drop(e, reasonOverflow)
		return
	}
	b.queue = append(b.queue, e)
	if len(b.queue) > 1+b.limit { // one is being sent
		b.post.drop(b.queue[1], reasonOverflow)
		b.queue = slices.Delete(b.queue, 1, 2)
	}
	if !b.busy {
		var ctx context.Context
		ctx, b.giveUp = context.WithCancel(context.Background()) // of no caller: jobs do not wait for it
		b.busy, b.idle = true, make(chan struct{})
		go b.run(ctx, b.giveUp, b.idle)
	}
}

// run sends until the queue is empty.
func (b *outbox) run(ctx context.Context, done context.CancelFunc, idle chan struct{}) {
	defer close(idle)
	defer done()
	for e := b.head(); e != nil; e = b.next() {
		if why := b.send(ctx, e); why != "" {
			b.post.drop(e, why)
			b.lose()
		}
	}
}

func (b *outbox) head() *sentry.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queue[0]
}

// next removes the first and returns the one after it; nil ends the goroutine.
func (b *outbox) next() *sentry.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = b.queue[1:]
	if len(b.queue) == 0 {
		b.busy, b.queue = false, nil
		return nil
	}
	return b.queue[0]
}

func (b *outbox) lose() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		b.dropped++
	}
}

// send tries until it worked or there were enough attempts, of which there is one
// more at most after the end has begun. It returns why it gave up.
func (b *outbox) send(ctx context.Context, e *sentry.Event) (why string) {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		lastOne := attempt >= b.attempts || b.isEnding()
		err := b.try(ctx, e)
		if err == nil {
			return ""
		}
		if lastOne || ctx.Err() != nil {
			return reasonOf(err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-b.ending:
			timer.Stop()
		}
		pause = min(2*pause, lastPause)
	}
}

func (b *outbox) try(ctx context.Context, e *sentry.Event) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	return b.post.one(ctx, e)
}

func (b *outbox) isEnding() bool {
	select {
	case <-b.ending:
		return true
	default:
		return false
	}
}

// flush waits until the queue is empty or ctx ends.
func (b *outbox) flush(ctx context.Context) {
	b.mu.Lock()
	idle := b.idle
	b.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// close sends what waits until ctx ends, and returns how much of it was not sent.
func (b *outbox) close(ctx context.Context) (lost int) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return 0
	}
	b.closed = true
	giveUp := b.giveUp
	b.mu.Unlock()
	close(b.ending)
	if giveUp == nil {
		return 0
	}
	b.flush(ctx)
	giveUp()
	// At once, unless Options.Transport ignores its context.
	moment, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	b.flush(moment)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped + len(b.queue)
}

func (b *outbox) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue)
}
