package deploy

import (
	"context"
	"errors"
	"iter"
)

// ErrConflict reports that another controller appended to the stream first,
// or that the sequence number leaves a gap. Whoever gets it has lost its place
// and must not act: no effect may follow an intent that was not appended.
var ErrConflict = errors.New("log sequence number is not the next one")

// ErrTorn reports bytes behind the last whole record of a stream: a record
// whose Append never returned, cut by a crash. Nothing was done on its
// strength, so a run continues without it; the next Append takes its place.
var ErrTorn = errors.New("last log record is torn")

// MaxRecord is the size in bytes of the largest record a Log must accept.
const MaxRecord = 1 << 20

// Log stores append-only streams of records. It is the journal, the lease and
// the history of a run at once: the compare-and-set on the sequence number is
// what keeps two controllers from acting at the same time.
//
// A stream is named by slash-separated elements of the characters a-z, 0-9,
// ".", "_" and "-", none of them "." or "..". A stream that was never appended
// to is empty, not an error. A record is one JSON text of at most [MaxRecord]
// bytes without a line feed; the Log neither reads nor changes it.
//
// Implementations are safe for concurrent use by several goroutines and by
// several processes. Package runlogtest proves one.
type Log interface {
	// Append adds rec as record number seq, counted from 1. It succeeds only
	// if the stream holds exactly seq-1 records, and returns an error that
	// wraps [ErrConflict] otherwise. When it returns nil the record is
	// durable. After any other error the record may or may not be there: the
	// caller reads the stream again before it goes on; where ctx had ended,
	// the error wraps its cause. Append does not keep rec, and works while
	// somebody reads.
	Append(ctx context.Context, stream string, seq uint64, rec []byte) error

	// Read yields the records from number from (1 is the first) in order and
	// stops at the first error. Where the stream ends in a torn record, the
	// last pair is (nil, error wrapping [ErrTorn]). What it yields is
	// durable. The caller may keep the records.
	Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error]
}
