//go:build unix

package pgcheck_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/testenv"
	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/pgcheck"
)

// canary stands in the text of queries, which no result may show.
const canary = "canary-7f3a"

// server is a private PostgreSQL whose archive command fails while the file
// "broken" is in its data directory, and hangs while "hung" is.
type server struct {
	*testenv.PostgresServer
	t *testing.T
}

func newServer(t *testing.T, major int, settings ...string) *server {
	return &server{testenv.Postgres(t, major, append([]string{
		"wal_level = logical", "archive_mode = on",
		"archive_command = 'test ! -e broken && { test ! -e hung || sleep 600; }'",
		"max_connections = 20", "max_prepared_transactions = 4", "deadlock_timeout = 50ms", "autovacuum = off",
	}, settings...)...), t}
}

// check makes one for a role.
func (s *server) check(role string, opts *pgcheck.Options) *pgcheck.Check {
	s.t.Helper()
	config, err := pgx.ParseConfig(strings.Replace(s.DSN("postgres"), "postgres@", role+":"+canary+"@", 1))
	require.NoError(s.t, err)
	c, err := pgcheck.New(config, opts)
	require.NoError(s.t, err)
	return c
}

func (s *server) query(sql string) [][]string {
	s.t.Helper()
	rows, err := s.Query(s.t.Context(), "postgres", sql)
	require.NoError(s.t, err)
	return rows
}

// connect opens a session that ends with the test.
func (s *server) connect(t *testing.T, application string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.DSN("postgres")+"&application_name="+application)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (s *server) touch(name string) {
	require.NoError(s.t, os.WriteFile(filepath.Join(s.DataDir(), name), nil, 0o644))
}

// until runs a check until what it says is good, and returns that.
func until(t *testing.T, c monitor.Check, good func(monitor.Result) bool) monitor.Result {
	t.Helper()
	var r monitor.Result
	require.Eventually(t, func() bool {
		r = c.Check(t.Context())
		return good(r)
	}, time.Minute, 20*time.Millisecond, "the last result is %+v", &r)
	return r
}

func failed(r monitor.Result) bool { return r.Status == monitor.Fail }
func passed(r monitor.Result) bool { return r.Status == monitor.Pass }

// value is that of a measurement.
func value(t *testing.T, r monitor.Result, name string) float64 {
	t.Helper()
	for _, m := range r.Measurements {
		if m.Name == name {
			return m.Value
		}
	}
	require.Fail(t, "no measurement "+name, "%+v", r)
	return 0
}

// requireDiscreet tells that a result shows no text of a query, no password and,
// to strangers, no internals.
func requireDiscreet(t *testing.T, r monitor.Result) {
	t.Helper()
	require.NotContains(t, fmt.Sprintf("%+v %v", r, r.Err), canary)
	for _, internal := range []string{"postgres", "pid", "127.0.0.1", "application"} {
		require.NotContains(t, r.Detail, internal)
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	majors := []int{15 + rand.IntN(3), 18}
	if os.Getenv("DEVOPS_EXHAUSTIVE") != "" {
		majors = []int{15, 16, 17, 18}
	}
	t.Logf("PostgreSQL %v", majors)
	for _, major := range majors {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			s := newServer(t, major)
			s.query("CREATE ROLE monitor LOGIN; GRANT pg_monitor TO monitor; CREATE ROLE nobody LOGIN; CREATE TABLE t (i int); INSERT INTO t VALUES (1), (1)")
			for _, test := range []struct {
				name string
				run  func(*testing.T, *server)
			}{
				{"healthy", healthy},
				{"no privileges", noPrivileges},
				{"transactions", transactions},
				{"prepared", prepared},
				{"locks", locks},
				{"slots", slots},
				{"deadlocks", deadlocks},
				{"indexes", indexes},
				{"refused", refused},
				{"connections", connections},
				{"archive fails", archiveFails},
				{"frozen", frozen},
				{"archive hangs", archiveHangs},
			} {
				t.Run(test.name, func(t *testing.T) {
					mine := *s
					mine.t = t
					test.run(t, &mine)
				})
			}
		})
	}
}

