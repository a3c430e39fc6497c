package promsink

import (
	"strings"

	"github.com/masaruk/devops/monitor"
)

const longestLabel = 100

// series is what tells the measurements of a check apart.
type series struct{ name, unit string }

func seriesOf(m monitor.Measurement) series { return series{label(m.Name), label(m.Unit)} }

// label makes a value that Prometheus takes.
func label(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > longestLabel {
		s = strings.ToValidUTF8(s[:longestLabel], "")
	}
	return s
}

// bounds remembers what was exported, so that new names find no place when there
// are enough. The caller locks.
type bounds struct {
	maxChecks, maxMeasurements int
	checks                     map[string]map[series]bool

	leftChecks, leftMeasurements float64
}

func newBounds(maxChecks, maxMeasurements int) *bounds {
	return &bounds{maxChecks: maxChecks, maxMeasurements: maxMeasurements, checks: map[string]map[series]bool{}}
}

// choose returns the checks to export: those that were before, then others as
// there is room. The places of checks that are gone are free.
func (b *bounds) choose(all []*monitor.State) []*monitor.State {
	there := make(map[string]bool, len(all))
	for _, c := range all {
		there[c.Check] = true
	}
	for name := range b.checks {
		if !there[name] {
			delete(b.checks, name)
		}
	}
	chosen := make([]*monitor.State, 0, min(len(all), b.maxChecks))
	for _, c := range all {
		if b.checks[c.Check] == nil {
			if len(b.checks) >= b.maxChecks {
				b.leftChecks++
				continue
			}
			b.checks[c.Check] = map[series]bool{}
		}
		chosen = append(chosen, c)
	}
	return chosen
}

// measurements returns those of a chosen check to export, of one name and unit
// the first.
func (b *bounds) measurements(c *monitor.State) []monitor.Measurement {
	known := b.checks[c.Check]
	var chosen []monitor.Measurement
	now := make(map[series]bool, len(c.Last.Measurements))
	for _, m := range c.Last.Measurements {
		s := seriesOf(m)
		if now[s] {
			continue
		}
		now[s] = true
		if !known[s] {
			if len(known) >= b.maxMeasurements {
				b.leftMeasurements++
				continue
			}
			known[s] = true
		}
		chosen = append(chosen, m)
	}
	return chosen
}
