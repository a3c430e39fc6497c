// Package dirbackup makes backups of a folder, such as the uploads of a service.
//
//	p, err := dirbackup.New("/srv/api/uploads", nil)
//	made, err := writer.Backup(ctx, p)
//	...
//	_, err = dirbackup.Restore(ctx, reader, made.ID, "/srv/restored", nil)
//
// Do not use it for the files of a running database: they change while they are
// read, and belong together. Package pgbackup is for PostgreSQL.
//
// # What is in a backup
//
// Files with their content, folders, also empty ones, and links as links, with
// their permissions (setuid, setgid and sticky too), numeric owners and times of
// change to the nanosecond. Names may hold anything that is UTF-8. All names of a
// file with hard links are files of their own in the backup, and after a restore.
// Holes of sparse files are read as zeros, which compress to almost nothing; the
// option Sparse of a restore makes holes of zeros again.
//
// Not in it: extended attributes, ACLs, file flags; the time of a link itself,
// which the index has and a restore does not set; sockets, pipes and devices,
// which are listed in [Details]. Outside of linux owners are not known, nor
// mounts and hard links, and changes are found by size and mtime alone.
//
// No link is followed, so there are no loops. Other file systems that are mounted
// below the folder are backed up with it, since what is left out unasked is
// missing when it is needed; see Options.OneFileSystem.
//
// # Incremental by content
//
// Every file is read and hashed (SHA-256). One that the newest earlier backup of
// the same [Options].Source has at the same path with the same content is
// referred to and not stored again; a change of mode, owner or time alone stores
// nothing. A file that was renamed is stored again. Every backup is whole: it
// says where each of its files is, and restoring it replays nothing. Earlier
// backups that hold its files cannot be given up before it, and damage to what
// they hold is damage to all that refer to it: verify them, and make a Full one
// from time to time, which also lets go of parts that few files are left in.
//
// By default nothing is taken for unchanged because of its times. They can be
// set back, copied along with a file, and be the same before and after a change
// in one step of a coarse clock; pgBackRest 2.04 relied on what was there without
// a second look and made inconsistent backups of it. Options.TrustTimes saves the
// reading where that risk is taken: size, mtime, ctime and inode must all be the
// same, and the ctime two seconds older than the backup that recorded it.
//
// # Files that change
//
// Size, mtime and ctime are compared before and after a file is read, and the
// end of the file with its size. A file that changed is read again after a
// moment, three times in all; then the backup fails with a [*ChangedError], or,
// with KeepChanging, lists the file as inconsistent. Of one larger than 1 MiB the
// attempts that were given up take space in the store as long as the backup. What is written through a
// memory map may escape this, as the system sets the times late, and so may what
// happens on a server that the folder is mounted from. A file that vanishes
// between being listed and being read, or is none any more, is listed in
// [Details]; one that comes
// after its folder was listed is in the next backup. Files are read one after the
// other: the backup is not of one moment. A snapshot of the file system, backed
// up in place of the folder, is.
//
// # Limits
//
// Content takes about 20 MiB of memory, apart from what the Writer needs, and
// each file of the earlier backup about 500 bytes. A path that does not fit into
// the index (not UTF-8) fails the backup and is named, with all others that
// there are up to twenty, and so are folders that cannot be read. A folder with
// nothing in it is refused, since it may be the point of a mount that is not
// there. A repository that lies in the folder itself must be excluded.
//
// # Errors
//
// [*ChangedError], and those of the system, which name the path. All go through
// [backup.Writer.Backup]: after an error there is no backup. A [Producer] is safe
// for concurrent use; the package logs nothing.
package dirbackup
