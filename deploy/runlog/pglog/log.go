package pglog

import (
	"context"
	"iter"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/masaruk/devops/deploy"
)

// Log keeps streams in a table. It is safe for concurrent use, also by other
// processes.
type Log struct{ database }

var _ deploy.Pruner = (*Log)(nil)

// New returns the log in the database. It does no I/O; the tables are made by
// [Migrate].
func New(db DB, opts *Options) (*Log, error) {
	d, err := open(db, opts)
	if err != nil {
		return nil, err
	}
	return &Log{d}, nil
}

const (
	insertRecord = `INSERT INTO %s.record (stream, seq, rec)
		SELECT $1::text, $2::bigint, $3::bytea
		WHERE CASE WHEN $2::bigint = 1 THEN NOT EXISTS (SELECT FROM %s.record WHERE stream = $1::text)
			ELSE EXISTS (SELECT FROM %s.record WHERE stream = $1::text AND seq = $2::bigint - 1) END
		ON CONFLICT (stream, seq) DO NOTHING`
	lowestRecord = `SELECT coalesce(min(seq), 0) FROM %s.record WHERE stream = $1::text`
	countRecords = `SELECT coalesce(max(seq), 0) FROM %s.record WHERE stream = $1::text`
	// A page ends with the record that makes it reach the size, and knows the
	// sizes without reading the records.
	readRecords = `SELECT seq, rec FROM (
			SELECT seq, rec, sum(octet_length(rec)::bigint) OVER (ORDER BY seq) - octet_length(rec) AS before
			FROM (SELECT seq, rec FROM %s.record WHERE stream = $1::text AND seq >= $2::bigint ORDER BY seq LIMIT 1000) p
		) q WHERE before < $3::bigint ORDER BY seq`
)

// pageBytes is about how much Read holds at a time.
const pageBytes = deploy.MaxRecord

// Append adds rec as record number seq. See [deploy.Log].
func (l *Log) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	if err := l.append(ctx, stream, seq, rec); err != nil {
		return &Error{Op: "append to", Stream: stream, Seq: seq, Err: err}
	}
	return nil
}

func (l *Log) append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	if err := deploy.CheckStream(stream); err != nil {
		return err
	}
	if err := deploy.CheckRecord(rec); err != nil {
		return err
	}
	return l.transact(ctx, writing, func(ctx context.Context, tx pgx.Tx) error {
		if seq != 0 && seq <= math.MaxInt64 {
			tag, err := tx.Exec(ctx, l.sql(insertRecord), unnamed, stream, int64(seq), rec)
			if err != nil || tag.RowsAffected() == 1 {
				return err
			}
		}
		var count int64
		if err := tx.QueryRow(ctx, l.sql(countRecords), unnamed, stream).Scan(&count); err != nil {
			return err
		}
		return conflict(seq, uint64(count))
	}, l.lock("pg_advisory_xact_lock_shared", stream))
}

// Read yields the records from number from. See [deploy.Log].
func (l *Log) Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		next := max(from, 1)
		fail := func(seq uint64, err error) { yield(nil, &Error{Op: "read", Stream: stream, Seq: seq, Err: err}) }
		if err := deploy.CheckStream(stream); err != nil {
			fail(0, err)
			return
		}
		for next <= math.MaxInt64 {
			rows, err := l.page(ctx, stream, int64(next))
			if err != nil {
				fail(next, err)
				return
			}
			if len(rows) == 0 {
				return
			}
			for i, r := range rows {
				if i == 0 && r.Seq > int64(next) { // pruned, or else the chain tells
					if err := l.begun(ctx, stream, from, next, r.Seq); err != nil {
						fail(next, err)
						return
					}
					next = uint64(r.Seq)
				}
				if r.Seq != int64(next) {
					fail(next, ErrMissing)
					return
				}
				if ctx.Err() != nil {
					fail(next, context.Cause(ctx))
					return
				}
				if !yield(r.Rec, nil) {
					return
				}
				next++
			}
		}
	}
}

// begun tells whether first may be read next: the stream begins there, and no
// record was read before.
func (l *Log) begun(ctx context.Context, stream string, from, next uint64, first int64) error {
	var lowest int64
	err := l.transact(ctx, reading, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, l.sql(lowestRecord), unnamed, stream).Scan(&lowest)
	})
	switch {
	case err != nil:
		return err
	case lowest < first:
		return ErrMissing
	case lowest > first || next != max(from, 1):
		return deploy.ErrPruned
	}
	return nil
}

// row is a record with its number.
type row struct {
	Seq int64
	Rec []byte
}

// page returns the next records, about pageBytes of them; none is the end.
func (l *Log) page(ctx context.Context, stream string, from int64) (rows []row, err error) {
	err = l.transact(ctx, reading, func(ctx context.Context, tx pgx.Tx) error {
		found, err := tx.Query(ctx, l.sql(readRecords), unnamed, stream, from, int64(pageBytes))
		if err != nil {
			return err
		}
		rows, err = pgx.CollectRows(found, pgx.RowToStructByPos[row])
		return err
	})
	return rows, err
}
