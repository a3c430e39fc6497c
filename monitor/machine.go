package monitor

import "time"

// machine makes one confirmed status of the many that runs return, and tells
// when it changes too often. It knows no clock.
//
// The status rises to a severity when failAfter results in a row were at least
// that severe, and falls to one when recoverAfter in a row were at most that.
// From Unknown the first Pass counts at once.
//
// It is flapping from when more than flapChanges changes into or out of Fail lie
// within flapWindow, until at most half of flapChanges do.
type machine struct {
	failAfter, recoverAfter int
	flapWindow              time.Duration
	flapChanges             int // negative: no damping

	status   Status
	atLeast  [Fail + 1]int // results in a row that were at least that severe
	atMost   [Fail + 1]int
	flapping bool
	changes  []time.Duration // the last flapChanges+1, oldest first
}

func newMachine(d Definition) machine {
	return machine{failAfter: d.FailAfter, recoverAfter: d.RecoverAfter, flapWindow: d.FlapWindow, flapChanges: d.FlapChanges}
}

// observe takes one result in, at a time that never falls.
func (m *machine) observe(s Status, at time.Duration) {
	for t := Pass; t <= Fail; t++ {
		m.atLeast[t] = inARow(m.atLeast[t], s >= t)
		m.atMost[t] = inARow(m.atMost[t], s <= t)
	}
	if next := m.next(s); next != m.status {
		crosses := m.status != Unknown && (next == Fail) != (m.status == Fail)
		m.status = next
		if crosses {
			m.remember(at)
		}
	}
	m.damp(at)
}

func inARow(n int, again bool) int {
	if !again {
		return 0
	}
	return n + 1
}

// next returns the status after a result that is counted already.
func (m *machine) next(s Status) Status {
	if m.status == Unknown && s == Pass {
		return Pass
	}
	for t := Fail; t > m.status && t >= Warn; t-- {
		if m.atLeast[t] >= m.failAfter {
			return t
		}
	}
	for t := Pass; t < m.status; t++ {
		if m.atMost[t] >= m.recoverAfter {
			return t
		}
	}
	return m.status
}

func (m *machine) remember(at time.Duration) {
	if m.flapChanges < 0 {
		return
	}
	if len(m.changes) > m.flapChanges {
		copy(m.changes, m.changes[1:])
		m.changes = m.changes[:m.flapChanges]
	}
	m.changes = append(m.changes, at)
}

// damp starts or ends the flapping.
func (m *machine) damp(at time.Duration) {
	if m.flapChanges < 0 {
		return
	}
	recent := 0
	for _, c := range m.changes {
		if at-c < m.flapWindow {
			recent++
		}
	}
	switch {
	case recent > m.flapChanges:
		m.flapping = true
	case recent <= m.flapChanges/2:
		m.flapping = false
	}
}
