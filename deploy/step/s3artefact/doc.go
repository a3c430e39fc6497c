// Package s3artefact keeps the archives of package artefact in an S3 bucket.
//
//	client := s3.NewFromConfig(cfg)
//	store, err := s3artefact.New(client, "example-artefacts", &s3artefact.Options{Prefix: "api/"})
//	push := &artefact.Push{Archive: "/srv/build/api.tar.gz", Digest: "${artefact}", Store: store}
//
// Use it where the machine that builds is not the one that runs, or is thrown
// away. It works with AWS and with stores that speak as it does. Client,
// credentials, region, endpoint and retries are the caller's.
//
// # Objects
//
// An archive is the object <prefix>sha256/HEX.tar.gz, its signature the same
// name with ".sig" behind; a folder store that is copied as it is has the same
// names. Nothing is deleted: a lifecycle rule may do that, but not to what may
// still be promoted or rolled back to.
//
// # Promises
//
// Put reads the archive and refuses one that does not have the digest, before
// anything is sent. It creates the object with If-None-Match, so that what is
// there is not written over, and with its SHA-256 as the checksum that S3
// verifies before it accepts it. An object exists as a whole or not at all. One
// that is there already must have the same size and, where the store knows it,
// the same checksum; else the error wraps [ErrDamaged]. What Get returns is
// summed as it is read, whatever the store says of it. A store that ignored
// conditions and checksums could lose archives that way, not change them
// unnoticed.
//
// # Rights
//
// s3:GetObject and, to push, s3:PutObject on <prefix>sha256/*, and s3:ListBucket
// on the bucket: without it S3 answers "forbidden" for what does not exist. To
// push to production's bucket should be the right of the program that promotes,
// and s3:PutObject for *.tar.gz be granted on the condition s3:if-none-match only.
//
// # Cost
//
// A Put is one HEAD, and one PUT if the archive is new; Get and Stat are one
// request each.
//
// # Errors
//
// All are an [*Error] with operation and digest, which wraps [ErrDigest],
// [ErrDamaged], [fs.ErrNotExist], the cause of ctx, or, where no answer came,
// the SDK's own. They hold what the store says of the reason, and no
// credentials.
//
// A [Store] is safe for concurrent use, needs no closing, and logs nothing.
package s3artefact
