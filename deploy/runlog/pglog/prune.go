package pglog

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/masaruk/devops/deploy"
)

const (
	recordThere   = `SELECT EXISTS (SELECT FROM %s.record WHERE stream = $1::text AND seq = $2::bigint)`
	deleteRecords = `DELETE FROM %s.record WHERE stream = $1::text AND seq < $2::bigint`
)

// Prune removes the records before number before. See [deploy.Pruner]. It
// needs the right to DELETE from the table record, which nothing else does.
func (l *Log) Prune(ctx context.Context, stream string, before uint64) error {
	if err := l.prune(ctx, stream, before); err != nil {
		return &Error{Op: "prune", Stream: stream, Seq: before, Err: err}
	}
	return nil
}

func (l *Log) prune(ctx context.Context, stream string, before uint64) error {
	if err := deploy.CheckStream(stream); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if before <= 1 {
		return nil
	}
	if before > math.MaxInt64 {
		return errors.New("no stream is that long")
	}
	return l.transact(ctx, writing, func(ctx context.Context, tx pgx.Tx) error {
		var there bool
		if err := tx.QueryRow(ctx, l.sql(recordThere), unnamed, stream, int64(before)).Scan(&there); err != nil {
			return err
		}
		if there {
			_, err := tx.Exec(ctx, l.sql(deleteRecords), unnamed, stream, int64(before))
			return err
		}
		var end, first int64
		if err := tx.QueryRow(ctx, l.sql(countRecords), unnamed, stream).Scan(&end); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, l.sql(lowestRecord), unnamed, stream).Scan(&first); err != nil {
			return err
		}
		if before < uint64(first) { // gone already
			return nil
		}
		return fmt.Errorf("the stream ends at record %d, and the last one stays", end)
	}, l.lock("pg_advisory_xact_lock", stream))
}
