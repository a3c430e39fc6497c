package switchover

import (
	"errors"
	"fmt"
)

var (
	// ErrServing reports that a live switchover already serves on the socket.
	ErrServing = errors.New("a switchover is already serving")
	// ErrNotServing reports that nothing answers on the socket.
	ErrNotServing = errors.New("no switchover is serving")
	// ErrUnhealthy reports a backend that did not pass the health gate.
	// Traffic was left where it was.
	ErrUnhealthy = errors.New("backend is not healthy")
	// ErrBusy reports that another swap or a handover is under way. Nothing
	// was changed; the call may be repeated.
	ErrBusy = errors.New("another swap or a handover is under way")
	// ErrNotLive reports that the live backend is not the one the request
	// expected: somebody else swapped. Nothing was changed.
	ErrNotLive = errors.New("live backend is not the expected one")
	// ErrState reports a state file that cannot be believed. It is left as it
	// is.
	ErrState = errors.New("state file cannot be used")
	// ErrUnknown reports that the switchover went away before it answered: it
	// may or may not have acted. Ask Status.
	ErrUnknown = errors.New("outcome is unknown")
)

// Error tells what could not be done, and with what.
type Error struct {
	// Op is "new", "new client", "run", "take over", "status", "swap",
	// "stop", "await" or "final".
	Op string
	// Subject is the socket, file, address or backend concerned.
	Subject string
	// Live is the backend that has the traffic, where Err wraps [ErrNotLive].
	Live Backend
	// PID is the process that serves, where Err wraps [ErrServing].
	PID int
	Err error
}

// Error names the operation, its subject and the cause.
func (e *Error) Error() string {
	return fmt.Sprintf("switchover: %s %s: %v", e.Op, e.Subject, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// detailed is a sentinel with the words of one occurrence.
type detailed struct {
	state error
	text  string
}

func (d *detailed) Error() string { return d.state.Error() + ": " + d.text }
func (d *detailed) Unwrap() error { return d.state }

func because(state error, format string, args ...any) error {
	return &detailed{state: state, text: fmt.Sprintf(format, args...)}
}
