// Package s3log keeps the run log of package deploy in an S3 bucket, by
// conditional writes.
//
//	client := s3.NewFromConfig(cfg)
//	log, err := s3log.New(client, "example-ops", &s3log.Options{Prefix: "runlog/"})
//	runner, err := deploy.New(log, nil)
//
// Use it where several machines may run releases, or where the program runs in
// CI and its disk is thrown away. It works with AWS and with any store that
// honours "If-None-Match: *" and lists what was just written; [Log.Probe]
// proves that. Client, credentials, region, endpoint and retries are the
// caller's.
//
// # Objects
//
// Record 7 of the stream "stg/api" is the object
//
//	runlog/stg/api/R/00000000000000000007
//
// which is exactly the record. Its metadata devops-runlog holds the version of
// this format, the record's length in bytes and a random token of the Append
// that wrote it. No element of a stream's name has capitals, so streams cannot
// clash. An [Anchor] keeps the head of the stream in stg/api/H; it is worth
// something only in another bucket, or under other credentials, than the log
// that it watches.
//
// # Promises
//
// Append creates the object with If-None-Match, so of those that race for a
// number one wins. That the record before is there is asked first, where this
// Log does not know it: records are never removed. Where the SDK repeats a
// request whose answer was lost and is then told that the object exists, the
// token tells whether it was its own.
//
// A store that ignores the condition would let two controllers act at the same
// time. So the first Append of a Log probes the store, on an object of its own
// below <prefix>P/: it lets four writers race and compares what is there with
// who won. It removes the object then; where it may not, or ctx ends before, the object
// stays. An
// Append fails with [ErrUnsafe] until a probe has succeeded. A program that
// wants to know early calls [Log.Probe].
//
// # Pruning
//
// [Log.Prune] makes the object stg/api/B/<number of the first record that
// stays> and then replaces the records before it by empty objects, eight at a
// time. Their keys stay taken for ever, since a deleted one could be had again
// by a controller that slept meanwhile; S3 bills no storage for the content of
// an empty object. Who meets one looks for the highest number below B/ and
// reads from there. A Prune that broke off shows no gap, and the next one
// completes it. In a bucket with versioning the records stay as noncurrent
// versions until a lifecycle rule expires those.
//
// # Torn records
//
// S3 replaces whole objects, so there are no torn records. An object that
// this package did not write, or that has another length, is [ErrForeign]; a
// number that is missing in the middle is [ErrMissing].
//
// # Cost
//
// An Append is one PUT, after one HEAD where another Log wrote the record
// before; the first is some eight requests more. Prune is a PUT for each record
// that goes and a LIST for each 1,000 that ever were. Read is one LIST for each
// 1,000 records from the number asked for on, not from the first, and one GET
// for each record, eight at a time. A run of 100 records reads in some 15 round
// trips.
//
// # Rights
//
// To run: s3:PutObject and s3:GetObject on the objects, s3:ListBucket on the bucket
// (without it S3 answers "forbidden" for what does not exist), and for the
// probe's object s3:DeleteObject. Deny s3:DeleteObject below <prefix> otherwise,
// and demand the condition s3:if-none-match for s3:PutObject: then nobody with
// these rights can change a record. Prune overwrites records, so it needs
// credentials of its own without that condition. A lifecycle rule must not
// expire records.
//
// # Errors
//
// All are an [*Error] with stream and number, which wraps [deploy.ErrConflict],
// [deploy.ErrPruned],
// [deploy.ErrStreamName], [deploy.ErrRecord], [ErrForeign], [ErrMissing], [ErrUnsafe], the cause of
// ctx, or, where no answer came, the SDK's own. They hold what the store says
// of the reason, no credentials and no record.
//
// [Log] and [Anchor] are safe for concurrent use, need no closing, and log
// nothing.
package s3log