func healthy(t *testing.T, s *server) {
	s.query("SELECT pg_switch_wal()")
	c := s.check("monitor", &pgcheck.Options{InvalidIndexes: true})
	r := until(t, c, func(r monitor.Result) bool { // the archiver takes its time
		return passed(r) && strings.Contains(fmt.Sprint(r.Measurements), "archive_age")
	})
	require.NoError(t, r.Err)
	require.Empty(t, r.Detail)
	late := s.check("monitor", &pgcheck.Options{ArchiveAge: pgcheck.Limits{Warn: -1, Fail: 1e-6}}).Check(t.Context())
	require.Equal(t, monitor.Fail, late.Status)
	require.Contains(t, late.Detail, "nothing was archived for")
	r = c.Check(t.Context())
	units := map[string]string{}
	for _, m := range r.Measurements {
		units[m.Name] = m.Unit
		require.GreaterOrEqual(t, m.Value, 0.0, m.Name)
	}
	require.Equal(t, map[string]string{
		"connect": "s", "connections": "1", "connections_used": "1",
		"longest_transaction": "s", "idle_in_transaction": "s", "blocked": "1", "blocked_for": "s",
		"slots_inactive": "1", "slot_retained": "By",
		"archive_age": "s", "archive_ready": "1", "archive_waiting": "s",
		"xid_used": "1", "multixact_used": "1", "deadlocks": "/min", "invalid_indexes": "1",
	}, units)
	// 20 connections without the 3 that are the superuser's.
	require.InDelta(t, value(t, r, "connections")/17, value(t, r, "connections_used"), 1e-9)

	require.Eventually(t, func() bool { // the server needs a moment to notice
		return s.query("SELECT count(*) FROM pg_stat_activity WHERE usename = 'monitor'")[0][0] == "0"
	}, time.Minute, 10*time.Millisecond, "a connection is left open")
}

func noPrivileges(t *testing.T, s *server) {
	r := s.check("nobody", nil).Check(t.Context())
	require.Equal(t, monitor.Warn, r.Status, "%+v", r)
	require.Equal(t, "privileges are missing", r.Detail)
	require.ErrorContains(t, r.Err, `role "nobody" is not in pg_monitor`)
	require.ErrorContains(t, r.Err, "GRANT pg_monitor")
	require.Positive(t, value(t, r, "connections"), "the rest is still measured")
	require.NotContains(t, fmt.Sprint(r.Measurements), "longest_transaction", "what is not seen is not shown as zero")
}

func transactions(t *testing.T, s *server) {
	victim := s.connect(t, "victim")
	tx, err := victim.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "SELECT '"+canary+"'")
	require.NoError(t, err)
	for _, test := range []struct {
		opts   pgcheck.Options
		detail string
	}{
		{pgcheck.Options{Idle: pgcheck.Limits{Fail: 1e-6, Warn: -1}}, "a session is idle in a transaction"},
		{pgcheck.Options{Transaction: pgcheck.Limits{Fail: 1e-6, Warn: -1}}, "a transaction is open"},
	} {
		r := until(t, s.check("monitor", &test.opts), failed)
		require.Contains(t, r.Detail, test.detail)
		require.ErrorContains(t, r.Err, fmt.Sprintf("pid %d (role postgres, database postgres, application victim)", victim.PgConn().PID()))
		requireDiscreet(t, r)
	}
	require.True(t, passed(s.check("monitor", nil).Check(t.Context())), "the defaults tolerate a moment")
	require.NoError(t, tx.Rollback(t.Context()))
	one := pgcheck.Limits{Fail: 1e-6, Warn: -1}
	until(t, s.check("monitor", &pgcheck.Options{Idle: one, Transaction: one}), passed)
}

