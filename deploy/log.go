package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strings"
)

// ErrConflict reports that another controller appended to the stream first,
// or that the sequence number leaves a gap. Whoever gets it has lost its place
// and must not act: no effect may follow an intent that was not appended.
var ErrConflict = errors.New("log sequence number is not the next one")

// ErrTorn reports bytes behind the last whole record of a stream: a record
// whose Append never returned, cut by a crash. Nothing was done on its
// strength, so a run continues without it; the next Append takes its place.
var ErrTorn = errors.New("last log record is torn")

// ErrPruned reports records that were removed on purpose, see [Pruner]: from a
// Read, that this happened while it read, and that it can be begun again; of a
// run, that the log knows no more of it than that it ended; of a head, that it
// is older than what is left, so that nothing can be compared.
var ErrPruned = errors.New("records were removed from the beginning of the log")

// MaxRecord is the size in bytes of the largest record a Log must accept.
const MaxRecord = 1 << 20

// ErrStreamName reports a stream name that the contract of [Log] does not
// allow.
var ErrStreamName = errors.New(`stream name is not made of slash-separated elements of a-z, 0-9, ".", "_" and "-"`)

// ErrRecord reports a record that the contract of [Log] does not allow.
var ErrRecord = errors.New("record cannot be stored")

var streamElement = regexp.MustCompile(`^[a-z0-9._-]+$`)

// CheckStream tells whether a stream may have the name; the error wraps
// [ErrStreamName]. It is for those who implement a [Log] or an [Anchor].
func CheckStream(name string) error {
	for element := range strings.SplitSeq(name, "/") {
		if !streamElement.MatchString(element) || element == "." || element == ".." {
			return ErrStreamName
		}
	}
	return nil
}

// CheckRecord tells whether a record may be appended, without reading its
// JSON; the error wraps [ErrRecord]. It is for those who implement a [Log].
func CheckRecord(rec []byte) error {
	switch {
	case len(rec) == 0:
		return fmt.Errorf("%w: it is empty", ErrRecord)
	case len(rec) > MaxRecord:
		return fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrRecord, len(rec), MaxRecord)
	case bytes.ContainsAny(rec, "\n\x00"):
		return fmt.Errorf("%w: it has a line feed or a zero byte, which no compact JSON has", ErrRecord)
	}
	return nil
}

// Log stores append-only streams of records. It is the journal, the lease and
// the history of a run at once: the compare-and-set on the sequence number is
// what keeps two controllers from acting at the same time.
//
// A stream is named by slash-separated elements of the characters a-z, 0-9,
// ".", "_" and "-", none of them "." or "..", see [CheckStream]. A stream that was never appended
// to is empty, not an error. A record is one JSON text of at most [MaxRecord]
// bytes without a line feed; the Log neither reads nor changes it.
//
// Implementations are safe for concurrent use by several goroutines and by
// several processes. Package runlogtest proves one.
type Log interface {
	// Append adds rec as record number seq, counted from 1. It succeeds only
	// if the last record is number seq-1 (for 1, if there never was one), and
	// returns an error that wraps [ErrConflict] otherwise. When it returns nil the record is
	// durable. After any other error the record may or may not be there: the
	// caller reads the stream again before it goes on; where ctx had ended,
	// the error wraps its cause. Append does not keep rec, and works while
	// somebody reads.
	Append(ctx context.Context, stream string, seq uint64, rec []byte) error

	// Read yields the records from number from (1 is the first) in order and
	// stops at the first error. Where that record was removed by a [Pruner],
	// it begins with the first that is there. Where the stream ends in a torn
	// record, the last pair is (nil, error wrapping [ErrTorn]). What it yields
	// is durable. The caller may keep the records.
	Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error]
}

// Pruner is a [Log] that can remove the beginning of a stream. Numbers never
// change and are never given again: what is removed leaves its numbers behind.
// [Runner.Prune] says first, in the log itself, what will be removed; without
// that a stream whose beginning is missing is not believed.
type Pruner interface {
	Log

	// Prune removes the records with numbers lower than before; those that are
	// gone already do not matter, so that it can be called again after a
	// crash, and then removes what is left of them. Where some would go,
	// record number before must be there, so that the last record always
	// stays; otherwise Prune removes nothing and returns an error. However it
	// ends, what Read yields is the end of the stream without a gap. Others
	// append meanwhile, and a Read under way yields the records that it would
	// have yielded or ends with an error that wraps [ErrPruned]. Where ctx
	// ended, the error wraps its cause.
	Prune(ctx context.Context, stream string, before uint64) error
}
