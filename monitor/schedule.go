package monitor

import (
	"container/heap"
	"context"
	"time"
)

const (
	never = time.Duration(1<<63 - 1)
	// shortestGrace and the tenth of its timeout are how long after the end of
	// its context a run is not stuck yet.
	shortestGrace = time.Second
)

// entry is a check and all that is known about it. The monitor's lock guards
// it, except for def and beat, which never change, and drawn.
type entry struct {
	def     Definition
	beat    cadence
	removed bool

	// The schedule. due, the earlier of tick and stuckAt, is its place in the
	// queue.
	due, tick, stuckAt time.Duration
	index              int

	running bool
	cancel  context.CancelFunc
	begun   time.Duration // of the last run
	late    time.Duration // of the last run

	machine   machine
	history   history
	since     time.Time // of the confirmed status
	last      Result    // the last that counted
	lastText  string    // the text of last.Err
	lastTime  time.Time
	lastTook  time.Duration
	heard     time.Duration // when a run returned by itself, or it could first have
	stuck     bool
	stuckFrom time.Time
	stale     bool
	alert     bool
	alertFrom time.Time
	withheld  withheld

	runs, missed, panics uint64

	version uint64 // grows with each change of what a State shows
	drawn   drawn  // of the renderer alone
}

func newEntry(d Definition, base time.Time, now time.Duration, o Options) *entry {
	e := &entry{def: d, beat: newCadence(d.Name, d.Interval, base), machine: newMachine(d), history: newHistory(o.History), stuckAt: never}
	e.restart(now, o)
	return e
}

// restart sets the first tick as of now.
func (e *entry) restart(now time.Duration, o Options) {
	e.tick = e.beat.first(e.def.Name, now, o.StartWithin)
	e.heard = now
	e.schedule()
}

func (e *entry) schedule() { e.due = min(e.tick, e.stuckAt) }

// atOnce is how much is done under one lock, so that runs which end need not
// wait long for it.
const atOnce = 32

// start is a run that is to begin once the lock is released.
type start struct {
	ctx context.Context
	e   *entry
}

// schedule starts what is due until ctx ends. It is the only goroutine that
// starts runs, and the only one there is for checks that do not run.
func (m *Monitor) schedule(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		m.finishAll()
		wait := m.handleDue(ctx)
		if wait <= 0 {
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-m.wake:
		case <-timer.C:
		}
	}
}

// handleDue does some of what is due and returns how long until something is.
func (m *Monitor) handleDue(ctx context.Context) time.Duration {
	m.mu.Lock()
	now := m.now()
	next := m.expire(now)
	var starts [atOnce]start
	count := 0
	for n := 0; n < atOnce && len(m.queue) > 0 && m.queue[0].due <= now; n++ {
		e := m.queue[0]
		if e.stuckAt <= now {
			m.declareStuck(e, now)
		}
		if e.tick <= now {
			if run := m.handleTick(ctx, e, now); run != nil {
				starts[count] = start{run, e}
				count++
			}
		}
		e.schedule()
		m.queue.fix(e)
	}
	if len(m.queue) > 0 {
		next = min(next, m.queue[0].due)
	}
	m.mu.Unlock()
	for _, s := range starts[:count] {
		go m.execute(s.ctx, s.e)
	}
	return max(0, min(next-now, time.Hour))
}

// handleTick returns the context of a run that is to begin, or counts the tick
// as missed while one has not returned.
func (m *Monitor) handleTick(ctx context.Context, e *entry, now time.Duration) context.Context {
	due := e.tick
	tick, missed := e.beat.next(due, now)
	e.tick = tick
	e.missed += missed
	m.judgeAge(e, now)
	if !e.running {
		return m.begin(ctx, e, due, now)
	}
	e.missed++
	m.touch(e)
	if e.stuck {
		m.observe(e, Result{Status: Fail, Err: ErrStuck}, ErrStuck.Error(), now-e.begun, now)
	}
	return nil
}

func (m *Monitor) begin(ctx context.Context, e *entry, due, now time.Duration) context.Context {
	ctx, e.cancel = context.WithTimeoutCause(ctx, e.def.Timeout, ErrTimeout)
	e.running, e.begun, e.late = true, now, now-due
	e.stuckAt = now + e.def.Timeout + max(shortestGrace, e.def.Timeout/10)
	m.inflight++
	return ctx
}

func (m *Monitor) declareStuck(e *entry, now time.Duration) {
	e.stuckAt = never
	e.stuck, e.stuckFrom = true, time.Now()
	r := Result{Status: Fail, Err: ErrStuck}
	m.emit(e, Transition{Kind: StuckStarted, Result: r})
	m.observe(e, r, ErrStuck.Error(), now-e.begun, now)
}

// timers is the queue of all checks by when something is due; it implements
// heap.Interface.
type timers []*entry

func (q timers) Len() int           { return len(q) }
func (q timers) Less(i, j int) bool { return q[i].due < q[j].due }

// Swap swaps two entries, which know their place.
func (q timers) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push is for package heap.
func (q *timers) Push(x any) {
	e := x.(*entry)
	e.index = len(*q)
	*q = append(*q, e)
}

// Pop is for package heap.
func (q *timers) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}

func (q *timers) push(e *entry)   { heap.Push(q, e) }
func (q *timers) fix(e *entry)    { heap.Fix(q, e.index) }
func (q *timers) remove(e *entry) { heap.Remove(q, e.index) }
