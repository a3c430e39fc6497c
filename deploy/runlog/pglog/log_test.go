package pglog_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/pglog"
	"github.com/masaruk/devops/deploy/runlogtest"
	"github.com/masaruk/devops/internal/testenv"
)

// pool hands out connections that stay open, a different one each time, as
// PgBouncer does in transaction mode. Each has hostile defaults of its own.
type pool struct {
	dsn    string
	open   chan *pgx.Conn
	begins atomic.Int64
	// check is called before each connection goes back.
	check func(*pgx.Conn) error
}

func newPool(t *testing.T, dsn string, size int, settings ...string) *pool {
	t.Helper()
	p := &pool{dsn: dsn, open: make(chan *pgx.Conn, size)}
	for range size {
		conn, err := pgx.Connect(t.Context(), dsn)
		require.NoError(t, err)
		for _, s := range settings {
			_, err := conn.Exec(t.Context(), "set "+s)
			require.NoError(t, err)
		}
		p.open <- conn
	}
	t.Cleanup(func() {
		for range size {
			require.NoError(t, (<-p.open).Close(context.Background()))
		}
	})
	return p
}

func (p *pool) BeginTx(ctx context.Context, opts pgx.TxOptions) (pgx.Tx, error) {
	p.begins.Add(1)
	conn := <-p.open
	if conn.IsClosed() { // cut in a test
		again, err := pgx.Connect(ctx, p.dsn)
		if err != nil {
			p.open <- conn
			return nil, err
		}
		conn = again
	}
	tx, err := conn.BeginTx(ctx, opts)
	if err != nil {
		p.open <- conn
		return nil, err
	}
	return &pooled{Tx: tx, pool: p, conn: conn}, nil
}

type pooled struct {
	pgx.Tx
	pool *pool
	conn *pgx.Conn
	back sync.Once
}

func (t *pooled) end(err error) error {
	t.back.Do(func() {
		if t.pool.check != nil && !t.conn.IsClosed() {
			err = errors.Join(err, t.pool.check(t.conn))
		}
		t.pool.open <- t.conn
	})
	return err
}

func (t *pooled) Commit(ctx context.Context) error   { return t.end(t.Tx.Commit(ctx)) }
func (t *pooled) Rollback(ctx context.Context) error { return t.end(t.Tx.Rollback(ctx)) }

func database(t *testing.T, major int) string {
	t.Helper()
	p, name := testenv.Database(t, major)
	return p.DSN(name)
}

func dialer(t testing.TB, dsn string) *pglog.Dialer {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	d, err := pglog.NewDialer(config)
	require.NoError(t, err)
	return d
}

// newLog returns a log in a database that it migrates.
func newLog(t testing.TB, db pglog.DB) *pglog.Log {
	t.Helper()
	require.NoError(t, pglog.Migrate(context.Background(), db, nil))
	l, err := pglog.New(db, nil)
	require.NoError(t, err)
	return l
}

func query(t *testing.T, dsn, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	_, err = conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func rec(n int) []byte { return fmt.Appendf(nil, `{"n":%d}`, n) }

// read returns the records, and the error that ended them.
func read(l deploy.Log, stream string, from uint64) (recs []string, err error) {
	for r, err := range l.Read(context.Background(), stream, from) {
		if err != nil {
			return recs, err
		}
		recs = append(recs, string(r))
	}
	return recs, nil
}

func TestContract(t *testing.T) {
	for _, major := range []int{15, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			l := newLog(t, newPool(t, database(t, major), 4))
			runlogtest.Run(t, func() (deploy.Log, error) { return l, nil })
		})
	}
}

// twins are two programs as one log: each call goes to the other one.
type twins struct {
	logs  [2]*pglog.Log
	calls atomic.Int64
}

func (w *twins) next() *pglog.Log { return w.logs[w.calls.Add(1)%2] }

func (w *twins) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	return w.next().Append(ctx, stream, seq, rec)
}

func (w *twins) Prune(ctx context.Context, stream string, before uint64) error {
	return w.next().Prune(ctx, stream, before)
}

func (w *twins) Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	return w.next().Read(ctx, stream, from)
}

// A transaction leaves nothing behind and relies on nothing, so the log works
// through PgBouncer in transaction mode, and with any defaults.
func TestNoSessionState(t *testing.T) {
	hostile := []string{
		"default_transaction_isolation = serializable", "default_transaction_read_only = on",
		"synchronous_commit = off", "search_path = ''", "bytea_output = escape", "statement_timeout = '1h'",
	}
	db := database(t, 15)
	newLog(t, dialer(t, db))
	var pools [2]*pool
	var left atomic.Int64
	for i := range pools {
		pools[i] = newPool(t, db, 3, hostile...)
		pools[i].check = func(conn *pgx.Conn) error {
			left.Add(1)
			var state string
			err := conn.QueryRow(context.Background(), `SELECT concat_ws(' ',
				(SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors),
				(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
				current_setting('synchronous_commit'), current_setting('statement_timeout'),
				current_setting('idle_in_transaction_session_timeout'))`, pgx.QueryExecModeSimpleProtocol).Scan(&state)
			if err == nil && state != "0 0 0 off 1h 0" {
				err = fmt.Errorf("a transaction left state behind: %s", state)
			}
			return err
		}
	}
	w := &twins{logs: [2]*pglog.Log{newLog(t, pools[0]), newLog(t, pools[1])}}
	runlogtest.Run(t, func() (deploy.Log, error) { return w, nil })
	require.Positive(t, left.Load())
}

