// Package pgbackup makes base backups of PostgreSQL 15 and newer over the
// server's replication protocol: nothing runs on the database's host, and
// nothing is written to a local disk on the way.
//
//	p, err := pgbackup.New("host=db.example user=backup dbname=postgres", &pgbackup.Options{Password: password})
//	made, err := writer.Backup(ctx, p)
//	...
//	rep, err := pgbackup.Restore(ctx, reader, made.ID, "/var/lib/postgresql/15/restored", nil)
//	proof, err := pgbackup.Prove(ctx, rep.Backup, rep.Target, nil)
//
// The role needs REPLICATION, and pg_hba.conf a line with the word replication
// for it. With pg_read_all_settings, or as a superuser, it also sees a
// configuration that lies outside of the data directory, as Debian has it; with
// pg_read_server_files and EXECUTE on pg_read_file(text), the files themselves;
// see [Details.Configuration]. [Producer.Preflight] says what is missing.
//
// Do not use it for a managed service, which lets nobody copy its files, for a
// standby, or to move to another major version.
//
// # What is in a backup
//
// The whole cluster, with its tablespaces, and the write-ahead log from the
// backup's start to its end, so that nothing else is needed to restore it: a
// temporary slot keeps the server from recycling any of that meanwhile. What
// arrives is compared, size and CRC32C of each file, with the server's own
// manifest before the backup exists. The server checks the pages' checksums, if
// it has them, as it reads; pages that are corrupt leave a backup that is kept as
// evidence and is none that may be restored.
//
// A restore gives the state at the end of the backup: to any other moment it
// takes an archive of the write-ahead log, which this package does not keep.
//
// A backup during which a tablespace is made fails: whoever replays that makes
// it in the place that it had, and on the machine of the original that is the
// original's. For the same reason a restored server must not be given what the
// original alone may have. Its configuration is the original's where that was in
// the data directory: look at archive_command before it is started for good, for
// it would archive over the original, on the same timeline; at subscriptions,
// and at jobs. [Prove] turns all of these off.
//
// # Restoring
//
// [Restore] makes a data directory. A server of the same major version, started
// on it, is consistent when it answers. Tablespaces go to folders of their own.
// Nothing is written over. Files and folders belong to who restores: hand them to
// the server's user. On Debian these commands make a cluster of the folder, for
// which pg_createcluster moves the configuration to where Debian has it:
//
//	chown -R postgres: /var/lib/postgresql/15/restored
//	pg_createcluster -d /var/lib/postgresql/15/restored 15 restored
//	pg_ctlcluster 15 restored start
//
// What names files or servers of the original is not in a configuration that was
// made of its settings: certificates, sockets, standbys, the archive command.
// devops-server-configuration in the folder has the originals, where the role
// could read them.
//
// # Errors
//
// Those of package backup; [*backup.CorruptError] for corrupt pages. What the
// server refuses is a *pgconn.PgError in the chain, with what to do about it in
// the text. No error shows a password. All functions end soon after ctx does.
package pgbackup
