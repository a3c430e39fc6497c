package secrets

import (
	"fmt"
	"time"
)

// CacheEventKind is what happened to a secret in a [Cache].
type CacheEventKind int

// What happens to a secret.
const (
	CacheLoaded    CacheEventKind = iota + 1 // there was no value and now is one
	CacheChanged                             // the source gave another value
	CacheFailed                              // the source gave none, for a reason other than not found
	CacheRecovered                           // the source gave the same value again after a failure
	CacheMissing                             // the source has no such secret
)

// String returns the kind as one word, such as "changed".
func (k CacheEventKind) String() string {
	words := []string{"loaded", "changed", "failed", "recovered", "missing"}
	if k < CacheLoaded || int(k) > len(words) {
		return fmt.Sprintf("CacheEventKind(%d)", int(k))
	}
	return words[k-1]
}

// CacheEvent tells of an answer of the source that matters to an operator. It
// holds no secret.
type CacheEvent struct {
	Name string
	Kind CacheEventKind
	// Err is why the source gave no value.
	Err error
	// Age is how long ago the source gave the last good value, beside an Err; 0
	// where there is none.
	Age time.Duration
	// StandsIn tells, beside CacheFailed, that callers get the last good value.
	StandsIn bool
	// Lost is how many earlier events were dropped because OnEvent took too
	// long.
	Lost int
}

// maxEvents is how many events wait for OnEvent.
const maxEvents = 256

// eventQueue holds the events that OnEvent has not got. Cache.mu guards it.
type eventQueue struct {
	waiting []CacheEvent
	busy    bool
}

// report adds an event, and begins to call OnEvent if nobody does.
func (c *Cache) report(e CacheEvent) {
	if c.opts.OnEvent == nil {
		return
	}
	q := &c.events
	q.waiting = append(q.waiting, e)
	if len(q.waiting) > maxEvents {
		q.waiting[1].Lost += q.waiting[0].Lost + 1
		q.waiting = q.waiting[1:]
	}
	if !q.busy {
		q.busy = true
		c.running.Go(c.deliver)
	}
}

func (c *Cache) deliver() {
	for {
		c.mu.Lock()
		if len(c.events.waiting) == 0 {
			c.events.busy = false
			c.mu.Unlock()
			return
		}
		e := c.events.waiting[0]
		c.events.waiting = c.events.waiting[1:]
		c.mu.Unlock()
		c.opts.OnEvent(e)
	}
}
