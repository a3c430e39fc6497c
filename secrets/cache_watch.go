package secrets

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"time"
)

// Watch gives the secret as it is, and again whenever that has changed: a
// value, or a zero Value and why there is none. It shows states and not
// events: who takes long to use one gets next the state as it is then, however
// often it changed meanwhile, and never misses the last one. Two states in a
// row differ: in the value, or in whether the secret is there, is missing (the
// error wraps [fs.ErrNotExist]), or cannot be had.
//
// While anybody watches, the source is asked whenever the value is no longer
// fresh; after a failure as [Cache] says, and for a missing secret as often as
// for one that is there. A value that stands in while the source fails is still
// the state. Also [Cache.Lookup] and [Cache.Refresh] by others bring changes.
//
// The last pair has the error that ended the watch: the cause of ctx, that of a
// closed cache, which wraps [fs.ErrClosed], or that the name is empty. A loop
// that breaks gets none. The watch lasts as long as the loop and runs in its
// goroutine.
func (c *Cache) Watch(ctx context.Context, name string) iter.Seq2[Value, error] {
	return func(yield func(Value, error) bool) {
		if err := c.watch(ctx, name, yield); err != nil {
			yield(Value{}, c.failure(name, err))
		}
	}
}

// watch returns what ended it, or nil if yield did.
func (c *Cache) watch(ctx context.Context, name string, yield func(Value, error) bool) error {
	if err := askable(ctx, name); err != nil {
		return err
	}
	e, err := c.startWatch(name)
	if err != nil {
		return err
	}
	defer c.endWatch(e)
	var shown state
	for {
		if err := c.askIfDue(ctx, e); err != nil {
			return err
		}
		s, next, changed := c.state(e)
		if s.kind != unknown && s.differs(shown) {
			shown = s
			if !yield(s.value, s.failure(c, name)) {
				return nil
			}
		}
		if err := c.sleep(ctx, next, changed); err != nil {
			return err
		}
	}
}

func (c *Cache) startWatch(name string) (*entry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errCacheClosed
	}
	e := c.entry(name)
	e.watchers++
	return e, nil
}

func (c *Cache) endWatch(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.watchers--
	c.forget(e)
}

// askIfDue asks the source when it is time, and waits for the answer. The
// error is what ends the watch.
func (c *Cache) askIfDue(ctx context.Context, e *entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && !time.Now().Before(e.due) {
		f := c.join(ctx, e)
		c.mu.Unlock()
		err := c.wait(ctx, f)
		c.mu.Lock()
		if err != nil {
			return err
		}
		_, _ = c.answer(f) // records a look that is late; else the entry has the answer
	}
	if c.closed {
		return errCacheClosed
	}
	return nil
}

// state is what a watch shows.
type state struct {
	kind  stateKind
	value Value
	err   error
}

type stateKind int

const (
	unknown stateKind = iota // it has just become time to ask
	there
	missing
	failing
)

func (s state) differs(shown state) bool {
	return s.kind != shown.kind || s.kind == there && !s.value.Equal(shown.value)
}

func (s state) failure(c *Cache, name string) error {
	if s.err == nil {
		return nil
	}
	return c.failure(name, s.err)
}

// state returns what e is after an answer, when to look at it next, and what is
// closed if there is a reason to do so sooner.
func (c *Cache) state(e *entry) (state, time.Time, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, next := time.Now(), e.due
	switch {
	case c.servable(e, now):
		// It may be too old before it is time to ask again.
		if end := c.end(e.good); end.Before(next) {
			next = end
		}
		return state{kind: there, value: e.good.value}, next, e.changed
	case errors.Is(e.err, fs.ErrNotExist):
		return state{kind: missing, err: e.err}, next, e.changed
	case e.err == nil:
		return state{}, next, e.changed
	default:
		return state{kind: failing, err: c.failed(e, e.err, now)}, next, e.changed
	}
}

// sleep waits for next or changed. The error is what ends the watch.
func (c *Cache) sleep(ctx context.Context, next time.Time, changed <-chan struct{}) error {
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.closing:
		return errCacheClosed
	case <-timer.C:
	case <-changed:
	}
	return nil
}
