package pglog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/masaruk/devops/deploy"
)

// ErrMissing reports a record that was removed from the middle of a stream.
var ErrMissing = errors.New("record is missing though later ones are there; somebody removed it")

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
	text := "pglog: " + e.Op
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

// explain adds the cause of ctx where that is why something failed, and what to
// do about what PostgreSQL says.
func explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return err
	}
	switch server.Code {
	case "42P01", "3F000": // no such table, no such schema
		return fmt.Errorf("%w; call Migrate first, with the same Options.Schema", err)
	case "42501":
		return fmt.Errorf("%w; grant the role what the manual of package pglog lists", err)
	case "25006":
		return fmt.Errorf("%w; this is a standby: connect to the primary", err)
	case "57014", "25P03": // statement, or idle in the transaction, for too long
		return fmt.Errorf("%w; see who holds the row in pg_stat_activity, or raise Options.Timeout", err)
	}
	return err
}

// conflict is the error of a number that is not the next one.
func conflict(seq, count uint64) error {
	return fmt.Errorf("the stream holds %d records, so the next is number %d, not %d: %w", count, count+1, seq, deploy.ErrConflict)
}