func prepared(t *testing.T, s *server) {
	s.query("BEGIN; LOCK TABLE t IN ACCESS SHARE MODE; PREPARE TRANSACTION '" + canary + "'")
	r := until(t, s.check("monitor", &pgcheck.Options{Transaction: pgcheck.Limits{Warn: 1e-6, Fail: -1}}), func(r monitor.Result) bool { return r.Status == monitor.Warn })
	require.ErrorContains(t, r.Err, "a prepared transaction of role postgres in database postgres")
	requireDiscreet(t, r)
	s.query("ROLLBACK PREPARED '" + canary + "'")
}

func locks(t *testing.T, s *server) {
	holder, waiter := s.connect(t, "holder"), s.connect(t, "waiter")
	tx, err := holder.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "LOCK TABLE t /* "+canary+" */")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := waiter.Exec(context.Background(), "SELECT '"+canary+"' FROM t")
		done <- err
	}()
	r := until(t, s.check("monitor", &pgcheck.Options{Blocked: pgcheck.Limits{Warn: -1, Fail: 1e-6}}), failed)
	require.Equal(t, 1.0, value(t, r, "blocked"))
	require.Positive(t, value(t, r, "blocked_for"))
	require.Contains(t, r.Detail, "a session waits for a lock")
	require.ErrorContains(t, r.Err, fmt.Sprintf("pid %d (role postgres, database postgres, application waiter) waits for", waiter.PgConn().PID()))
	require.ErrorContains(t, r.Err, fmt.Sprintf("for pid %d (role postgres, application holder, idle in transaction)", holder.PgConn().PID()))
	requireDiscreet(t, r)
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, <-done)
	require.Zero(t, value(t, s.check("monitor", nil).Check(t.Context()), "blocked"))
}

