package approval

import (
	"errors"
	"fmt"

	"github.com/masaruk/devops/deploy"
)

// What may be wrong with a request, a vote or a file.
var (
	// ErrRefused: somebody who may vote refused. One is enough.
	ErrRefused = errors.New("refused")
	// ErrExpired: the deadline is reached.
	ErrExpired = errors.New("the deadline of the request is reached")
	// ErrClosed: the request is settled, or another run has taken its place.
	ErrClosed = errors.New("the request is not open any more")
	// ErrSelf: who started or continued the run wants to approve it.
	ErrSelf = errors.New("whoever starts or continues a run does not approve it; ask somebody else")
	// ErrRole: the policy has no seat for this person.
	ErrRole = errors.New("the policy has no seat for this person; somebody with the role or name that it asks for must vote")
	// ErrVoted: the person has said the same before.
	ErrVoted = errors.New("this person has voted already, and counts once")
	// ErrIdentity: a text does not identify a person.
	ErrIdentity = errors.New("not an identity")
	// ErrSignature: a file is signed by no key that counts, or was changed.
	ErrSignature = errors.New("signature is missing, changed or by a key that does not count")
	// ErrFile: a text holds no file of this package, or half of one.
	ErrFile = errors.New("not a whole approval file; copy it from its BEGIN line to its END line")
	// ErrNotConfirmed: what was typed is not what was asked for.
	ErrNotConfirmed = errors.New("not confirmed, nothing was recorded")
	// ErrVersion: a newer version of this library wrote it.
	ErrVersion = errors.New("written by a newer version of this library; use that one")
)

// Error tells what could not be done about which request.
type Error struct {
	Op                   string // open, vote, read, ...
	Service, Environment string
	Run                  deploy.RunID // empty where no run is meant
	Step                 string
	Err                  error
}

// Error names the operation, the run and the step.
func (e *Error) Error() string {
	at := e.Service + "@" + e.Environment
	if e.Run != "" {
		at += fmt.Sprintf(", run %s, step %q", e.Run, e.Step)
	}
	return fmt.Sprintf("approval: %s: %s: %v", e.Op, at, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// wrap adds what the request is about.
func (s Subject) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Service: s.Service, Environment: s.Environment, Run: s.Run, Step: s.Step, Err: err}
}
