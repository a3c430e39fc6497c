package pgcheck

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// connections compares with what ordinary roles can have. Without privileges the
// kind of a session is hidden, and those of pg_stat_database are counted.
func (r *run) connections(ctx context.Context) error {
	var used, left float64
	err := r.conn.QueryRow(ctx, `
SELECT CASE WHEN $1::bool
	THEN (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
	ELSE (SELECT coalesce(sum(numbackends), 0)::bigint FROM pg_stat_database) END,
	current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
		- coalesce(current_setting('reserved_connections', true)::int, 0)`, r.full).Scan(&used, &left)
	if err != nil {
		return err
	}
	fraction := used / max(left, 1)
	r.add("connections", used, "1")
	r.add("connections_used", fraction, "1")
	text := fmt.Sprintf("%.0f of %.0f connections are used", used, left)
	r.judge(r.o.Connections, fraction, fmt.Sprintf("%.0f %% of the connections are used", 100*fraction), text)
	return nil
}

// session is who does something, and for how many seconds.
type session struct {
	who string
	age float64
}

// one reads one session, which is zero if there is none.
func (r *run) one(ctx context.Context, sql string) (s session, err error) {
	err = r.conn.QueryRow(ctx, sql).Scan(&s.who, &s.age)
	if errors.Is(err, pgx.ErrNoRows) {
		return session{}, nil
	}
	return s, err
}

// who is how the queries name a session.
const who = `format('pid %s (role %s, database %s, application %s)', pid, usename, datname, coalesce(nullif(application_name, ''), '-'))`

func (r *run) transactions(ctx context.Context) error {
	if !r.full {
		return nil
	}
	longest, err := r.one(ctx, `
SELECT * FROM (
	SELECT `+who+`, greatest(extract(epoch FROM clock_timestamp() - xact_start), 0)::float8 AS age
	FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
	UNION ALL
	SELECT format('a prepared transaction of role %s in database %s', owner, database), greatest(extract(epoch FROM clock_timestamp() - prepared), 0)::float8
	FROM pg_prepared_xacts
) t ORDER BY age DESC LIMIT 1`)
	if err != nil {
		return err
	}
	r.add("longest_transaction", longest.age, "s")
	r.judge(r.o.Transaction, longest.age, fmt.Sprintf("a transaction is open for %.0f s", longest.age),
		fmt.Sprintf("the longest transaction is open for %.0f s: %s", longest.age, longest.who))
	idle, err := r.one(ctx, `
SELECT `+who+`, greatest(extract(epoch FROM clock_timestamp() - state_change), 0)::float8 AS age
FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND state_change IS NOT NULL ORDER BY age DESC LIMIT 1`)
	if err != nil {
		return err
	}
	r.add("idle_in_transaction", idle.age, "s")
	r.judge(r.o.Idle, idle.age, fmt.Sprintf("a session is idle in a transaction for %.0f s", idle.age),
		fmt.Sprintf("a session is idle in a transaction for %.0f s: %s", idle.age, idle.who))
	return nil
}

// locks looks at who waits. Who blocks is asked for the longest wait alone:
// pg_blocking_pids stops the lock manager for a moment.
func (r *run) locks(ctx context.Context) error {
	if !r.full {
		return nil
	}
	var blocked, age float64
	var waits, blocks string
	err := r.conn.QueryRow(ctx, `
WITH waiting AS (
	SELECT pid, usename, datname, application_name,
		greatest(extract(epoch FROM clock_timestamp() - coalesce(waitstart, state_change)), 0)::float8 AS age
	FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND pid <> pg_backend_pid()
), first AS MATERIALIZED (SELECT *, count(*) OVER () AS n FROM waiting ORDER BY age DESC LIMIT 1)
SELECT first.n, first.age, `+who+`, coalesce((
	SELECT string_agg(CASE WHEN b.pid IS NULL THEN 'a prepared transaction' ELSE format('pid %s (role %s, application %s, %s)',
		b.pid, b.usename, coalesce(nullif(b.application_name, ''), '-'), coalesce(b.state, b.backend_type)) END, ', ')
	FROM unnest(pg_blocking_pids(first.pid)) AS p(pid) LEFT JOIN pg_stat_activity b ON b.pid = p.pid), 'nobody any more')
FROM first`).Scan(&blocked, &age, &waits, &blocks)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	r.add("blocked", blocked, "1")
	r.add("blocked_for", age, "s")
	r.judge(r.o.Blocked, age, fmt.Sprintf("a session waits for a lock for %.0f s", age),
		fmt.Sprintf("%.0f sessions wait for a lock; %s waits for %.0f s for %s", blocked, waits, age, blocks))
	return nil
}
