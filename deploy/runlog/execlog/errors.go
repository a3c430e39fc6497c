package execlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/masaruk/devops/deploy"
)

// ErrName reports a stream name that [deploy.Log] does not allow.
var ErrName = errors.New(`name is not made of slash-separated elements of a-z, 0-9, ".", "_" and "-"`)

// ErrRecord reports a record that [deploy.Log] does not allow.
var ErrRecord = errors.New("record cannot be stored")

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

var element = regexp.MustCompile(`^[a-z0-9._-]+$`)

func checkName(stream string) error {
	for p := range strings.SplitSeq(stream, "/") {
		if !element.MatchString(p) || p == "." || p == ".." {
			return ErrName
		}
	}
	return nil
}

func checkRecord(rec []byte) error {
	switch {
	case len(rec) == 0:
		return fmt.Errorf("%w: it is empty", ErrRecord)
	case len(rec) > deploy.MaxRecord:
		return fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrRecord, len(rec), deploy.MaxRecord)
	case bytes.ContainsAny(rec, "\n\x00"):
		return fmt.Errorf("%w: it has a line feed or a zero byte, which no compact JSON has", ErrRecord)
	}
	return nil
}
