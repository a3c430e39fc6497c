// Package pglog keeps the run log of package deploy in PostgreSQL 15 or later,
// over pgx.
//
//	pool, err := pgxpool.New(ctx, dsn)
//	err = pglog.Migrate(ctx, pool, nil)
//	log, err := pglog.New(pool, nil)
//	runner, err := deploy.New(log, nil)
//
// Use it where several machines may run releases and a database that none of
// them releases is at hand. Do not keep the log in the database that a release
// migrates or restores: the log must tell what was going on when that failed.
//
// # Tables
//
// [Migrate] makes the schema (devops_runlog unless Options.Schema says
// otherwise) or brings it up to date; it may be called by many at the same
// time, and does nothing where there is nothing to do. Only it needs the right
// to create things. To run, a role needs
//
//	GRANT USAGE ON SCHEMA devops_runlog TO deployer;
//	GRANT SELECT, INSERT ON devops_runlog.record TO deployer;
//	GRANT SELECT, INSERT, UPDATE ON devops_runlog.head TO deployer; -- Anchor
//	GRANT DELETE ON devops_runlog.record TO janitor;                -- Prune
//
// so whoever only runs releases cannot change or remove a record; whoever prunes
// needs the other rights too. To read:
//
//	SELECT seq, convert_from(rec, 'UTF8')::jsonb FROM devops_runlog.record
//	WHERE stream = 'stg/api' ORDER BY seq;
//
// An [Anchor] is worth something only in another database, or under another
// role, than the log that it watches.
//
// # Promises
//
// A record is a row with the primary key (stream, seq), and is inserted only
// where the row before it exists. Of those that race for a number the key lets
// one win. The transaction sets synchronous_commit to on, whatever the server's
// default, so an acknowledged record is as durable as the server can make it,
// synchronous standbys included. (Where an administrator cancels the wait for a
// standby, PostgreSQL reports success for a record that only the primary has.)
//
// A controller that is frozen in the middle of an Append holds up another one
// that wants the same number for at most Options.Timeout: the server then ends
// the session of the frozen one, which gets an error when it wakes.
//
// [Log.Prune] deletes in one transaction, and waits for Appends to the stream
// that are under way, as new ones wait for it, by an advisory lock that ends
// with the transaction. Else an Append that has seen the record which it would
// follow could write after that one is gone.
//
// Nothing outlives a transaction: no session settings, advisory locks or
// prepared statements. So the log works through PgBouncer in transaction mode.
// An Append is three round trips. Read takes pages of about 1 MiB, each in a
// transaction of its own, and holds no connection while its caller works. Ask
// the primary: a standby's log may lack its end, so an Append after that gets
// [deploy.ErrConflict].
//
// There are no torn records. A number that is missing in the middle, which
// only somebody with the right to delete can bring about, is an error.
//
// # Errors
//
// All are an [*Error] with stream and number, which wraps [deploy.ErrConflict],
// [deploy.ErrPruned],
// [deploy.ErrStreamName], [deploy.ErrRecord], [ErrMissing], the cause of ctx, or the error of pgx
// with what to do about it. They never hold the DSN or a record. When the
// connection breaks before the server's answer has come, Append returns an
// error though the record may be there; nothing is tried twice.
//
// [Log] and [Anchor] are safe for concurrent use, need no closing, and log
// nothing; the pool is the caller's.
package pglog
