package secrets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// flight is one look at the source. Cache.mu guards what has to do with the
// answer.
type flight struct {
	e     *entry
	done  <-chan struct{} // closed when the answer is known, or was to be
	cause func() error    // why done is closed, if there is no answer
	stop  context.CancelCauseFunc

	finished bool
	value    Value
	err      error
	rejected *Value // by whoever asked for this look
}

var (
	errNoAnswer = errors.New("the source gave no answer in time")
	errVanished = errors.New("the source ended the goroutine that asked it")
)

// join returns the look at e that is under way, or begins one.
func (c *Cache) join(ctx context.Context, e *entry) *flight {
	if e.flight != nil {
		return e.flight
	}
	look, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	release := func() {}
	if c.opts.Timeout > 0 {
		late := fmt.Errorf("%w, %v: %w", errNoAnswer, c.opts.Timeout, context.DeadlineExceeded)
		look, release = context.WithTimeoutCause(look, c.opts.Timeout, late)
	}
	f := &flight{
		e: e, done: look.Done(), cause: func() error { return context.Cause(look) }, stop: stop,
		err: errVanished,
	}
	e.flight = f
	c.running.Go(func() {
		defer release()
		defer stop(nil)
		defer c.land(f)
		f.value, f.err = c.from.Lookup(look, e.name)
	})
	return f
}

// land makes the answer of f known.
func (c *Cache) land(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, now := f.e, time.Now()
	f.finished = true
	e.flight = nil
	if c.closed {
		return
	}
	c.take(e, f.value, f.err, now)
	if f.rejected != nil && e.good != nil && e.good.value.Equal(*f.rejected) {
		e.refused = refusal{rejected: *f.rejected, err: unchanged(f.err), until: now.Add(refreshPause)}
	}
	c.forget(e)
}

// wait waits until f has its answer, or was to have it: a source may pay no
// attention to its context. The error is that of a caller who leaves.
func (c *Cache) wait(ctx context.Context, f *flight) error {
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// answer is what the source gave, or that it gave nothing in time.
func (c *Cache) answer(f *flight) (Value, error) {
	switch {
	case c.closed:
		return Value{}, errCacheClosed
	case f.finished && f.err != nil:
		return Value{}, f.err
	case f.finished:
		return f.value, nil
	}
	err := f.cause()
	if now := time.Now(); !now.Before(f.e.due) {
		c.fail(f.e, err, now)
	}
	return Value{}, err
}

// settle is what a caller gets who waited for f.
func (c *Cache) settle(f *flight) (Pair, error) {
	v, err := c.answer(f)
	e, now := f.e, time.Now()
	switch {
	case err == nil && e.good == nil: // dropped since
		return Pair{Current: v}, nil
	case err == nil:
		return c.serve(e, now), nil
	case c.closed || errors.Is(err, fs.ErrNotExist):
		return Pair{}, err
	case c.servable(e, now):
		return c.serve(e, now), nil
	}
	return Pair{}, c.failed(e, err, now)
}
