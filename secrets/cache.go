package secrets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// firstRetry and lastRetry bound how long a source that failed is left
	// alone while there is a value to give instead.
	firstRetry = time.Second
	lastRetry  = time.Minute
	// refreshPause is how long the answer to [Cache.Refresh] holds for the same
	// rejected value.
	refreshPause = 5 * time.Second
)

// CacheOptions adjusts [NewCache]. The zero value has the defaults below.
type CacheOptions struct {
	// TTL is the longest time for which a value is given without asking the
	// source; 0 means 1 hour, and 1 second is the least. The time of each value
	// is drawn evenly from TTL/2 up to TTL, so that the programs of a fleet
	// which started together do not ask together.
	TTL time.Duration
	// MaxAge is how long ago the source may have given a value that stands in
	// while the source fails; 0 means 24 hours, negative that none stands in.
	MaxAge time.Duration
	// Overlap is how long [Pair.Previous] gives the value before the current
	// one, from when the cache saw the change; 0 means twice the TTL, negative
	// that there is none. Whoever signs may do so with the earlier value for a
	// TTL, and what was signed is under way for some time.
	Overlap time.Duration
	// Timeout ends a look at the source; 0 means 30 seconds, negative that
	// nothing does.
	Timeout time.Duration
	// Size is how many secrets are kept; 0 means 1024. The one that was not
	// asked for the longest time goes first. Those that are watched stay.
	Size int
	// OnEvent gets what happens, if it is not nil: one event at a time, in
	// order, while nothing waits for it but Close. So it must not call that.
	OnEvent func(CacheEvent)
}

// Cache is a source that keeps what another gives. Of the promises of
// [Source] it gives up one: a value may be as old as its options say. It is
// safe for concurrent use.
//
// A caller that finds no fresh value waits for the source, with all others
// that want the same secret: the source is asked once. It is asked on behalf of
// all; that one of them leaves, also the first, changes nothing. The context
// that it gets has the values of the first caller's.
//
// Where the source fails, the last value that it gave stands in up to MaxAge;
// the source is then left alone for 1 second, 2, 4 and so on up to a minute,
// each drawn evenly from its second half. An older value is not given: the
// error says how old it is. Not found is no failure but an answer: it drops
// the value, and is itself never kept. Nor is an error.
//
// A Cache has no goroutines but those that ask the source, one at a time for
// each secret, and one that calls OnEvent while there are events. A source that
// ignores its context keeps its goroutine, not the callers.
type Cache struct {
	from Source
	opts CacheOptions // resolved

	mu      sync.Mutex
	entries map[string]*entry
	ticks   uint64 // what was served so far, for entry.used
	closed  bool
	closing chan struct{}
	events  eventQueue

	running sync.WaitGroup // looks, and the calls of OnEvent
}

var (
	_ Source    = (*Cache)(nil)
	_ io.Closer = (*Cache)(nil)
)

var errCacheClosed = fmt.Errorf("the cache is closed: %w", fs.ErrClosed)

// NewCache is a source of what from gives, kept as opts say. The error names
// the option that is out of range, or says that from is nil.
func NewCache(from Source, opts *CacheOptions) (*Cache, error) {
	if from == nil {
		return nil, fmt.Errorf("secrets: cache: %w", errNilSource)
	}
	var o CacheOptions
	if opts != nil {
		o = *opts
	}
	if o.TTL == 0 {
		o.TTL = time.Hour
	}
	if o.TTL < time.Second {
		return nil, fmt.Errorf("secrets: cache: TTL is %v and must be %v or more; to ask each time, use the source without a cache", o.TTL, time.Second)
	}
	if o.Size < 0 {
		return nil, errors.New("secrets: cache: Size is below 0; to keep nothing, use the source without a cache")
	}
	o.MaxAge = orDefault(o.MaxAge, 24*time.Hour)
	o.Overlap = orDefault(o.Overlap, 2*min(o.TTL, math.MaxInt64/2))
	o.Timeout = orDefault(o.Timeout, 30*time.Second)
	o.Size = orDefault(o.Size, 1024)
	return &Cache{from: from, opts: o, entries: map[string]*entry{}, closing: make(chan struct{})}, nil
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Lookup returns the current value of the secret: one that is fresh, or else
// what the source gives, or a value that stands in.
func (c *Cache) Lookup(ctx context.Context, name string) (Value, error) {
	p, err := c.Pair(ctx, name)
	return p.Current, err
}

// Pair returns the current value of the secret as Lookup does, and the one
// before.
func (c *Cache) Pair(ctx context.Context, name string) (Pair, error) {
	p, err := c.pair(ctx, name)
	if err != nil {
		return Pair{}, c.failure(name, err)
	}
	return p, nil
}

func (c *Cache) failure(name string, err error) error {
	return &SourceError{Source: "cache", Name: name, Err: err}
}

func (c *Cache) pair(ctx context.Context, name string) (Pair, error) {
	if err := askable(ctx, name); err != nil {
		return Pair{}, err
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return Pair{}, errCacheClosed
	}
	e := c.entry(name)
	if now := time.Now(); now.Before(e.due) && c.servable(e, now) {
		defer c.mu.Unlock()
		return c.serve(e, now), nil
	}
	f := c.join(ctx, e)
	c.mu.Unlock()

	if err := c.wait(ctx, f); err != nil {
		return Pair{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settle(f)
}

// askable refuses the questions that need no look.
func askable(ctx context.Context, name string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if name == "" {
		return errNoName
	}
	return nil
}

// Close ends the calls and watches that wait, with an error that wraps
// [fs.ErrClosed], drops all values, and waits until the source and OnEvent have
// returned. Later calls get that error too. OnEvent must not call Close.
func (c *Cache) Close() error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.closing)
		for _, e := range c.entries {
			if e.flight != nil {
				e.flight.stop(errCacheClosed)
			}
		}
		clear(c.entries)
	}
	c.mu.Unlock()
	c.running.Wait()
	return nil
}

// spread draws a time evenly from the second half of d.
func spread(d time.Duration) time.Duration { return d/2 + rand.N(d-d/2) }
