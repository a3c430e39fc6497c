package pglog

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// DB begins transactions. A *pgxpool.Pool is one, a [Dialer] another. It must
// be safe for concurrent use, which a *pgx.Conn is not.
type DB interface {
	BeginTx(ctx context.Context, opts pgx.TxOptions) (pgx.Tx, error)
}

// Dialer is a [DB] that connects for each transaction and disconnects after
// it, for programs that have no pool and touch the log now and then.
type Dialer struct{ config *pgx.ConnConfig }

var _ DB = (*Dialer)(nil)

// NewDialer returns a Dialer for what [pgx.ParseConfig] made of a DSN. It does
// no I/O.
func NewDialer(config *pgx.ConnConfig) (*Dialer, error) {
	if config == nil {
		return nil, &Error{Op: "open", Err: errors.New("there is no configuration; make one with pgx.ParseConfig")}
	}
	return &Dialer{config.Copy()}, nil
}

// BeginTx connects and begins a transaction.
func (d *Dialer) BeginTx(ctx context.Context, opts pgx.TxOptions) (pgx.Tx, error) {
	conn, err := pgx.ConnectConfig(ctx, d.config.Copy())
	if err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(ctx, opts)
	if err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return &dialedTx{tx, conn}, nil
}

// dialedTx takes its connection along when it ends.
type dialedTx struct {
	pgx.Tx
	conn *pgx.Conn
}

// Commit commits. How the connection ends changes nothing about that.
func (t *dialedTx) Commit(ctx context.Context) error {
	err := t.Tx.Commit(ctx)
	_ = t.conn.Close(ctx)
	return err
}

// Rollback rolls back.
func (t *dialedTx) Rollback(ctx context.Context) error {
	err := t.Tx.Rollback(ctx)
	_ = t.conn.Close(ctx)
	return err
}

// rollbackLimit is how long a failed transaction may take to end.
const rollbackLimit = 5 * time.Second

// defaultTimeout is that of [Options].
const defaultTimeout = 30 * time.Second

// Options adjust a [Log], an [Anchor] and [Migrate], which must agree on the
// schema.
type Options struct {
	// Schema holds the tables; "devops_runlog" if empty.
	Schema string
	// Timeout bounds each transaction, here and on the server, and how long a
	// frozen controller may hold up others; 30 seconds if 0, rounded up to
	// milliseconds, none and the server's own settings if negative.
	Timeout time.Duration
}

// database is what Log, Anchor and Migrate have in common.
type database struct {
	db      DB
	schema  string // quoted
	timeout time.Duration
}

func open(db DB, opts *Options) (database, error) {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	if db == nil {
		return database{}, &Error{Op: "open", Err: errors.New("there is no DB; give a *pgxpool.Pool or a Dialer")}
	}
	if o.Schema == "" {
		o.Schema = "devops_runlog"
	}
	if len(o.Schema) > 63 || strings.ContainsRune(o.Schema, 0) {
		return database{}, &Error{Op: "open", Err: errors.New("field Options.Schema is longer than 63 bytes, which PostgreSQL would cut, or has a zero byte; choose another name")}
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	return database{db, pgx.Identifier{o.Schema}.Sanitize(), o.Timeout}, nil
}

// sql puts the schema in place of each %s.
func (d database) sql(text string) string { return strings.ReplaceAll(text, "%s", d.schema) }

// Modes of a transaction, which with unnamed queries sends bytea as text.
const (
	reading = "begin isolation level read committed read only; set local bytea_output = hex"
	writing = "begin isolation level read committed read write; set local synchronous_commit = on"
)

// begin is the statement that begins a transaction together with its settings.
// They end with it, so a connection pool may sit between.
func (d database) begin(mode string, locks ...string) string {
	text := []string{mode}
	if d.timeout >= 0 {
		ms := (d.timeout + time.Millisecond - 1) / time.Millisecond
		text = append(text, fmt.Sprintf("set local statement_timeout = %d; set local idle_in_transaction_session_timeout = %d", ms, ms))
	}
	return strings.Join(append(text, locks...), "; ")
}

// lock is a statement that keeps Append and Prune of a stream apart until the
// transaction ends: an Append does not see that the row which it would follow
// is being removed. Streams whose names have the same sum share a lock, which
// does no harm.
func (d database) lock(function, stream string) string {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte("devops run log\x00" + d.schema + "\x00" + stream)) // never fails
	return fmt.Sprintf("select pg_catalog.%s(%d)", function, int64(sum.Sum64()))
}

// transact runs f in a transaction and commits it, once. It first takes the
// locks.
func (d database) transact(ctx context.Context, mode string, f func(context.Context, pgx.Tx) error, locks ...string) error {
	if d.timeout > 0 {
		cause := fmt.Errorf("PostgreSQL did not answer within %v: %w", d.timeout, context.DeadlineExceeded)
		limited, cancel := context.WithTimeoutCause(ctx, d.timeout, cause)
		defer cancel()
		ctx = limited
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	tx, err := d.db.BeginTx(ctx, pgx.TxOptions{BeginQuery: d.begin(mode, locks...)})
	if err != nil {
		return explain(ctx, err)
	}
	defer func() {
		free, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackLimit)
		defer cancel()
		_ = tx.Rollback(free) // nothing after Commit, and after a failure the server does it by itself
	}()
	if err := f(ctx, tx); err != nil {
		return explain(ctx, err)
	}
	if err := tx.Commit(ctx); err != nil {
		return explain(ctx, err)
	}
	return nil
}

// unnamed makes a query leave no prepared statement on the connection.
const unnamed = pgx.QueryExecModeExec
