package pgcheck

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/masaruk/devops/monitor"
)

// archive looks whether WAL reaches its archive.
func (r *run) archive(ctx context.Context) error {
	var on, failing bool
	var age *float64
	var segment string
	err := r.conn.QueryRow(ctx, `
SELECT current_setting('archive_mode') <> 'off' AND (NOT pg_is_in_recovery() OR current_setting('archive_mode') = 'always'),
	last_failed_time IS NOT NULL AND (last_archived_time IS NULL OR last_failed_time > last_archived_time),
	extract(epoch FROM clock_timestamp() - last_archived_time)::float8, coalesce(last_failed_wal, '')
FROM pg_stat_archiver`).Scan(&on, &failing, &age, &segment)
	if err != nil {
		return err
	}
	wanted := r.o.ArchiveAge.Warn >= 0 || r.o.ArchiveAge.Fail >= 0
	if !on {
		if wanted && !r.standby {
			r.worsen(monitor.Fail, "archiving is off", errors.New("archive_mode is off, and Options.ArchiveAge wants an archive"))
		}
		return nil
	}
	if failing && r.o.ArchiveWait.Fail >= 0 {
		r.worsen(monitor.Fail, "archiving fails", fmt.Errorf("the last attempt to archive failed, with %s; the server's log says why", segment))
	}
	switch {
	case age != nil:
		r.add("archive_age", *age, "s")
		r.judge(r.o.ArchiveAge, *age, fmt.Sprintf("nothing was archived for %.0f s", *age), fmt.Sprintf("the last segment was archived %.0f s ago", *age))
	case wanted && !failing:
		r.worsen(monitor.Warn, "nothing was archived yet", errors.New("nothing was archived since the statistics began"))
	}
	return r.waiting(ctx)
}

// waiting looks at the segments that are not archived yet.
func (r *run) waiting(ctx context.Context) error {
	if !r.full {
		return nil
	}
	var ready, oldest float64
	err := r.conn.QueryRow(ctx, `
SELECT count(*), greatest(coalesce(extract(epoch FROM clock_timestamp() - min(modification)), 0), 0)::float8
FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'`).Scan(&ready, &oldest)
	if err != nil {
		return err
	}
	r.add("archive_ready", ready, "1")
	r.add("archive_waiting", oldest, "s")
	r.judge(r.o.ArchiveWait, oldest, fmt.Sprintf("WAL waits for %.0f s to be archived", oldest),
		fmt.Sprintf("%.0f segments wait to be archived, the oldest for %.0f s", ready, oldest))
	return nil
}

// wraparound compares ages with 2^31, as of "Preventing Transaction ID Wraparound
// Failures" in the PostgreSQL manual.
func (r *run) wraparound(ctx context.Context) error {
	var ids, multi float64
	var idsIn, multiIn string
	err := r.conn.QueryRow(ctx, `
SELECT x.age, x.datname, m.age, m.datname FROM
	(SELECT datname, age(datfrozenxid)::float8 / 2147483648 AS age FROM pg_database ORDER BY age(datfrozenxid) DESC LIMIT 1) x,
	(SELECT datname, mxid_age(datminmxid)::float8 / 2147483648 AS age FROM pg_database ORDER BY mxid_age(datminmxid) DESC LIMIT 1) m`).
		Scan(&ids, &idsIn, &multi, &multiIn)
	if err != nil {
		return err
	}
	r.add("xid_used", ids, "1")
	r.add("multixact_used", multi, "1")
	const detail, what = "%.0f %% of the %s are used up", "%.3g %% of the %s are used up, most in database %q: look why vacuum does not freeze"
	r.judge(r.o.Wraparound, ids, fmt.Sprintf(detail, 100*ids, "transaction ids"), fmt.Sprintf(what, 100*ids, "transaction ids", idsIn))
	r.judge(r.o.Wraparound, multi, fmt.Sprintf(detail, 100*multi, "multixacts"), fmt.Sprintf(what, 100*multi, "multixacts", multiIn))
	return nil
}

// countDeadlocks tells the rate since the last run, if there was one.
func (r *run) countDeadlocks(ctx context.Context) error {
	var n float64
	if err := r.conn.QueryRow(ctx, `SELECT coalesce(sum(deadlocks), 0)::float8 FROM pg_stat_database`).Scan(&n); err != nil {
		return err
	}
	now := count{time.Now(), n}
	r.check.mu.Lock()
	last := r.check.deadlocks
	r.check.deadlocks = now
	r.check.mu.Unlock()
	minutes := now.at.Sub(last.at).Minutes()
	if last.at.IsZero() || minutes <= 0 || n < last.n { // the first run, or counted anew
		return nil
	}
	rate := (n - last.n) / minutes
	r.add("deadlocks", rate, "/min")
	r.judge(r.o.Deadlocks, rate, fmt.Sprintf("%.3g deadlocks a minute", rate),
		fmt.Sprintf("%.0f deadlocks since the last run, %.3g a minute; the server's log has them", n-last.n, rate))
	return nil
}

func (r *run) indexes(ctx context.Context) error {
	if !r.o.InvalidIndexes {
		return nil
	}
	rows, err := r.conn.Query(ctx, `
SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid
	AND indexrelid NOT IN (SELECT index_relid FROM pg_stat_progress_create_index WHERE index_relid IS NOT NULL)
ORDER BY 1 LIMIT 1000`)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	r.add("invalid_indexes", float64(len(names)), "1")
	if len(names) > 0 {
		r.worsen(monitor.Warn, fmt.Sprintf("%d indexes are invalid", len(names)),
			fmt.Errorf("%d indexes are invalid, such as %s: drop and build them anew", len(names), names[0]))
	}
	return nil
}
