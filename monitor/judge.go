package monitor

import "time"

// observe takes one result in: of a run that returned in time, or of a tick at
// which the check was stuck. text is that of the error.
func (m *Monitor) observe(e *entry, r Result, text string, took, at time.Duration) {
	now := time.Now()
	e.last, e.lastText, e.lastTime, e.lastTook = r, text, now, took
	e.history.add(Sample{Time: now, Status: r.Status, Duration: took})

	from, wasFlapping := e.machine.status, e.machine.flapping
	e.machine.observe(r.Status, at)
	if to := e.machine.status; to != from {
		e.since = now
		m.emit(e, Transition{Kind: StatusChanged, From: from, To: to, Result: r})
	}
	switch {
	case e.machine.flapping && !wasFlapping:
		m.emit(e, Transition{Kind: FlappingStarted, Result: r})
	case wasFlapping && !e.machine.flapping:
		m.emit(e, Transition{Kind: FlappingEnded, Result: r})
	}
	m.judgeAlert(e, r, at)
	m.touch(e)
}

// withheld is why no alert was opened.
type withheld struct {
	cause Cause
	by    string
}

// judgeAlert opens the alert, resolves it, or withholds it: nothing holds back
// a resolution.
func (m *Monitor) judgeAlert(e *entry, r Result, at time.Duration) {
	problem := e.machine.status == Fail || e.machine.flapping
	if !problem {
		e.withheld = withheld{}
		if e.alert {
			m.resolve(e, "")
		}
		return
	}
	if e.alert {
		return
	}
	why := m.withholds(e, at)
	switch {
	case why == withheld{}:
		e.alert, e.alertFrom = true, time.Now()
		m.emit(e, Transition{Kind: AlertOpened, Result: r})
	case why != e.withheld:
		m.emit(e, Transition{Kind: AlertWithheld, Result: r, Cause: why.cause, By: why.by})
	}
	e.withheld = why
}

// resolve ends the alert, if one is open.
func (m *Monitor) resolve(e *entry, reason string) {
	if e.alert {
		e.alert, e.alertFrom = false, time.Time{}
		m.emit(e, Transition{Kind: AlertResolved, Result: e.last, Reason: reason})
	}
}

// withholds returns what keeps an alert of e from opening now. The zero value
// is nothing.
func (m *Monitor) withholds(e *entry, at time.Duration) withheld {
	if w := m.maintained(e.def.Name, at); w != nil {
		return withheld{ByMaintenance, w.By}
	}
	for _, name := range e.def.DependsOn {
		if p := m.entries[name]; p != nil && p.bad() {
			return withheld{ByDependency, name}
		}
	}
	return withheld{}
}

// bad tells whether what depends on e can be expected to fail: e fails, or is
// about to be known to.
func (e *entry) bad() bool {
	return e.machine.status == Fail || e.stuck || e.last.Status == Fail
}

// judgeAge tells when the last run that returned is too old, or not any more.
func (m *Monitor) judgeAge(e *entry, at time.Duration) {
	stale := at-e.heard > e.def.StaleAfter
	if stale == e.stale {
		return
	}
	e.stale = stale
	kind := StaleEnded
	if stale {
		kind = StaleStarted
	}
	m.emit(e, Transition{Kind: kind, Result: e.last})
	m.touch(e)
}

// touch notes that what is shown of e changed.
func (m *Monitor) touch(e *entry) {
	e.version++
	m.dirty = true
}

// emit completes t, which is about e unless that is nil, and gives it to every
// feed. Where From and To are not set, the status did not change.
func (m *Monitor) emit(e *entry, t Transition) {
	m.seq++
	t.Seq = m.seq
	m.complete(e, &t)
	for _, f := range m.feeds {
		f.put(&t)
	}
	nudge(m.urgent)
}

// emitRun tells the feeds that want it of a run.
func (m *Monitor) emitRun(e *entry, r Result, took time.Duration) {
	var t *Transition
	for _, f := range m.feeds {
		if !f.opts.Runs {
			continue
		}
		if t == nil {
			t = &Transition{Kind: RunFinished, Result: r}
			m.complete(e, t)
			t.Run = Run{Started: t.Time.Add(-took), Late: e.late, Duration: took}
		}
		f.put(t)
	}
}

func (m *Monitor) complete(e *entry, t *Transition) {
	t.Time, t.Environment = time.Now(), m.env
	if e == nil {
		return
	}
	m.touch(e)
	t.Check, t.Critical = e.def.Name, e.def.Critical
	t.Owner, t.Runbook, t.Labels = e.def.Owner, e.def.Runbook, e.def.Labels
	if t.From == Unknown && t.To == Unknown {
		t.From, t.To = e.machine.status, e.machine.status
	}
}
