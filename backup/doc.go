// Package backup keeps encrypted backups that are proven to restore.
//
// A repository is a [Store], such as a folder or a bucket, that [Init] has
// prepared. Three roles use it, and each machine holds the key of its own role
// only:
//
//   - a [Writer], beside the database, adds backups. What it holds cannot read
//     one, its own included, and it removes nothing;
//   - a [Keeper] gives backups up and deletes them, and cannot read one either;
//   - a [Reader], with the age identity of an operator, lists, verifies and
//     restores.
//
// What is stored can be read without this package, with age, zstd, tar and
// ssh-keygen: FORMAT.md says how, and a test does it.
//
//	keys, err := backup.Init(ctx, store, backup.InitOptions{Operators: []string{"age1...", "age1..."}})
//	w, err := backup.OpenWriter(ctx, store, keys.Writer, nil)
//	made, err := w.Backup(ctx, producer)
//	...
//	r, err := backup.OpenReader(ctx, store, identity, &backup.ReaderOptions{Fingerprint: keys.Fingerprint})
//	_, err = r.Verify(ctx, made.ID, &backup.VerifyOptions{Deep: true})
//	_, err = r.Restore(ctx, made.ID, "/srv/restored", nil)
//
// Do not use it to synchronise folders, or for an archive that must be searched:
// it gives back what was there at one moment.
//
// # When a backup exists
//
// A [Producer] adds files to a [Session]. They are packed into parts (tar), cut
// into frames that are compressed at the same time (zstd), each of which is
// decompressed again and compared before it is believed, encrypted (age), and
// stored under random names. When all of that is durable, and the store lists
// it, the signed record of the backup is stored, which names every object with
// its size and SHA-256. The backup exists from then on. A program that is killed
// before leaves objects that belong to nothing, which the Keeper removes when
// they are old.
//
// # What is found, and against whom
//
//   - A bit that changed, an object that is cut, missing or exchanged for
//     another: at the next [Reader.Verify] (Deep for content), and at a restore,
//     which then ends with an error and leaves a file that says so.
//   - Whoever can write the store and has no key can destroy, and cannot forge:
//     records are signed, and encrypted to a key that it lacks. A store with
//     object lock holds against destruction too. It could put a whole new
//     repository in place of this one, made for the same operators: keep
//     [Keys.Fingerprint] elsewhere and give it to [OpenReader] and that is
//     found.
//   - A stolen Writer's key can add false new backups. It reads records and
//     indexes (names, sizes, times) and no content, and it cannot change an old
//     backup that was verified without this being seen: the statement of a Reader
//     holds for one record only. That a backup was never verified means that
//     nobody has looked.
//   - A stolen Keeper's key can give up and delete what the store lets it. It
//     reads what a Writer's reads.
//   - Who has read with an operator's identity can sign as a Reader.
//
// # What is not found
//
// What is not found when the key of the Writer is stolen, and the store can be
// written: a backup that was deleted as a whole, with its records; a new backup
// whose content is false, also one that claims to be old, which counts as never
// verified until somebody verifies it, and that proves only that it is what was
// stored; an old backup that was exchanged, if its verifications were removed with
// it, so that it counts as never verified; a good backup that is called worthless,
// which is seen, and which the option Void restores in spite of it. With an object
// lock in the store none of this touches what was there before; a list of the
// verified backups that is kept elsewhere shows the first and the third.
//
// # Escrow
//
// Without the identity of an operator nobody reads a backup, and there is no way
// round. So give [Init] the recipients of at least two people; make one of the
// identities on a machine without network, print it or write it on two media,
// and keep it where the others are not: in another building, with the
// fingerprint and FORMAT.md. Restore with that one once in a while, or you do not
// know that it works. [CheckOperators] holds production to two. Who leaves is left
// out by [Reader.SetOperators]; the keys of Writer and Keeper need no copy: a new
// repository has new ones.
//
// # Removing
//
// There is no lock. A tombstone says that a backup is given up; nothing refers
// to it from then on. After a grace the Keeper reads all records again, and then
// deletes. A Writer whose backup refers to an older one looks for its tombstone
// after it has stored its record, and takes its backup back where there is one.
// No name is ever used twice.
//
// # Errors
//
// [ErrKey]: a key does not fit. [ErrDamaged]: something stored is not what was
// written. [*StoreError]: the store did not do it. [*TargetError]: a restore
// could not write. [*UncertainError]: nobody knows whether a backup exists.
// [*CorruptError]: the source was corrupt, the backup is void.
// [fs.ErrNotExist]: there is no such backup or repository.
package backup
