package probe

import (
	"fmt"
	"time"
)

// Outcome is what one measurement says. The zero Outcome says nothing.
type Outcome int

// The outcomes of a measurement.
const (
	// Inconclusive: the measurement was broken off or cannot tell.
	Inconclusive Outcome = iota
	// Pass: it was good.
	Pass
	// Fail: it was bad.
	Fail
	// Error: it could not be made, for a reason on this side.
	Error
)

// String returns the name in lower case.
func (o Outcome) String() string {
	switch o {
	case Inconclusive:
		return "inconclusive"
	case Pass:
		return "pass"
	case Fail:
		return "fail"
	case Error:
		return "error"
	}
	return fmt.Sprintf("Outcome(%d)", int(o))
}

// Result is one measurement.
type Result struct {
	Outcome Outcome
	// Started is when it began, Latency how long it took.
	Started time.Time
	Latency time.Duration
	// Status is the HTTP status, zero if none came.
	Status int
	// Release is the release that answered, by its own word; empty if it
	// said none.
	Release string
	// Reason tells in one short line what was asked and what was wrong;
	// empty for a Pass.
	Reason string
}