func slots(t *testing.T, s *server) {
	s.query("SELECT pg_create_physical_replication_slot('forgotten', true)")
	s.query("SELECT pg_logical_emit_message(false, 'x', repeat('x', 2000000)); SELECT pg_switch_wal()")
	c := s.check("monitor", &pgcheck.Options{SlotRetained: pgcheck.Limits{Warn: 1 << 20, Fail: 1 << 40}})
	r := c.Check(t.Context())
	require.Equal(t, monitor.Warn, r.Status, "%+v", r)
	require.Contains(t, r.Detail, "an inactive replication slot holds back")
	require.ErrorContains(t, r.Err, `slot "forgotten" is inactive`)
	require.Greater(t, value(t, r, "slot_retained"), 2e6)
	require.Equal(t, 1.0, value(t, r, "slots_inactive"))
	require.True(t, passed(s.check("monitor", nil).Check(t.Context())), "a slot that holds back little is no problem")

	s.query("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
	s.query("SELECT pg_reload_conf()")
	r = until(t, s.check("monitor", nil), func(r monitor.Result) bool {
		s.query("SELECT pg_logical_emit_message(true, 'x', 'x'); SELECT pg_switch_wal(); CHECKPOINT")
		return failed(r)
	})
	require.Contains(t, r.Detail, "a replication slot is lost")
	s.query("ALTER SYSTEM RESET max_slot_wal_keep_size")
	s.query("SELECT pg_reload_conf(), pg_drop_replication_slot('forgotten')")
	until(t, c, passed)
}

func deadlocks(t *testing.T, s *server) {
	c := s.check("monitor", nil)
	first := c.Check(t.Context())
	require.NotContains(t, fmt.Sprint(first.Measurements), "deadlocks", "one run alone knows no rate")
	a, b := s.connect(t, "a"), s.connect(t, "b")
	for _, step := range []struct {
		conn *pgx.Conn
		sql  string
	}{{a, "BEGIN; SELECT pg_advisory_xact_lock(1)"}, {b, "BEGIN; SELECT pg_advisory_xact_lock(2)"}} {
		_, err := step.conn.Exec(t.Context(), step.sql, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := a.Exec(context.Background(), "SELECT pg_advisory_xact_lock(2)")
		done <- err
	}()
	_, err := b.Exec(t.Context(), "SELECT pg_advisory_xact_lock(1)")
	other := <-done
	require.True(t, err != nil || other != nil)
	require.NoError(t, a.Close(t.Context()))
	require.NoError(t, b.Close(t.Context()))
	r := until(t, c, func(r monitor.Result) bool { return r.Status == monitor.Warn })
	require.Contains(t, r.Detail, "deadlocks a minute")
	require.ErrorContains(t, r.Err, "1 deadlocks since the last run")
	until(t, c, passed)
}

func indexes(t *testing.T, s *server) {
	_, err := s.Query(t.Context(), "postgres", "CREATE UNIQUE INDEX CONCURRENTLY broken_index ON t (i)")
	require.ErrorContains(t, err, "could not create unique index")
	r := s.check("monitor", &pgcheck.Options{InvalidIndexes: true}).Check(t.Context())
	require.Equal(t, monitor.Warn, r.Status)
	require.Equal(t, "1 indexes are invalid", r.Detail)
	require.ErrorContains(t, r.Err, "broken_index")
	require.True(t, passed(s.check("monitor", nil).Check(t.Context())), "only if wanted")
	s.query("DROP INDEX broken_index")
}

func connections(t *testing.T, s *server) {
	c := s.check("monitor", nil)
	for range 14 {
		s.connect(t, "crowd")
	}
	r := until(t, c, func(r monitor.Result) bool { return r.Status == monitor.Warn && value(t, r, "connections") == 15 })
	require.Contains(t, r.Detail, "% of the connections are used")
	require.ErrorContains(t, r.Err, "of 17 connections are used")
	for range 2 {
		s.connect(t, "crowd")
	}
	r = until(t, c, failed)
	for range 3 { // until the superuser's alone are left
		conn, err := pgx.Connect(t.Context(), strings.Replace(s.DSN("postgres"), "postgres@", "nobody@", 1))
		if err != nil {
			break
		}
		defer conn.Close(context.Background())
	}
	r = until(t, c, func(r monitor.Result) bool { return r.Detail == "no connection is left" })
	require.Equal(t, monitor.Fail, r.Status)
	requireDiscreet(t, r)
}

func archiveFails(t *testing.T, s *server) {
	c := s.check("monitor", nil)
	until(t, c, passed) // the crowd of the last test is gone
	s.touch("broken")
	s.query("SELECT pg_logical_emit_message(true, 'x', 'x'); SELECT pg_switch_wal()")
	r := until(t, c, failed)
	require.Equal(t, "archiving fails", r.Detail)
	require.ErrorContains(t, r.Err, "the last attempt to archive failed, with 0000")
	require.NoError(t, os.Remove(filepath.Join(s.DataDir(), "broken")))
	until(t, c, func(r monitor.Result) bool {
		s.query("SELECT pg_logical_emit_message(true, 'x', 'x'); SELECT pg_switch_wal()")
		return passed(r)
	})
}

// frozen is a server whose system completes connections that nobody answers.
func frozen(t *testing.T, s *server) {
	require.NoError(t, s.Kill(syscall.SIGSTOP))
	r := s.check("monitor", &pgcheck.Options{Timeout: 300 * time.Millisecond}).Check(t.Context())
	require.NoError(t, s.Kill(syscall.SIGCONT))
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "no connection", r.Detail)
	require.ErrorIs(t, r.Err, context.DeadlineExceeded)
	require.ErrorContains(t, r.Err, "not done within 300ms")
	requireDiscreet(t, r)
	until(t, s.check("monitor", nil), passed)
}

// archiveHangs is a command that neither fails nor ends.
func archiveHangs(t *testing.T, s *server) {
	s.touch("hung")
	c := s.check("monitor", &pgcheck.Options{ArchiveWait: pgcheck.Limits{Warn: -1, Fail: 0.5}})
	s.query("SELECT pg_logical_emit_message(true, 'x', 'x'); SELECT pg_switch_wal()")
	r := until(t, c, failed)
	require.Contains(t, r.Detail, "to be archived")
	require.Positive(t, value(t, r, "archive_ready"))
	require.Greater(t, value(t, r, "archive_waiting"), 0.5)
	require.True(t, passed(s.check("monitor", nil).Check(t.Context())), "it is not failing")
}
