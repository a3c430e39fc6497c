package monitor

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// mostWindows bounds what a program that never ends its maintenances can cost.
const mostWindows = 1000

// Maintenance is a time during which no alerts are opened, for some checks or
// for all. The checks run all the same, their status changes, and alerts that
// are open are resolved. It always ends.
type Maintenance struct {
	// Checks are those it is about; none means all, also those added later.
	Checks []string
	// For is how long it lasts, up to Options.MaxMaintenance. Required.
	For time.Duration
	// By is who or what maintains, such as "release v2". Required.
	By string
	// Reason may say more.
	Reason string
}

// window is a maintenance under way.
type window struct {
	Maintenance
	until time.Duration
}

// Maintain starts a maintenance now and returns a function that ends it before
// its time, which may be called more than once and at any time. An alert that
// was withheld opens at the first result after the end, if it is still due. The
// error says what is wrong with w; it wraps [ErrUnknownCheck] for a check that
// is not there.
func (m *Monitor) Maintain(w Maintenance) (end func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.maintainable(w); err != nil {
		return nil, &Error{Op: "maintain", Err: err}
	}
	w.Checks = slices.Clone(w.Checks)
	open := &window{w, m.now() + w.For}
	m.windows = append(m.windows, open)
	m.emitWindow(open, MaintenanceStarted)
	nudge(m.wake)
	return func() { m.endWindow(open) }, nil
}

func (m *Monitor) maintainable(w Maintenance) error {
	var errs []error
	if w.By == "" {
		errs = append(errs, errors.New("By is empty; say who or what maintains"))
	}
	if w.For <= 0 || w.For > m.opts.MaxMaintenance {
		errs = append(errs, fmt.Errorf("For is %v and must be above 0 and at most Options.MaxMaintenance, %v", w.For, m.opts.MaxMaintenance))
	}
	if len(m.windows) >= mostWindows {
		errs = append(errs, fmt.Errorf("there are %d maintenances under way; end some", len(m.windows)))
	}
	for _, name := range w.Checks {
		if m.entries[name] == nil {
			errs = append(errs, fmt.Errorf("check %q: %w", name, ErrUnknownCheck))
		}
	}
	return errors.Join(errs...)
}

func (m *Monitor) endWindow(w *window) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := slices.Index(m.windows, w); at >= 0 {
		m.windows = slices.Delete(m.windows, at, at+1)
		m.emitWindow(w, MaintenanceEnded)
	}
}

// expire ends the windows whose time is over, and returns when the next is.
func (m *Monitor) expire(now time.Duration) time.Duration {
	next := never
	m.windows = slices.DeleteFunc(m.windows, func(w *window) bool {
		if w.until <= now {
			m.emitWindow(w, MaintenanceEnded)
			return true
		}
		next = min(next, w.until)
		return false
	})
	return next
}

// maintained returns the window that covers a check, or nil. One whose end the
// scheduler has not come to yet is over all the same.
func (m *Monitor) maintained(name string, at time.Duration) *window {
	for _, w := range m.windows {
		if at < w.until && (len(w.Checks) == 0 || slices.Contains(w.Checks, name)) {
			return w
		}
	}
	return nil
}

func (m *Monitor) emitWindow(w *window, kind Kind) {
	t := Transition{Kind: kind, By: w.By, Reason: w.Reason}
	m.dirty = true
	if len(w.Checks) == 1 {
		t.Check = w.Checks[0]
	}
	m.emit(nil, t)
}
