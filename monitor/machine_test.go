package monitor

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func testMachine(failAfter, recoverAfter, flapChanges int, window time.Duration) machine {
	return newMachine(Definition{FailAfter: failAfter, RecoverAfter: recoverAfter, FlapChanges: flapChanges, FlapWindow: window})
}

func TestTheStatusChangesOnlyWhenResultsInARowSaySo(t *testing.T) {
	for results, want := range map[string]string{
		"p":         "p", // the first pass counts at once
		"f":         "-",
		"fff":       "--f",
		"ffp":       "--p",
		"pffpffp":   "ppppppp",
		"pfffpp":    "pppffp",
		"pfffpfp":   "pppffff",
		"pwww":      "pppw",
		"pwfw":      "pppw", // all three are at least a warning
		"pwfff":     "pppwf",
		"pfffww":    "pppffw",
		"pfffwp":    "pppffw", // both are at most a warning
		"pfffpwp":   "pppffww",
		"pfffpwpp":  "pppffwwp",
		"wfw":       "--w",
		"pwwwpfpfp": "pppwwwwww",
	} {
		m := testMachine(3, 2, -1, 0)
		var got strings.Builder
		for i, r := range results {
			m.observe(map[rune]Status{'p': Pass, 'w': Warn, 'f': Fail}[r], time.Duration(i))
			got.WriteString(map[Status]string{Unknown: "-", Pass: "p", Warn: "w", Fail: "f"}[m.status])
		}
		require.Equal(t, want, got.String(), "of %s", results)
	}
}

// reference judges by all of the results so far, as the documentation says it,
// with no memory but of the status and of when it changed.
type reference struct {
	failAfter, recoverAfter, flapChanges int
	window                               time.Duration

	results  []Status
	status   Status
	crossed  []time.Duration
	flapping bool
}

// last tells whether the last n results were all as wanted.
func (r *reference) last(n int, wanted func(Status) bool) bool {
	if len(r.results) < n {
		return false
	}
	for _, s := range r.results[len(r.results)-n:] {
		if !wanted(s) {
			return false
		}
	}
	return true
}

func (r *reference) observe(s Status, at time.Duration) {
	r.results = append(r.results, s)
	before := r.status
	for _, to := range []Status{Warn, Fail} {
		if to > r.status && r.last(r.failAfter, func(s Status) bool { return s >= to }) {
			r.status = to
		}
	}
	if r.status == before {
		for _, to := range []Status{Warn, Pass} {
			if to < r.status && r.last(r.recoverAfter, func(s Status) bool { return s <= to }) {
				r.status = to
			}
		}
	}
	if before == Unknown && s == Pass {
		r.status = Pass
	}
	if before != Unknown && before != r.status && (before == Fail || r.status == Fail) {
		r.crossed = append(r.crossed, at)
	}
	recent := 0
	for _, c := range r.crossed {
		if c > at-r.window {
			recent++
		}
	}
	if recent > r.flapChanges {
		r.flapping = true
	}
	if 2*recent <= r.flapChanges {
		r.flapping = false
	}
}

func TestTheMachineAgreesWithItsDescription(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	changes, flaps := 0, 0
	for range 300 {
		r := reference{
			failAfter: 1 + rnd.IntN(4), recoverAfter: 1 + rnd.IntN(4),
			flapChanges: rnd.IntN(6), window: time.Duration(5 + rnd.IntN(60)),
		}
		m := testMachine(r.failAfter, r.recoverAfter, r.flapChanges, r.window)
		at := time.Duration(0)
		keep := rnd.IntN(100) // how often a result repeats the one before, in percent
		s := Pass
		for range 300 {
			if rnd.IntN(100) >= keep {
				s = Pass + Status(rnd.IntN(3))
			}
			at += time.Duration(1 + rnd.IntN(3))
			before, flapped := m.status, m.flapping
			m.observe(s, at)
			r.observe(s, at)
			if r.status != m.status || r.flapping != m.flapping || len(m.changes) > r.flapChanges+1 {
				t.Fatalf("seed %d: want %v, flapping %t; got %v, flapping %t, %d changes kept", seed, r.status, r.flapping, m.status, m.flapping, len(m.changes))
			}
			if before != m.status {
				changes++
			}
			if flapped != m.flapping {
				flaps++
			}
		}
	}
	require.Greater(t, changes, 1000, "the results were too dull")
	require.Greater(t, flaps, 100, "nothing flapped")
}
