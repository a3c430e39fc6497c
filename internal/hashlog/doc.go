// Package hashlog chains records by hash, so that a log which was edited,
// reordered or spliced is found out wherever it was stored.
//
//	chain := hashlog.NewChain("stg/api")
//	line, next, err := chain.Seal(body) // prepares record next.Seq
//	// store line; if that worked:
//	err = chain.Advance(next)
//
// A reader makes a new [Chain] of the same stream name and calls [Chain.Open]
// with each line in order.
//
// # Format
//
// A record is one line of JSON, exactly in this form, without a line feed:
//
//	{"v":1,"seq":N,"prev":"<64 hex>","hash":"<64 hex>","body":<compact JSON>}
//
//	hash(N) = SHA-256("devops hashlog v1\n" + N in decimal + "\n" + prev in hex + "\n" + body)
//	prev(N) = hash(N-1)
//	prev(1) = SHA-256("devops hashlog v1\nstream " + stream name + "\n")
//
// The hash covers the version, the number, all records before and the exact
// bytes of the body; the name of the stream enters through prev(1), so a
// record of another stream does not fit. Any other spelling of the same JSON
// (spaces, order of keys, upper-case digits) counts as edited. Anybody can
// check a record; body is what stands between "body": and the last brace:
//
//	printf 'devops hashlog v1\n%s\n%s\n%s' "$seq" "$prev" "$body" | sha256sum
//
// # What it proves, and against whom
//
// The chain has no key. It finds accidents and changes by somebody who cannot
// rewrite everything that follows. Who can write the whole log can also
// compute a new chain, and who can shorten it can cut it at the end of any
// record: what is left is a correct, shorter chain. Both are found only
// against a [Head] kept elsewhere: [Chain.CheckAnchor].
//
// A stream whose beginning was removed on purpose is opened with
// [Chain.OpenPruned]. What its first record says of the one before is a claim
// until a record of the chain, written before the removal, states the head up
// to which records may go; package deploy has such a record.
//
// # Errors
//
// An [*Error] names the stream and the record. It wraps [ErrEdited],
// [ErrReordered], [ErrSpliced], [ErrTruncated], [ErrPruned] or [ErrVersion].
//
// A Chain is for one goroutine at a time and remembers 32 bytes per record.
// The package uses the standard library only and does no I/O.
package hashlog
