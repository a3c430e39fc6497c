package execlog

import (
	"context"
	"errors"
	"fmt"
)

// Error tells what could not be done with which stream.
type Error struct {
	Op     string
	Stream string
	// Seq is the number of the record, counted from 1; 0 where it is not about
	// one.
	Seq uint64
	Err error
}

// Error names the operation, the stream, the number and the cause.
func (e *Error) Error() string {
	text := "execlog: " + e.Op
	if e.Stream != "" {
		text += fmt.Sprintf(" %q", e.Stream)
	}
	if e.Seq != 0 {
		text += fmt.Sprintf(" record %d", e.Seq)
	}
	return fmt.Sprintf("%s: %v", text, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// explain adds the cause of ctx where that is why something failed.
func explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}
