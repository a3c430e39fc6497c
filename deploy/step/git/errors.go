package git

import (
	"errors"
	"fmt"
)

// ErrForeign reports something in the way that no Checkout has made.
var ErrForeign = errors.New("it is there and was not made by this action; remove it, or choose another Dir")

// ErrUnverified reports a checkout that is not what was asked for.
var ErrUnverified = errors.New("the checkout cannot be trusted")

// ErrUnresolved reports a ref that the repository does not have, or has twice.
var ErrUnresolved = errors.New("the ref does not name one commit")

// Error tells what could not be done with which repository.
type Error struct {
	// Op is "check out", "resolve" or "remove".
	Op string
	// URL is that of the repository, empty where there is none.
	URL string
	// What is the commit, the ref or the folder.
	What string
	Err  error
}

// Error names the operation, the repository and the cause.
func (e *Error) Error() string {
	text := "git: " + e.Op + " " + e.What
	if e.URL != "" {
		text += " of " + e.URL
	}
	return fmt.Sprintf("%s: %v", text, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