func TestReadInPages(t *testing.T) {
	dsn := database(t, 15)
	p := newPool(t, dsn, 1)
	l := newLog(t, p)
	query(t, dsn, `INSERT INTO devops_runlog.record SELECT 'many', n, convert_to('{"n":' || n || '}', 'UTF8') FROM generate_series(1, 2500) n`)
	query(t, dsn, `INSERT INTO devops_runlog.record SELECT 'big', n, convert_to('"' || repeat('x', 400000) || '"', 'UTF8') FROM generate_series(1, 10) n`)
	for name, c := range map[string]struct {
		from    uint64
		records int
		pages   int64 // transactions, with the one that finds the end
	}{
		"many": {1, 2500, 4},
		"big":  {1, 10, 5}, // three to a page
		"none": {1, 0, 1},
	} {
		p.begins.Store(0)
		got, err := read(l, name, c.from)
		require.NoError(t, err)
		require.Len(t, got, c.records, name)
		require.Equal(t, c.pages, p.begins.Load(), name)
	}
	got, err := read(l, "many", 2490)
	require.NoError(t, err)
	require.Len(t, got, 11)
	require.JSONEq(t, `{"n":2490}`, got[0])

	// No connection is held while the caller works: the pool has only one.
	for range l.Read(t.Context(), "many", 1) {
		require.NoError(t, l.Append(t.Context(), "other", 1, rec(1)))
		break
	}
}

func TestRemovedRecord(t *testing.T) {
	dsn := database(t, 15)
	l := newLog(t, dialer(t, dsn))
	for n := 1; n <= 4; n++ {
		require.NoError(t, l.Append(t.Context(), "a", uint64(n), rec(n)))
	}
	query(t, dsn, `DELETE FROM devops_runlog.record WHERE seq = 3`)
	got, err := read(l, "a", 1)
	require.ErrorIs(t, err, pglog.ErrMissing)
	require.ErrorContains(t, err, `"a" record 3`)
	require.Len(t, got, 2)
	_, err = read(l, "a", 3)
	require.ErrorIs(t, err, pglog.ErrMissing)
	require.ErrorIs(t, l.Append(t.Context(), "a", 3, rec(3)), nil, "the table has no memory of it; the hash chain has")
}

func TestRefusedRecords(t *testing.T) {
	l := newLog(t, dialer(t, database(t, 15)))
	for name, bad := range map[string][]byte{
		"empty": nil, "line feed": []byte("1\n2"), "zero": []byte("\"\x00\""),
		"too big": []byte(`"` + strings.Repeat("x", deploy.MaxRecord-1) + `"`),
	} {
		require.ErrorIs(t, l.Append(t.Context(), "a", 1, bad), deploy.ErrRecord, name)
	}
	got, err := read(l, "a", 1)
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestAnchor(t *testing.T) {
	db := dialer(t, database(t, 15))
	require.NoError(t, pglog.Migrate(t.Context(), db, nil))
	a, err := pglog.NewAnchor(db, nil)
	require.NoError(t, err)
	head, err := a.Last(t.Context(), "stg/api")
	require.NoError(t, err)
	require.Empty(t, head)
	for _, want := range []string{"first\nsigned\n", "second", "first\nsigned\n"} {
		require.NoError(t, a.Keep(t.Context(), "stg/api", want))
		require.NoError(t, a.Keep(t.Context(), "stg", "other"))
		head, err := a.Last(t.Context(), "stg/api")
		require.NoError(t, err)
		require.Equal(t, want, head)
	}
	require.ErrorIs(t, a.Keep(t.Context(), "../a", "x"), deploy.ErrStreamName)
	_, err = a.Last(t.Context(), "A")
	require.ErrorIs(t, err, deploy.ErrStreamName)

	cause := errors.New("the test ended it")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	require.ErrorIs(t, a.Keep(ctx, "stg/api", "x"), cause)
	_, err = a.Last(ctx, "stg/api")
	require.ErrorIs(t, err, cause)
}

func TestOptions(t *testing.T) {
	_, err := pglog.New(nil, nil)
	require.ErrorContains(t, err, "pgxpool")
	_, err = pglog.NewDialer(nil)
	require.ErrorContains(t, err, "ParseConfig")
	db := dialer(t, "host=localhost")
	for _, schema := range []string{strings.Repeat("x", 64), "a\x00b"} {
		_, err := pglog.NewAnchor(db, &pglog.Options{Schema: schema})
		require.ErrorContains(t, err, "Options.Schema")
		require.Error(t, pglog.Migrate(t.Context(), db, &pglog.Options{Schema: schema}))
	}
	_, err = pglog.New(db, &pglog.Options{Timeout: -time.Second})
	require.NoError(t, err)
}
