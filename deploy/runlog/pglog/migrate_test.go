package pglog_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy/runlog/pglog"
)

func TestMigrateRaces(t *testing.T) {
	dsn := database(t, 15)
	opts := &pglog.Options{Schema: `odd "%s" Name`}
	errs := make([]error, 6)
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range errs {
		done.Go(func() {
			start.Wait()
			errs[i] = pglog.Migrate(t.Context(), dialer(t, dsn), opts)
		})
	}
	start.Done()
	done.Wait()
	require.NoError(t, errors.Join(errs...))
	l, err := pglog.New(dialer(t, dsn), opts)
	require.NoError(t, err)
	require.NoError(t, l.Append(t.Context(), "a", 1, rec(1)))
	require.NoError(t, pglog.Migrate(t.Context(), dialer(t, dsn), opts))
	got, err := read(l, "a", 1)
	require.NoError(t, err)
	require.Len(t, got, 1)
}

func TestMigrateFails(t *testing.T) {
	dsn := database(t, 15)
	db := dialer(t, dsn)
	l, err := pglog.New(db, nil)
	require.NoError(t, err)
	require.ErrorContains(t, l.Append(t.Context(), "a", 1, rec(1)), "call Migrate first")
	_, err = read(l, "a", 1)
	require.ErrorContains(t, err, "call Migrate first")

	newLog(t, db)
	query(t, dsn, `INSERT INTO devops_runlog.migration VALUES (1000)`)
	require.ErrorContains(t, pglog.Migrate(t.Context(), db, nil), "update the program")
}

// asRole is a DB whose transactions have the rights of a role.
type asRole struct {
	pglog.DB
	role string
}

func (r asRole) BeginTx(ctx context.Context, opts pgx.TxOptions) (pgx.Tx, error) {
	opts.BeginQuery += "; set local role " + r.role
	return r.DB.BeginTx(ctx, opts)
}

// The rights that the manual lists are enough, and less is told.
func TestRights(t *testing.T) {
	dsn := database(t, 15)
	role := "r" + dsn[len(dsn)-40:len(dsn)-16] // as unique as the database
	require.Regexp(t, "^[a-z0-9_]+$", role)
	query(t, dsn, "CREATE ROLE "+role)
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), dsn)
		require.NoError(t, err)
		_, err = conn.Exec(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role)
		require.NoError(t, errors.Join(err, conn.Close(context.Background())))
	})
	newLog(t, dialer(t, dsn))
	db := asRole{dialer(t, dsn), role}
	l, err := pglog.New(db, nil)
	require.NoError(t, err)
	require.ErrorContains(t, l.Append(t.Context(), "a", 1, rec(1)), "grant the role")

	query(t, dsn, "GRANT USAGE ON SCHEMA devops_runlog TO "+role+
		"; GRANT SELECT, INSERT ON devops_runlog.record TO "+role+
		"; GRANT SELECT, INSERT, UPDATE ON devops_runlog.head TO "+role)
	require.NoError(t, l.Append(t.Context(), "a", 1, rec(1)))
	require.NoError(t, l.Append(t.Context(), "a", 2, rec(2)))
	got, err := read(l, "a", 1)
	require.NoError(t, err)
	require.Len(t, got, 2)
	a, err := pglog.NewAnchor(db, nil)
	require.NoError(t, err)
	require.NoError(t, a.Keep(t.Context(), "a", "x"))
	require.NoError(t, a.Keep(t.Context(), "a", "y"))
	require.ErrorContains(t, pglog.Migrate(t.Context(), db, nil), "grant the role", "it cannot see the version")
}
