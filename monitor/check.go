package monitor

import (
	"context"
	"errors"
	"fmt"
)

// Check finds out how one thing is.
//
// A [Monitor] calls it from a goroutine of its own, never again before the last
// call returned, with a context that ends after the check's Timeout and when
// the monitor stops. It has to return soon after that: one that does not is
// reported as stuck and keeps its goroutine. It may panic, which is a failure.
// What it quotes of others in part only goes through [Redact] first.
type Check interface {
	Check(ctx context.Context) Result
}

// Func is a [Check] made of a function that returns a whole [Result].
type Func func(ctx context.Context) Result

// Check calls the function.
func (f Func) Check(ctx context.Context) Result { return f(ctx) }

// ErrorFunc is a [Check] made of a function that returns an error, such as
// (*sql.DB).PingContext: nil is Pass, all else Fail.
type ErrorFunc func(ctx context.Context) error

// Check calls the function.
func (f ErrorFunc) Check(ctx context.Context) Result {
	if err := f(ctx); err != nil {
		return Result{Status: Fail, Err: err}
	}
	return Result{Status: Pass}
}

// Condition is the way back: c as a function that returns nil for Pass and Warn
// and an error otherwise, which wraps the one of the result. Other packages take
// such functions as conditions of health. It runs c in the goroutine of the
// caller and isolates nothing.
func Condition(c Check) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		r := c.Check(ctx)
		switch {
		case r.Status == Pass || r.Status == Warn:
			return nil
		case r.Err != nil:
			return r.Err
		case r.Detail != "":
			return fmt.Errorf("%v: %s", r.Status, r.Detail)
		case r.Status == Fail:
			return errors.New("the check failed and does not say why")
		}
		return ErrNoStatus
	}
}

// Status is how something is, from good to bad.
type Status uint8

// The zero Status is Unknown: of a check that no run has told anything about
// yet. A run may not return it.
const (
	Unknown Status = iota
	Pass
	Warn // it works, and somebody should look at it
	Fail
)

// String returns the word that health+json has for it, or "unknown".
func (s Status) String() string {
	switch s {
	case Pass:
		return "pass"
	case Warn:
		return "warn"
	case Fail:
		return "fail"
	}
	return "unknown"
}

// MarshalText returns the word of String.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Result is what one run of a check found. What is longer than said here is
// cut.
type Result struct {
	// Status is Pass, Warn or Fail. Any other counts as Fail, with
	// [ErrNoStatus].
	Status Status
	// Detail is for everybody, also strangers: one line of at most 1 KiB.
	Detail string
	// Measurements are at most 32.
	Measurements []Measurement
	// Err is why, for those who run the system: sinks and the private view get
	// it, the public one never does.
	Err error
}

// Measurement is a value that a run observed. One that is not finite is shown
// as null.
type Measurement struct {
	Name  string // such as "connections"; one word of at most 100 bytes, the same in each run
	Value float64
	Unit  string // of UCUM where there is one: "s", "ms", "By", "%", "1"; at most 32 bytes
}
