// Package pgcheck checks a PostgreSQL server, version 15 to 18, from inside: that
// it takes connections and has some left, and what ends badly when nobody looks:
// long transactions, blocked sessions, standbys that lag, slots that hold back
// WAL, an archive that does not follow, and the wraparound of transaction ids.
//
//	config, err := pgx.ParseConfig("postgres://monitor@db.example.com/app")
//	...
//	db, err := pgcheck.New(config, &pgcheck.Options{Standbys: []string{"replica1"}})
//	...
//	monitor.Definition{Name: "postgres", Check: db}
//
// Where only "is it there" matters, [monitor.ErrorFunc] of the Ping of a pool is
// enough, and tells about the pool besides. For two alerts make two checks, and
// turn off in each what is not its own with negative limits. Slow queries are
// the subject of pg_stat_statements and not of this package.
//
// # The role
//
// Give the check a login role of its own with pg_monitor and nothing else:
//
//	CREATE ROLE monitor LOGIN PASSWORD '...';
//	GRANT pg_monitor TO monitor;
//
// Without pg_monitor the server hides what others do: the check warns, and says
// nothing about transactions, locks and standbys. A role that is no superuser
// also meets the limit of connections as the application does.
//
// # What is judged
//
// Connect to the server itself and not to a pooler, which would hide whether the
// server takes connections, and refuses the settings of the session.
//
// Each run makes one connection, read-only, with application_name
// devops-pgcheck (unless the configuration names one) and a statement_timeout of
// Options.Timeout, asks some ten queries of the statistics views, and closes it.
//
//	connections    used of those that are left to ordinary roles: max_connections
//	               without superuser_reserved_connections and reserved_connections
//	transactions   the longest one, prepared ones included, and the longest that
//	               is idle in one
//	locks          the longest wait for a lock, and who blocks whom
//	replication    on a primary each standby that streams, in bytes that it has
//	               not replayed and in seconds (replay_lag); of those in
//	               Options.Standbys each has to be there. On a standby, how far it
//	               is behind what it received, and that it receives
//	slots          the WAL that inactive ones hold back, and lost ones
//	archive        the last attempt failed; how long the oldest segment waits,
//	               which also shows a command that hangs
//	wraparound     the age of the oldest transaction id and multixact, of 2^31
//	deadlocks      per minute since the last run
//	indexes        invalid ones, in the database that is connected to, if wanted
//
// A problem with one of them does not hide the others: all are asked, and all
// that is wrong is reported together.
//
// # Results
//
//	connect s, connections 1, connections_used 1 (fraction), longest_transaction s,
//	idle_in_transaction s, blocked 1, blocked_for s, standbys 1, lag s, lag_bytes By,
//	lag_NAME s and lag_bytes_NAME By of each of Options.Standbys, slots_inactive 1,
//	slot_retained By, on a standby replay_lag s and replay_lag_bytes By, archive_age s, archive_waiting s, archive_ready 1,
//	xid_used 1, multixact_used 1 (fractions), deadlocks /min, invalid_indexes 1
//
// The detail says what is wrong in general words, with figures. The error names
// processes, roles, databases, application names, standbys and slots, and never the
// text of a query, whose literals may be anybody's data, nor a password.
//
// A [Check] is safe for concurrent use, logs nothing, tries nothing again, and
// starts no goroutine that outlives a run.
package pgcheck
