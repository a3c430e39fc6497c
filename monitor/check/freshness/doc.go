// Package freshness checks that something which has to happen again and again
// did so lately: a backup, a restore drill, an update of dependencies, the
// renewal of a certificate, a penetration test.
//
//	backup, err := freshness.New(freshness.Newest("/var/backups/db", "*.age", 1<<20), 25*time.Hour, nil)
//	pentest, err := freshness.New(freshness.Timestamp("/etc/ops/last-pentest"), 92*24*time.Hour,
//		&freshness.Options{WarnAge: 78 * 24 * time.Hour})
//	drill, err := freshness.New(func(ctx context.Context) (time.Time, error) { return catalogue.LastDrill(ctx) }, 31*24*time.Hour, nil)
//
// A check that runs looks at the result of what runs elsewhere, and so also
// notices that it was never started. Where the work itself can report, a
// check-in with a service outside also notices that this machine is gone.
//
// # Sources
//
// A [Source] is any function that tells when it happened last. [File] is the
// time at which a file was modified, [Newest] that of the newest file in a
// folder whose name fits a pattern, [Timestamp] the time that is written in a
// file. A copy with its times kept (cp -p, rsync -a) shows the time of the
// original, and touch makes anything look fresh: a time that the work writes
// itself, after it has verified what it did, says more.
//
// # Results
//
// The measurement "age" is in s. It fails when the age is more than allowed; when
// it never happened, which is a source that returns the zero time or an error
// that wraps [io/fs.ErrNotExist]; when the source fails; and when the time lies
// in the future by more than Options.Skew, because such a time would look fresh
// until long after. An age below zero within that is counted as zero. The detail
// tells the age and the limit and no path, which the error does.
//
// A [Check] is safe for concurrent use if its source is, and logs nothing.
package freshness
