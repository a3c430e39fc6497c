// Package s3store keeps the objects of a [backup.Store] in an S3 bucket, of AWS
// or of another service that speaks its protocol.
//
//	cfg, err := config.LoadDefaultConfig(ctx)
//	store, err := s3store.New(s3.NewFromConfig(cfg), "example-backups", &s3store.Options{Prefix: "db1/"})
//
// Client, credentials, region, endpoint and retries are the caller's. Do not use
// it for a service that fails [Store.Probe].
//
// # What is relied on
//
// A name must never be used twice, and what was stored must be there for all at
// once. So each object is created with "If-None-Match: *", by PutObject or, from
// 5 MiB on, by CompleteMultipartUpload. Before its first Put a Store proves, on
// objects of its own below <prefix>.probe-, that the service honours this on
// both, of writers that race too, that it shows and lists what was just written,
// and that it refuses a body that does not fit its checksum; a service that does
// not is reported with [ErrUnsafe] and the name of what it lacks, and nothing is
// stored in it. The objects are removed then; where they may not be, because the
// bucket keeps everything or the rights are missing, some 100 bytes stay.
//
// # Integrity
//
// Each request carries the CRC32 of its body, which the service compares: the
// algorithm is named when an upload of several parts begins, and the checksum of
// each part when it ends. Where the client has RequestChecksumCalculation "when
// required" (AWS_REQUEST_CHECKSUM_CALCULATION), for services that refuse these
// headers, none is sent or probed; the signature covers the body then. What is read is
// not compared here: package backup knows its SHA-256.
//
// # Faults
//
// The client repeats requests as its Retryer says, three times by default. A
// request on which nothing moves for [Options.Timeout] counts as failed. A Get
// that breaks off goes on where it stopped, three times without a byte at most.
// Where the answer to a Put was lost, a token in the object's metadata
// (devops-backup) tells whether it was this Put that stored it.
//
// An upload that fails is aborted. A killed process cannot: [Store.Sweep]
// removes what it left, which no list shows and which is billed. A lifecycle
// rule AbortIncompleteMultipartUpload does it too.
//
// # Memory
//
// A Put holds two parts of 5 MiB, one that is read and one on its way. A Store
// keeps up to eight of these buffers for the next Puts. An object has at most
// 10,000 parts, which is 48 GiB.
//
// # Object lock
//
// With [Options.LockMode] each object is kept for [Options.LockDays]; a default
// retention of the bucket does the same. Delete removes the version that is
// there, not only its name, and is refused with [fs.ErrPermission] until then.
// An intruder may hide a locked object behind a delete marker or a newer
// version: the object is still there, and comes back when these are removed.
//
// # Rights
//
// s3:ListBucket on the bucket, and below the prefix s3:PutObject, s3:GetObject
// and s3:AbortMultipartUpload; with LockMode s3:PutObjectRetention. Whoever
// deletes needs s3:DeleteObject and s3:DeleteObjectVersion, whoever sweeps
// s3:ListBucketMultipartUploads.
//
// # Errors
//
// All are a [*backup.StoreError]. It wraps [fs.ErrNotExist], [fs.ErrExist],
// [fs.ErrPermission] where the service answers "forbidden", [ErrUnsafe],
// [backup.ErrName], the error of a body, the cause of ctx, or, where no answer
// came, the SDK's own. They hold what the service says of the reason, and no
// credentials.
//
// A [Store] is safe for concurrent use, needs no closing, and logs nothing.
//
// # Decisions
//
// Parts are sent by a small loop and not by the SDK's transfer manager, which was
// tried: it makes its buffers anew for each object, so that a backup with four
// Puts took 294 to 362 MB of memory instead of 229 to 245, and it prints what
// fails.
package s3store
