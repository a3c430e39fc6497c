package monitor

import (
	"errors"
	"fmt"
)

// ErrTimeout is what a run failed with that took longer than the check's
// Timeout, whatever it returned. It is also the cause of its context.
var ErrTimeout = errors.New("the check took longer than its timeout")

// ErrStuck is what the ticks of a check fail with while a run does not return
// long after its timeout.
var ErrStuck = errors.New("the check is stuck: it ignores the end of its context and has not returned; it is not started again until it does")

// ErrNoStatus is what a run failed with that returned a [Result] without a
// status.
var ErrNoStatus = errors.New("the check returned no status; return Pass, Warn or Fail")

// ErrExited is what a run failed with whose check ended the goroutine with
// runtime.Goexit, as the FailNow of a test does.
var ErrExited = errors.New("the check ended its goroutine instead of returning")

// ErrDefinition reports definitions that cannot be added, or not as they are.
var ErrDefinition = errors.New("definition is not valid")

// ErrUnknownCheck reports the name of a check that the monitor does not have.
var ErrUnknownCheck = errors.New("no check of that name")

// ErrStillRunning reports a name that cannot be used again yet: the removed
// check of that name has not returned. Add it later, or under another name.
var ErrStillRunning = errors.New("the removed check of that name has not returned yet; add it later or under another name")

// ErrNeeded reports a check that cannot be removed, because others depend on it.
var ErrNeeded = errors.New("other checks depend on it; remove them first or together with it")

// ErrRan reports a second call of [Monitor.Run].
var ErrRan = errors.New("the monitor runs or has run; make a new one")

var (
	errSinkTimeout = errors.New("the sink took longer than the timeout of its feed")
	errSinkExited  = errors.New("the sink ended its goroutine instead of returning")
)

// Error tells what could not be done, and with which check.
type Error struct {
	// Op is what was tried: "new", "add", "remove", "maintain", "run", "look at"
	// or "new handler".
	Op string
	// Check is the name; empty where it is not about one.
	Check string
	Err   error
}

// Error names the operation, the check and the cause.
func (e *Error) Error() string {
	if e.Check == "" {
		return fmt.Sprintf("monitor: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("monitor: %s %q: %v", e.Op, e.Check, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// PanicError is what a run failed with whose check panicked.
type PanicError struct {
	// Text is the value of the panic as fmt prints it.
	Text string
	// Stack is that of the goroutine at the panic. Views do not show it.
	Stack string
}

// Error has the value, without the stack.
func (e *PanicError) Error() string { return "the check panicked: " + e.Text }

// textOf returns the text of err, also if its methods panic.
func textOf(err error) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprintf("%T, whose Error method panics", err)
		}
	}()
	if err == nil {
		return ""
	}
	return err.Error()
}
