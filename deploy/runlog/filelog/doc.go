// Package filelog keeps the run log of package deploy in files on this
// machine.
//
//	log, err := filelog.New("state/log", nil)
//	runner, err := deploy.New(log, nil)
//
// Use it where the program runs on a machine that lives on: the host itself,
// or an operator's. Do not use it where the file system is thrown away with
// the program, as in most CI, nor on a network file system.
//
// # Files
//
// The stream "stg/api" is the file stg/api.jsonl in the directory of the Log,
// one record per line:
//
//	jq -c .body state/log/stg/api.jsonl
//
// Files have mode 0600 and directories 0700. New does no I/O; the first Append
// makes the directory. A part of a stream's name that ends in ".jsonl" (and
// any ".d" behind it) gets one more ".d" where it is a directory, so it cannot
// clash with a file.
//
// A file from which [Log.Prune] has removed records begins with an empty line,
// which no record is, and a line that says how many:
//
//	{"v":1,"pruned":1200}
//
// so line 3 of the file is record 1201. Versions of this package from before
// Prune refuse such a file.
//
// # Promises
//
// Append holds a lock on the file (flock) from reading the number of records
// until the record is synced, so among goroutines and processes one wins each
// number. It reads only what others added since this Log last looked. When it
// fails, for a full disk or else, the file has its old length. Between calls
// the file stays open and is not locked; that it still has its name is looked
// up each time.
//
// A process that was stopped in the middle of an Append keeps its lock, though
// it may never go on. Whoever waits for it for longer than Options.Wait gets
// [ErrBusy], which on Linux names the process and says whether it is stopped.
// To end it frees the lock, and whatever it left is treated as a crash is.
//
// Prune writes the records that stay to a new file, stg/api@pruning, which
// then takes the name of the old one, under the same lock and with the same
// owner. It needs room for them. A reader that has begun reads on in the old
// file.
//
// Read takes the lock while it looks where the stream ends, and syncs what it
// is about to yield: a record that somebody reads is durable, even if the
// process that wrote it was killed before its Append returned.
//
// # Torn records
//
// A power cut during Append can leave the beginning of a record without a line
// feed, or one with zero bytes in it. Read yields all records before and then
// an error that wraps [deploy.ErrTorn]. The next Append keeps the torn bytes
// in <stream>.torn-1, torn-2 and so on, then takes their place. A last line
// that is damaged in another way is yielded as it is: the hash chain of the
// run log finds it, and whoever reads it must not go on.
//
// # Anchor
//
// [NewAnchor] keeps the newest head of each stream in another folder, by which
// a Runner finds that records were cut off. Put it on another disk or under
// another user.
//
// # Errors
//
// All are an [*Error] with path and line, which wraps [deploy.ErrConflict],
// [deploy.ErrTorn], [deploy.ErrStreamName], [deploy.ErrRecord], [ErrBusy], the cause of
// ctx, or the error of the operating system with what to do about it. Where there is no flock the
// error wraps [errors.ErrUnsupported].
//
// A [Log] is safe for concurrent use and logs nothing. It needs no closing, but
// keeps up to 32 files open until [Log.Close] or the garbage collector closes
// them. The
// package uses the standard library only.
package filelog
