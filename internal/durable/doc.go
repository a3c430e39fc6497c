// Package durable makes files and directories survive a power cut. Everything
// in this module that must do so is written through it.
//
// Kill -9 loses nothing that was written, a power cut loses all that was not
// synced: the content of a file until [File.Sync], and its name until
// [FS.SyncDir] of the directory that holds it. The functions here do both in
// the right order, and return only when what they did is durable:
//
//   - [WriteFile] replaces a file as a whole: old or new, never half;
//   - [Create] makes one as a whole, where there is none;
//   - [Append] adds to a file as a whole or not at all, as far as a program
//     can see; after a power cut the last addition may be torn, if Append did
//     not return;
//   - [MkdirAll], [ReplaceSymlink], [Rename] and [RemoveAll] change directories;
//   - [SyncTree] makes durable what somebody else wrote.
//
// [OpenLocked] excludes other processes for the time of a change, [LockFile]
// and [Unlock] do with a file that is kept open.
//
// # What was there before
//
// A process that is killed between a change and its sync leaves something that
// the next process sees and that is not durable. So the functions sync what
// they find as well as what they make: MkdirAll syncs the parents of
// directories that exist, and Append those of a file that is still empty.
//
// # Proof
//
// Functions take the [FS] that they work on: [OS], or the recorder of package
// powercut, which materialises every state that a power cut may leave.
//
// # Systems
//
// Linux and other unix systems whose kernel has flock. On Windows directories
// cannot be synced with the standard library, so SyncDir and OpenLocked return
// [errors.ErrUnsupported] there, and with them all that is built on them. File
// systems that ignore fsync, and network file systems, keep no such promise.
//
// Temporary names are the final name with a dot before and ".tmp-" and random
// letters behind; a crash may leave such a file, which nobody reads.
//
// All functions are safe for concurrent use. Errors are those of the
// operating system (*fs.PathError, *os.LinkError), which name the path.
package durable
