package pglog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/pglog"
)

// An Append whose row is pruned while it is at work does not get its number:
// Prune waits for it. The trigger holds it where it has looked at the stream
// and has not written yet.
func TestPruneWaitsForAnAppend(t *testing.T) {
	dsn := database(t, 15)
	l := newLog(t, dialer(t, dsn))
	for n := 1; n <= 4; n++ {
		require.NoError(t, l.Append(t.Context(), "a", uint64(n), rec(n)))
	}
	query(t, dsn, `CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NEW; END $$`)
	query(t, dsn, `CREATE TRIGGER hold BEFORE INSERT ON devops_runlog.record FOR EACH ROW EXECUTE FUNCTION hold()`)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	_, err = conn.Exec(t.Context(), `SET session_replication_role = replica`) // no trigger
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `SELECT pg_advisory_lock(42)`)
	require.NoError(t, err)
	waiting := func() (n int) {
		const held = `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`
		require.NoError(t, conn.QueryRow(t.Context(), held).Scan(&n))
		return n
	}

	appended := make(chan error, 1)
	go func() { appended <- l.Append(context.Background(), "a", 5, rec(0)) }()
	for waiting() < 1 {
		require.Empty(t, appended)
	}
	for n := 5; n <= 10; n++ {
		_, err := conn.Exec(t.Context(), `INSERT INTO devops_runlog.record VALUES ('a', $1, $2)`, n, rec(n))
		require.NoError(t, err)
	}
	pruned := make(chan error, 1)
	go func() { pruned <- l.Prune(context.Background(), "a", 9) }()
	for waiting() < 2 && len(pruned) == 0 {
		require.Empty(t, appended)
	}
	_, err = conn.Exec(t.Context(), `SELECT pg_advisory_unlock(42)`)
	require.NoError(t, err)
	require.ErrorIs(t, <-appended, deploy.ErrConflict)
	require.NoError(t, <-pruned)
	got, err := read(l, "a", 1)
	require.NoError(t, err)
	require.Equal(t, []string{string(rec(9)), string(rec(10))}, got)
}

// A record that is missing is told apart from those that were pruned.
func TestMissingBehindAPrune(t *testing.T) {
	dsn := database(t, 15)
	l := newLog(t, dialer(t, dsn))
	for n := 1; n <= 9; n++ {
		require.NoError(t, l.Append(t.Context(), "a", uint64(n), rec(n)))
	}
	require.NoError(t, l.Prune(t.Context(), "a", 4))
	query(t, dsn, `DELETE FROM devops_runlog.record WHERE seq = 6`)
	for from, want := range map[uint64]int{1: 2, 5: 1, 6: 0} {
		got, err := read(l, "a", from)
		require.ErrorIs(t, err, pglog.ErrMissing)
		require.NotErrorIs(t, err, deploy.ErrPruned)
		require.Len(t, got, want)
	}
}

// Only who may DELETE can prune, and is told so.
func TestRightToPrune(t *testing.T) {
	dsn := database(t, 15)
	role := "p" + dsn[len(dsn)-40:len(dsn)-16] // as unique as the database
	query(t, dsn, "CREATE ROLE "+role)
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), dsn)
		require.NoError(t, err)
		_, err = conn.Exec(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role)
		require.NoError(t, errors.Join(err, conn.Close(context.Background())))
	})
	newLog(t, dialer(t, dsn))
	l, err := pglog.New(asRole{dialer(t, dsn), role}, nil)
	require.NoError(t, err)
	query(t, dsn, fmt.Sprintf("GRANT USAGE ON SCHEMA devops_runlog TO %s; GRANT SELECT, INSERT ON devops_runlog.record TO %s", role, role))
	for n := 1; n <= 3; n++ {
		require.NoError(t, l.Append(t.Context(), "a", uint64(n), rec(n)))
	}
	require.ErrorContains(t, l.Prune(t.Context(), "a", 2), "grant the role")
	query(t, dsn, "GRANT DELETE ON devops_runlog.record TO "+role)
	require.NoError(t, l.Prune(t.Context(), "a", 2))
}
