package secrets

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrUnchanged reports that the source still gives the value that was
// rejected: the secret was not rotated, or the vault does not know yet.
var ErrUnchanged = errors.New("the source still gives the value that was rejected")

// Refresh returns a value other than rejected, which is the one that a caller
// got and with which it could not authenticate. If the cache already has
// another it gives that. Else it asks the source, also where the value is
// fresh, with one look that begins after the call. Many callers that come with
// the same rejected value share a look, and those that come within 5 seconds
// after it get its answer.
//
//	err := connect(password)
//	if isAuthentication(err) {
//		if password, err = cache.Refresh(ctx, "db/password", password); err == nil {
//			err = connect(password)
//		}
//	}
//
// No value stands in here. The error wraps [ErrUnchanged] where the source
// still gives the rejected one, and otherwise that of the source. The value
// stays in the cache for others, since who says that it is wrong may be
// mistaken.
func (c *Cache) Refresh(ctx context.Context, name string, rejected Value) (Value, error) {
	v, err := c.refresh(ctx, name, rejected)
	if err != nil {
		return Value{}, c.failure(name, err)
	}
	return v, nil
}

func (c *Cache) refresh(ctx context.Context, name string, rejected Value) (Value, error) {
	if err := askable(ctx, name); err != nil {
		return Value{}, err
	}
	for first := true; ; first = false {
		f, began, v, err := c.another(ctx, name, rejected, first)
		if f == nil {
			return v, err
		}
		if err := c.wait(ctx, f); err != nil {
			return Value{}, err
		}
		c.mu.Lock()
		v, err = c.answer(f)
		closed := c.closed
		c.mu.Unlock()
		switch {
		case err == nil && !v.Equal(rejected):
			return v, nil
		case began && !closed:
			return Value{}, unchanged(err)
		case closed:
			return Value{}, err
		}
		// The look began before the call, perhaps before the secret changed.
	}
}

// another returns a value other than rejected, or why there is none, or else
// the look to wait for and whether it began after the call to Refresh.
func (c *Cache) another(ctx context.Context, name string, rejected Value, first bool) (f *flight, began bool, v Value, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, false, Value{}, errCacheClosed
	}
	e, now := c.entry(name), time.Now()
	switch {
	case now.Before(e.due) && c.servable(e, now) && !e.good.value.Equal(rejected):
		return nil, false, c.serve(e, now).Current, nil
	case now.Before(e.refused.until) && e.refused.rejected.Equal(rejected):
		return nil, false, Value{}, e.refused.err
	}
	began = !first || e.flight == nil
	f = c.join(ctx, e)
	if began {
		f.rejected = &rejected
	}
	return f, began, Value{}, nil
}

// unchanged is the answer of a look that began after a value was rejected and
// did not give another.
func unchanged(err error) error {
	if err == nil {
		return ErrUnchanged
	}
	return fmt.Errorf("looking for another value than the rejected one: %w", err)
}

// Pair is a secret that may just have been rotated: sign with Current, verify
// with either. The next value is not known before it is in use.
type Pair struct {
	Current  Value
	previous Value
	overlaps bool
}

// Previous returns the value before Current, where there was one and its
// Overlap is not over. An empty one does not count: it is the one before that.
// Check the second result: an empty key verifies what anybody signed with an
// empty key.
func (p Pair) Previous() (Value, bool) { return p.previous, p.overlaps }

// Verify tells whether check accepts Current or the previous value. It does not
// ask about an empty secret, so the zero Pair verifies nothing.
//
//	pair, err := cache.Pair(ctx, "webhook/secret")
//	ok := pair.Verify(func(v secrets.Value) bool { return hmac.Equal(sign(v, body), signature) })
func (p Pair) Verify(check func(Value) bool) bool {
	return !p.Current.IsZero() && check(p.Current) || p.overlaps && check(p.previous)
}
