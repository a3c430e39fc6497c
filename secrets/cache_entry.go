package secrets

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// entry is what the cache knows of one secret. Cache.mu guards it.
type entry struct {
	name     string
	good     *good // the last value that the source gave, nil if there is none
	previous Value // the value before that one
	until    time.Time
	due      time.Time // when to ask next; zero before the first answer
	err      error     // of the last look; nil if it gave a value
	failures int       // in a row
	flight   *flight   // that is under way, or nil
	watchers int
	used     uint64        // tick of the last call
	changed  chan struct{} // closed when the answer of a look is there
	refused  refusal
}

// good is a value and when the source was last known to give it.
type good struct {
	value Value
	seen  time.Time
	fresh time.Time // until when
}

// refusal is the answer to a refresh, for those who come later with the same
// rejected value.
type refusal struct {
	rejected Value
	err      error
	until    time.Time
}

// entry returns the entry of that name, a new one if there is none.
func (c *Cache) entry(name string) *entry {
	e := c.entries[name]
	if e == nil {
		e = &entry{name: name, changed: make(chan struct{})}
		c.entries[name] = e
	}
	return e
}

// servable tells whether the cache may give the value of e.
func (c *Cache) servable(e *entry, now time.Time) bool {
	return e.good != nil && now.Before(c.end(e.good))
}

// end is when g is too old to be given: it is neither fresh nor may it stand in.
func (c *Cache) end(g *good) time.Time {
	old := g.seen.Add(c.opts.MaxAge).Add(1) // MaxAge itself is allowed, and may be the largest there is
	if old.After(g.fresh) {
		return old
	}
	return g.fresh
}

// serve gives the value of e, which there is.
func (c *Cache) serve(e *entry, now time.Time) Pair {
	c.ticks++
	e.used = c.ticks
	return e.pair(now)
}

func (e *entry) pair(now time.Time) Pair {
	return Pair{Current: e.good.value, previous: e.previous, overlaps: now.Before(e.until)}
}

// failed is the error for a secret whose last look failed with err and whose
// value, if any, is too old.
func (c *Cache) failed(e *entry, err error, now time.Time) error {
	if e.good == nil || c.opts.MaxAge < 0 {
		return err
	}
	return fmt.Errorf("the last good value is %v old, more than the %v allowed: %w", now.Sub(e.good.seen).Round(time.Second), c.opts.MaxAge, err)
}

// take makes the answer of a look what the cache knows.
func (c *Cache) take(e *entry, v Value, err error, now time.Time) {
	switch {
	case err == nil:
		c.accept(e, v, now)
	case errors.Is(err, fs.ErrNotExist):
		c.report(CacheEvent{Name: e.name, Kind: CacheMissing, Err: err, Age: e.age(now)})
		e.good, e.previous, e.until, e.refused = nil, Value{}, time.Time{}, refusal{}
		e.err, e.failures, e.due = err, 0, now.Add(spread(c.opts.TTL))
	default:
		c.fail(e, err, now)
	}
	close(e.changed)
	e.changed = make(chan struct{})
}

func (c *Cache) accept(e *entry, v Value, now time.Time) {
	switch {
	case e.good == nil:
		c.report(CacheEvent{Name: e.name, Kind: CacheLoaded})
	case !e.good.value.Equal(v):
		c.report(CacheEvent{Name: e.name, Kind: CacheChanged})
		if !e.good.value.IsZero() { // else the one before it stays
			e.previous, e.until = e.good.value, now.Add(c.opts.Overlap)
		}
	case e.failures > 0:
		c.report(CacheEvent{Name: e.name, Kind: CacheRecovered})
	}
	e.due = now.Add(spread(c.opts.TTL))
	e.good = &good{value: v, seen: now, fresh: e.due}
	e.err, e.failures = nil, 0
	c.makeRoom(e)
}

// fail records that a look failed.
func (c *Cache) fail(e *entry, err error, now time.Time) {
	e.err = err
	e.due = now.Add(spread(min(lastRetry, firstRetry<<min(e.failures, 30))))
	e.failures++
	c.report(CacheEvent{Name: e.name, Kind: CacheFailed, Err: err, Age: e.age(now), StandsIn: c.servable(e, now)})
}

func (e *entry) age(now time.Time) time.Duration {
	if e.good == nil {
		return 0
	}
	return now.Sub(e.good.seen)
}

// makeRoom drops the values that were not asked for the longest time, but not
// that of e nor one in use.
func (c *Cache) makeRoom(e *entry) {
	c.ticks++
	e.used = c.ticks
	for len(c.entries) > c.opts.Size {
		var kept int
		var oldest *entry
		for _, other := range c.entries {
			if other.good == nil {
				continue
			}
			kept++
			if other != e && other.flight == nil && other.watchers == 0 && (oldest == nil || other.used < oldest.used) {
				oldest = other
			}
		}
		if kept <= c.opts.Size || oldest == nil {
			return
		}
		delete(c.entries, oldest.name)
	}
}

// forget drops an entry that holds nothing and is in no use.
func (c *Cache) forget(e *entry) {
	if e.good == nil && e.flight == nil && e.watchers == 0 && c.entries[e.name] == e {
		delete(c.entries, e.name)
	}
}
