// Package pgbackup makes base backups of PostgreSQL 15 and newer over the
// server's replication protocol: nothing runs on the database's host, and
// nothing is written to a local disk on the way.
//
//	p, err := pgbackup.New("host=db.example user=backup dbname=postgres", &pgbackup.Options{Password: password})
//	made, err := writer.Backup(ctx, p)
//	...
//	_, err = pgbackup.Restore(ctx, reader, made.ID, "/var/lib/postgresql/15/restored", nil)
//
// The role needs REPLICATION, and pg_hba.conf a line with the word replication
// for it. With pg_read_all_settings, or as a superuser, it also sees a
// configuration that lies outside of the data directory, as Debian has it, and
// with EXECUTE on pg_read_file(text) the files themselves; see
// [Details.Configuration]. [Producer.Preflight] says what is missing.
//
// # What is in a backup
//
// The whole cluster, with its tablespaces, and the write-ahead log from the
// backup's start to its end, so that nothing else is needed to restore it: a
// temporary slot keeps the server from recycling any of that meanwhile. What
// arrives is compared, size and CRC32C of each file, with the server's own
// manifest before the backup exists. The server checks the pages' checksums as
// it reads; pages that are corrupt leave a backup that is kept as evidence and
// is none that may be restored.
//
// A restore gives the state at the end of the backup: to any other moment it
// takes an archive of the write-ahead log, which this package does not keep.
//
// # Restoring
//
// [Restore] makes a data directory. A server of the same major version, started
// on it, is consistent when it answers. Tablespaces go to folders of their own.
// Nothing is written over.
package pgbackup
