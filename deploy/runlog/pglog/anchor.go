package pglog

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/masaruk/devops/deploy"
)

// Anchor keeps the newest head of each stream in a table. It is safe for
// concurrent use. Give it another database, or another role, than the log.
type Anchor struct{ database }

var _ deploy.Anchor = (*Anchor)(nil)

// NewAnchor returns the anchor in the database. It does no I/O; the tables are
// made by [Migrate].
func NewAnchor(db DB, opts *Options) (*Anchor, error) {
	d, err := open(db, opts)
	if err != nil {
		return nil, err
	}
	return &Anchor{d}, nil
}

// Last returns the head that was kept last, "" when none was.
func (a *Anchor) Last(ctx context.Context, stream string) (head string, err error) {
	if err = deploy.CheckStream(stream); err == nil {
		err = a.transact(ctx, reading, func(ctx context.Context, tx pgx.Tx) error {
			err := tx.QueryRow(ctx, a.sql(`SELECT head FROM %s.head WHERE stream = $1::text`), unnamed, stream).Scan(&head)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			return err
		})
	}
	if err != nil {
		return "", &Error{Op: "read the head of", Stream: stream, Err: err}
	}
	return head, nil
}

// Keep makes head the last one, durably.
func (a *Anchor) Keep(ctx context.Context, stream, head string) error {
	const upsert = `INSERT INTO %s.head (stream, head) VALUES ($1::text, $2::text)
		ON CONFLICT (stream) DO UPDATE SET head = excluded.head, kept_at = now()`
	err := deploy.CheckStream(stream)
	if err == nil {
		err = a.transact(ctx, writing, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, a.sql(upsert), unnamed, stream, head)
			return err
		})
	}
	if err != nil {
		return &Error{Op: "keep the head of", Stream: stream, Err: err}
	}
	return nil
}
