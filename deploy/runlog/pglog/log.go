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

var _ deploy.Log = (*Log)(nil)

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
		WHERE $2::bigint = 1 OR EXISTS (SELECT FROM %s.record WHERE stream = $1::text AND seq = $2::bigint - 1)
		ON CONFLICT (stream, seq) DO NOTHING`
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
	})
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
			for _, r := range rows {
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
