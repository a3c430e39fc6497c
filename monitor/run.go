package monitor

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	longestDetail    = 1 << 10
	longestText      = 4 << 10
	longestStack     = 64 << 10
	mostMeasurements = 32
	longestName      = 100 // of a measurement
	longestUnit      = 32
)

// execute runs the check once. What the check does to its goroutine ends here.
func (m *Monitor) execute(ctx context.Context, e *entry) {
	r, panicked := Result{Status: Fail, Err: ErrExited}, false
	defer func() {
		if p := recover(); p != nil {
			panicked = true
			r = Result{Status: Fail, Err: m.panicError(p)}
		}
		// Read before the lock, which may take time that the check did not.
		at, timedOut := m.now(), errors.Is(context.Cause(ctx), ErrTimeout)
		stopped := ctx.Err() != nil && !timedOut
		r = m.clean(r, timedOut)
		m.returned.put(outcome{e, at, r, cut(textOf(r.Err), longestText), panicked, stopped})
		nudge(m.wake)
	}()
	r = e.def.Check.Check(ctx)
}

// outcome is what a run came to.
type outcome struct {
	e        *entry
	at       time.Duration
	result   Result
	text     string // of the error
	panicked bool
	stopped  bool // the monitor stopped, or the check was removed
}

func (m *Monitor) panicError(p any) error {
	text, stack := fmt.Sprint(p), string(debug.Stack())
	return &PanicError{Text: cut(m.opts.Redactor.String(text), longestText), Stack: cut(m.opts.Redactor.String(stack), longestStack)}
}

// clean makes a result that may be kept and shown.
func (m *Monitor) clean(r Result, timedOut bool) Result {
	switch {
	case r.Status < Pass || r.Status > Fail:
		r.Status, r.Err = Fail, because(ErrNoStatus, r.Err)
	case timedOut:
		r.Status, r.Err = Fail, because(ErrTimeout, r.Err)
	}
	if r.Err != nil {
		r.Err = m.opts.Redactor.Error(r.Err)
	}
	if r.Detail != "" {
		// Redacted as it is: a secret of several lines is none on one.
		lines := strings.FieldsFunc(m.opts.Redactor.String(r.Detail), func(c rune) bool { return c == '\n' || c == '\r' })
		r.Detail = cut(strings.Join(lines, " "), longestDetail)
	}
	if len(r.Measurements) > mostMeasurements {
		r.Measurements = r.Measurements[:mostMeasurements]
	}
	r.Measurements = slices.Clone(r.Measurements) // the check may go on using its own
	for i := range r.Measurements {
		one := &r.Measurements[i]
		one.Name = cut(m.opts.Redactor.String(one.Name), longestName)
		one.Unit = cut(m.opts.Redactor.String(one.Unit), longestUnit)
	}
	return r
}

// because is why a run failed, and what its check said, if it said anything.
func because(why, said error) error {
	switch {
	case said == nil:
		return why
	case wraps(said, why):
		return said
	}
	return fmt.Errorf("%w: %w", why, said)
}

// wraps is errors.Is, also if the methods of err panic.
func wraps(err, target error) (is bool) {
	defer func() {
		if recover() != nil {
			is = false
		}
	}()
	return errors.Is(err, target)
}

// cut returns at most limit bytes of s, of valid UTF-8.
func cut(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit-len("...")]
		return strings.ToValidUTF8(s, "") + "..."
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// outcomes are those of runs that have returned and that the scheduler has not
// taken in yet. They have a lock of their own, held for a moment only: however
// many runs return at once, they do not stand in the scheduler's way.
type outcomes struct {
	mu    sync.Mutex
	all   []outcome
	spare []outcome // what was taken last, to be filled again
}

func (o *outcomes) put(one outcome) {
	o.mu.Lock()
	o.all = append(o.all, one)
	o.mu.Unlock()
}

// take returns all, until it is called again.
func (o *outcomes) take() []outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.spare)
	o.all, o.spare = o.spare[:0], o.all
	return o.spare
}

// finishAll takes in what returned. One goroutine at a time calls it.
func (m *Monitor) finishAll() {
	for some := range slices.Chunk(m.returned.take(), atOnce) {
		m.mu.Lock()
		for _, o := range some {
			m.finish(o)
		}
		m.mu.Unlock()
	}
}

// finish takes in what a run came to.
func (m *Monitor) finish(o outcome) {
	e := o.e
	e.cancel()
	e.running = false
	m.inflight--
	if e.removed {
		m.leave(e.def.Name)
		return
	}
	e.stuckAt = never
	e.schedule()
	m.queue.fix(e)
	if o.stopped || m.life == ended {
		return
	}
	e.runs++
	if o.panicked {
		e.panics++
	}
	m.hear(e, o.at)
	if e.stuck {
		e.stuck = false
		m.emit(e, Transition{Kind: StuckEnded, Result: o.result})
		return
	}
	took := o.at - e.begun
	m.emitRun(e, o.result, took)
	m.observe(e, o.result, o.text, took, o.at)
}

// leave makes the name of a removed check free for another.
func (m *Monitor) leave(name string) {
	if m.leaving[name]--; m.leaving[name] <= 0 {
		delete(m.leaving, name)
	}
}

// hear notes that a run returned by itself.
func (m *Monitor) hear(e *entry, at time.Duration) {
	e.heard = at
	m.judgeAge(e, at)
}
