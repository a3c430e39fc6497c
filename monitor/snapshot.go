package monitor

import (
	"context"
	"runtime"
	"time"
)

// State is all that is known about one check at one time. It is shared and must
// not be changed.
type State struct {
	Check string
	// Status is the confirmed one, since Since; Unknown until the first.
	Status Status
	Since  time.Time
	// Last is the last run that counted, or tick at which the check was stuck;
	// LastTime is when it ended, zero before the first.
	Last         Result
	LastTime     time.Time
	LastDuration time.Duration
	// Stuck tells that a run since StuckSince has not returned long after its
	// timeout.
	Stuck      bool
	StuckSince time.Time
	// Stale tells that no run has returned by itself for StaleAfter.
	Stale    bool
	Flapping bool
	// Alert tells that an alert is open, since AlertSince. Otherwise Cause and By
	// tell what withheld it, if something did.
	Alert      bool
	AlertSince time.Time
	Cause      Cause
	By         string
	// Runs have returned, Panics of them by a panic; Missed are ticks at which
	// none began.
	Runs, Missed, Panics uint64

	Critical bool
	Owner    string
	Runbook  string
	Labels   map[string]string

	text string // of Last.Err
}

// Health is what a check that is in this state says of what it checks: Fail
// where that is confirmed or nobody knows any more (Stale), Warn for a Warn, a
// stuck check and a flapping one, Unknown before the first status.
func (s *State) Health() Status {
	switch {
	case s.Status == Fail || s.Stale:
		return Fail
	case s.Status == Warn || s.Stuck || s.Flapping:
		return Warn
	}
	return s.Status
}

// Window is a [Maintenance] under way.
type Window struct {
	Maintenance
	Until time.Time
}

// Snapshot is how everything is, check by check. It is shared and must not be
// changed.
type Snapshot struct {
	Time        time.Time
	Environment string
	// Status is Fail if a critical check fails, or is Unknown before the service
	// has started; otherwise Warn if any check is not good; otherwise Pass.
	Status Status
	// Started tells that every critical check has been good together once; it
	// stays. Ready tells that the service has started and no critical check
	// fails, while the monitor runs and is not draining.
	Started, Ready bool
	// Checks are sorted by name.
	Checks      []*State
	Maintenance []Window

	pages pages
}

// Snapshot returns how everything was when it was rendered last: see
// Options.RenderEvery. It costs nothing.
func (m *Monitor) Snapshot() *Snapshot { return m.snapshot.Load() }

// State returns how one check is now. It wraps [ErrUnknownCheck] if there is
// none of that name.
func (m *Monitor) State(check string) (*State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[check]
	if e == nil {
		return nil, &Error{Op: "look at", Check: check, Err: ErrUnknownCheck}
	}
	return e.state(), nil
}

// History returns what is kept of the runs of one check. It wraps
// [ErrUnknownCheck] if there is none of that name.
func (m *Monitor) History(check string) (History, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[check]
	if e == nil {
		return History{}, &Error{Op: "look at", Check: check, Err: ErrUnknownCheck}
	}
	return e.history.export(), nil
}

// Drain makes the program not ready from now on, so that nothing new is sent to
// it, while everything goes on. Call it before listeners close, as long before
// as those that ask for readiness need to notice.
func (m *Monitor) Drain() {
	m.draining.Store(true)
	m.mu.Lock()
	m.dirty = true
	m.mu.Unlock()
	nudge(m.urgent)
}

func (e *entry) state() *State {
	s := &State{
		Check: e.def.Name, Status: e.machine.status, Since: e.since,
		Last: e.last, LastTime: e.lastTime, LastDuration: e.lastTook, text: e.lastText,
		Stuck: e.stuck, Stale: e.stale, Flapping: e.machine.flapping,
		Alert: e.alert, AlertSince: e.alertFrom, Cause: e.withheld.cause, By: e.withheld.by,
		Runs: e.runs, Missed: e.missed, Panics: e.panics,
		Critical: e.def.Critical, Owner: e.def.Owner, Runbook: e.def.Runbook, Labels: e.def.Labels,
	}
	if e.stuck {
		s.StuckSince = e.stuckFrom
	}
	return s
}

// renderLoop renders until ctx ends: at once after a transition, otherwise as
// often as it should, and never for more than a part of the time.
func (m *Monitor) renderLoop(ctx context.Context) {
	every := time.NewTicker(m.opts.RenderEvery)
	defer every.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-m.urgent:
		case <-every.C:
		}
		begun := m.now()
		m.renderIfDirty()
		pause.Reset(max(50*time.Millisecond, 5*(m.now()-begun)))
	}
}

func (m *Monitor) renderIfDirty() {
	m.mu.Lock()
	dirty := m.dirty
	m.mu.Unlock()
	if dirty {
		m.render()
	}
	m.beat.Store(int64(m.now()) + 1)
}

// renderIfIdle renders where no goroutine does.
func (m *Monitor) renderIfIdle() {
	m.mu.Lock()
	idle := m.life != running
	m.mu.Unlock()
	if idle {
		m.render()
	}
}

// render makes a new snapshot. Only what changed is drawn anew, and the lock of
// the monitor is never held for long.
func (m *Monitor) render() {
	m.renderMu.Lock()
	defer m.renderMu.Unlock()
	s, all := &Snapshot{Time: time.Now(), Environment: m.env}, m.private.Load()
	m.mu.Lock()
	m.dirty = false
	entries := append([]*entry(nil), m.sorted...)
	alive := m.life == running
	for _, w := range m.windows {
		s.Maintenance = append(s.Maintenance, Window{w.Maintenance, m.base.Add(w.until)})
	}
	m.mu.Unlock()

	s.Checks = make([]*State, 0, len(entries))
	for rest := entries; len(rest) > 0; {
		n := min(len(rest), 256)
		m.mu.Lock()
		for _, e := range rest[:n] {
			e.drawn.follow(e)
		}
		m.mu.Unlock()
		for _, e := range rest[:n] {
			e.drawn.draw(all)
			s.Checks = append(s.Checks, e.drawn.state)
		}
		rest = rest[n:]
		runtime.Gosched() // runs that are due come first
	}
	m.started = m.started || alive && startedNow(s.Checks)
	s.judge(m.started, alive && !m.draining.Load())
	s.pages = newPages(s, entries, m.opts.Service, all)
	m.snapshot.Store(s)
}

// startedNow tells whether each critical check is good.
func startedNow(checks []*State) bool {
	for _, c := range checks {
		if c.Critical && (c.Health() == Fail || c.Status == Unknown) {
			return false
		}
	}
	return true
}

func (s *Snapshot) judge(started, open bool) {
	s.Status, s.Started, s.Ready = Pass, started, started && open
	for _, c := range s.Checks {
		switch health := c.Health(); {
		case c.blocks(started):
			s.Status, s.Ready = Fail, false
		case health != Pass:
			s.Status = max(s.Status, Warn)
		}
	}
}

// blocks tells whether the check keeps the service from being ready. One that is
// new does not, once the service has started.
func (s *State) blocks(started bool) bool {
	return s.Critical && (s.Health() == Fail || s.Status == Unknown && !started)
}
