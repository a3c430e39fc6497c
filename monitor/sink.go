package monitor

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Sink is told of transitions: it notifies people, or keeps figures.
//
// One goroutine calls it, one call at a time, with 1 to 64 transitions in the
// order in which they happened. It must not keep the slice, nor change what the
// transitions refer to. An error means that none of them counts as taken: the
// same ones come again, so a sink may see some twice and tells them apart by
// Seq. The context ends after the feed's Timeout and when the monitor gives up
// waiting at its end. A sink that hangs or panics harms only itself.
type Sink interface {
	Send(ctx context.Context, transitions []Transition) error
}

// SinkFunc is a [Sink] made of a function.
type SinkFunc func(ctx context.Context, transitions []Transition) error

// Send calls the function.
func (f SinkFunc) Send(ctx context.Context, transitions []Transition) error {
	return f(ctx, transitions)
}

// Feed is a sink with the queue before it. Name and Sink are required.
type Feed struct {
	// Name tells the feeds of a monitor apart.
	Name string
	Sink Sink
	// Queue is how many transitions wait at most; 0 means 1024. When it is full
	// the oldest is dropped, and counted.
	Queue int
	// Timeout ends the context of one Send; 0 means 10 seconds.
	Timeout time.Duration
	// Attempts is how often the same transitions are sent before they are
	// dropped, and counted; 0 means 5. Between attempts 1 second passes, 2, 4 and
	// so on up to a minute.
	Attempts int
	// Runs asks for each finished run too, as RunFinished.
	Runs bool
}

const largestBatch = 64

func (f Feed) resolved() Feed {
	f.Queue = orDefault(f.Queue, 1024)
	f.Timeout = orDefault(f.Timeout, 10*time.Second)
	f.Attempts = orDefault(f.Attempts, 5)
	return f
}

func (f Feed) validate() error {
	var errs []error
	if !nameRE.MatchString(f.Name) {
		errs = append(errs, errors.New(`Name is not 1 to 100 letters, digits, ".", "_" and "-", the first a letter or digit`))
	}
	if f.Sink == nil {
		errs = append(errs, errors.New("Sink is nil"))
	}
	if f.Queue < 1 || f.Queue > 1<<20 {
		errs = append(errs, fmt.Errorf("Queue is %d and must be 1 to %d", f.Queue, 1<<20))
	}
	if f.Timeout < 0 {
		errs = append(errs, errors.New("Timeout is below 0"))
	}
	if f.Attempts < 0 {
		errs = append(errs, errors.New("Attempts is below 0"))
	}
	return errors.Join(errs...)
}

// FeedStats tells how a feed is doing.
type FeedStats struct {
	Name string
	// Queued wait, Sending are with the sink now.
	Queued, Sending int
	// Sent were taken; Dropped never will be.
	Sent, Dropped uint64
	// Failed counts the calls of Send that returned an error or panicked.
	Failed uint64
	// Hung tells that a call of Send has not returned by its timeout.
	Hung bool
	// LastError is what Send failed with last; empty when it worked since.
	LastError string
}

// Feeds returns how each feed is doing, in the order of Options.Feeds.
func (m *Monitor) Feeds() []FeedStats {
	stats := make([]FeedStats, len(m.feeds))
	for i, f := range m.feeds {
		stats[i] = f.stats()
	}
	return stats
}
