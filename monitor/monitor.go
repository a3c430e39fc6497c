package monitor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/masaruk/devops/envconfig"
)

// Monitor runs checks on time, judges what they return and tells sinks and
// handlers. It is safe for concurrent use. Make one with [New]; its goroutines
// are those of [Monitor.Run].
type Monitor struct {
	env  string
	opts Options   // resolved
	base time.Time // where its monotonic clock starts

	feeds    []*feed
	wake     chan struct{} // has one value when there may be something due sooner
	urgent   chan struct{} // has one value when the snapshot is behind a transition
	snapshot atomic.Pointer[Snapshot]
	beat     atomic.Int64 // 1 ns after the snapshot was last seen to be up to date, by now(); 0 while it is not kept so
	draining atomic.Bool
	private  atomic.Bool // somebody may see the private view
	returned outcomes

	renderMu sync.Mutex // held while rendering, and before mu
	started  bool       // every critical check was good once

	mu       sync.Mutex
	life     life
	entries  map[string]*entry
	sorted   []*entry
	leaving  map[string]int // removed checks whose run has not returned
	queue    timers
	windows  []*window
	inflight int // runs that have not returned, of removed checks too
	seq      uint64
	dirty    bool // something happened since the last rendering
}

// New is a monitor of these checks, to which others can be added, for a program
// that runs in env. It starts nothing. The error wraps every problem at once:
// of the environment, what its rules demand and the options lack (alerts need a
// feed, masking a redactor), of the options, and of each definition.
func New(env envconfig.Environment, checks []Definition, opts *Options) (*Monitor, error) {
	o := opts.resolved()
	m := &Monitor{
		env: env.Name, opts: o, base: time.Now(),
		wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
		entries: map[string]*entry{}, leaving: map[string]int{},
	}
	err := errors.Join(o.validate(env), m.add(checks))
	if err != nil {
		return nil, &Error{Op: "new", Err: err}
	}
	for _, f := range o.Feeds {
		m.feeds = append(m.feeds, newFeed(f, o.Redactor))
	}
	m.render()
	return m, nil
}

// now is the time on the monitor's own clock, which never goes back.
func (m *Monitor) now() time.Duration { return time.Since(m.base) }

// Add adds checks, all or none; they may depend on each other and on those that
// are there. While the monitor runs they start within Options.StartWithin. The
// error wraps every problem: [ErrDefinition], [ErrUnknownCheck] for
// what DependsOn names, [ErrStillRunning].
func (m *Monitor) Add(checks ...Definition) error {
	if err := m.addAndTell(checks); err != nil {
		return err
	}
	nudge(m.wake)
	m.renderIfIdle()
	return nil
}

func (m *Monitor) addAndTell(checks []Definition) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.add(checks); err != nil {
		return &Error{Op: "add", Err: err}
	}
	for _, d := range checks {
		m.emit(m.entries[d.Name], Transition{Kind: CheckAdded})
	}
	return nil
}

// add adds all or none.
func (m *Monitor) add(checks []Definition) error {
	resolved := make([]Definition, len(checks))
	var errs []error
	names := map[string]bool{}
	for i, d := range checks {
		resolved[i] = d.resolved()
		err := resolved[i].validate()
		switch {
		case names[d.Name] || m.entries[d.Name] != nil:
			err = errors.Join(err, errors.New("there is a check of that name"))
		case m.leaving[d.Name] > 0:
			errs = append(errs, fmt.Errorf("check %q: %w", d.Name, ErrStillRunning))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("check %d %q: %w: %w", i, d.Name, ErrDefinition, err))
		}
		names[d.Name] = true
	}
	if err := unmet(resolved, func(name string) bool { return m.entries[name] != nil }); err != nil {
		errs = append(errs, fmt.Errorf("%w: %w", ErrDefinition, err))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	now := m.now()
	for _, d := range resolved {
		m.insert(newEntry(d, m.base, now, m.opts))
	}
	slices.SortFunc(m.sorted, func(a, b *entry) int { return strings.Compare(a.def.Name, b.def.Name) })
	m.dirty = true
	return nil
}

func (m *Monitor) insert(e *entry) {
	m.entries[e.def.Name] = e
	m.sorted = append(m.sorted, e)
	m.queue.push(e)
}

// Remove removes checks, all or none. Their runs are cancelled and what they
// find is dropped; an open alert is resolved. It does not wait for a run to
// return, but the name can be used again only after that. The error wraps
// [ErrUnknownCheck], or [ErrNeeded] where a check that stays depends on one.
func (m *Monitor) Remove(names ...string) error {
	if err := m.removeAndTell(names); err != nil {
		return err
	}
	m.renderIfIdle()
	return nil
}

func (m *Monitor) removeAndTell(names []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.removable(names); err != nil {
		return err
	}
	for _, name := range names {
		e := m.entries[name]
		if e == nil {
			continue // named twice
		}
		if e.running {
			m.leaving[name]++
			e.cancel()
		}
		e.removed = true
		m.queue.remove(e)
		m.resolve(e, "the check was removed")
		m.emit(e, Transition{Kind: CheckRemoved})
		delete(m.entries, name)
	}
	m.sorted = slices.DeleteFunc(m.sorted, func(e *entry) bool { return e.removed })
	m.dirty = true
	return nil
}

func (m *Monitor) removable(names []string) error {
	for _, name := range names {
		if m.entries[name] == nil {
			return &Error{Op: "remove", Check: name, Err: ErrUnknownCheck}
		}
	}
	for _, e := range m.sorted {
		if slices.Contains(names, e.def.Name) {
			continue
		}
		for _, on := range e.def.DependsOn {
			if slices.Contains(names, on) {
				return &Error{Op: "remove", Check: on, Err: fmt.Errorf("%w: %q does", ErrNeeded, e.def.Name)}
			}
		}
	}
	return nil
}

// nudge leaves a value in c, if there is none.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
