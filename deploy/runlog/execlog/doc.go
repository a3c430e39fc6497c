// Package execlog keeps the run log of package deploy on a target host, over
// a [deploy.Executor].
//
//	log, err := execlog.New(host, "/var/lib/deploys", nil)
//	runner, err := deploy.New(log, nil)
//
// It is the choice where the program runs in CI and its disk is thrown away:
// the log lives with what it is about, and everybody who may release to the
// host finds it there. It needs nothing of ours on the host, only a POSIX
// shell with cat, grep, ln, mkdir, rm, sync, wc and xargs. Where the program runs on
// the host itself, package filelog is faster. Who releases to many hosts
// chooses one of them, or PostgreSQL or S3.
//
// # Files
//
// Record 7 of the stream "stg/api" is the file stg/api/@/7 in the directory of
// the Log, one line. Files have mode 0600 and directories 0700; all who append
// to a log are the same user of the host.
//
//	cd /var/lib/deploys/stg/api/@ && ls | grep '^[0-9]*$' | sort -n | xargs cat | jq -c .body
//
// # Promises
//
// Append is one command. It writes the record, which comes by standard input,
// to a temporary file, checks its length and syncs it, then links it to its
// number and syncs the directory. A link never replaces another, so of those
// that race for a number one wins, and there is no lock that a killed writer
// could leave behind, nor a torn record: what was cut before the link is a
// file tmp-* that nobody reads and anybody may remove. Read syncs the
// directory before it sends anything. A sync that knows no operands syncs the
// whole system, which is slow on a busy host.
//
// Read is one command, which sends the records while its caller takes them. A
// record that was removed from the middle looks like the end: the hash chain
// with an anchor kept elsewhere finds it.
//
// [Log.Prune] makes an empty file first/1201 before it removes the records up
// to number 1200, so that nobody reads those that a killed Prune has left; the
// next one removes them. A writer that stood still until its number was pruned
// looks for that file behind its link, takes the record away again and gets
// [deploy.ErrConflict].
//
// When the connection breaks, Append returns an error though the record may be
// there. Neither Append nor Read has a limit of time but ctx. The executor
// must not change what it passes: one whose redactor filters a record makes
// the hash chain fail.
//
// # Errors
//
// All are an [*Error] with stream and number, which wraps [deploy.ErrConflict],
// [deploy.ErrPruned], [deploy.ErrStreamName], [deploy.ErrRecord], the cause of ctx, or the executor's error. They hold
// no record. Records are in no argument vector.
//
// A [Log] is safe for concurrent use, needs no closing, and logs nothing. The
// package uses the standard library only.
package execlog
