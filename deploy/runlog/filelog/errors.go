package filelog

import (
	"errors"
	"fmt"
	"io/fs"
)

// Error tells what could not be done with which file.
type Error struct {
	Op string
	// Path is the file of the stream.
	Path string
	// Line is the number of the record, counted from 1; 0 where it is not
	// about one.
	Line uint64
	Err  error
}

// Error names the operation, the file, the line and the cause.
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("filelog: %s %s: %v", e.Op, e.Path, e.Err)
	}
	return fmt.Sprintf("filelog: %s %s line %d: %v", e.Op, e.Path, e.Line, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// explain adds what to do about errors of the operating system.
func explain(err error) error {
	switch {
	case isFull(err):
		return fmt.Errorf("%w; no record was lost: make room and run again", err)
	case isReadOnly(err), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; no record was lost: let this user write there, or choose another directory, and run again", err)
	case errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("%w; this system cannot keep a durable log in files: use another Log", err)
	}
	return err
}
