package hashlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// Head identifies a whole chain up to a record. Kept elsewhere it is the
// anchor that shows a log to be truncated or rewritten. Heads are comparable.
type Head struct {
	// Seq is the number of the record, counted from 1; 0 is an empty chain.
	Seq uint64
	// Hash is the hash of that record.
	Hash [sha256.Size]byte
}

// String returns the text form: the number, a colon and the hash in hex.
func (h Head) String() string { return fmt.Sprintf("%d:%x", h.Seq, h.Hash) }

// MarshalText returns the text form of [Head.String].
func (h Head) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads the text form of [Head.String], and no other spelling.
func (h *Head) UnmarshalText(text []byte) error {
	seq, hash, found := bytes.Cut(text, []byte(":"))
	n, ok := number(seq)
	var sum [sha256.Size]byte
	if !found || !ok || len(hash) != hex.EncodedLen(len(sum)) || !unhex(&sum, hash) {
		return fmt.Errorf("hashlog: %q is not a head: want a number, a colon and %d lower-case hex digits", text, hex.EncodedLen(len(sum)))
	}
	*h = Head{n, sum}
	return nil
}

// ErrEdited reports a record whose content does not match its hash, or a line
// that is no record at all.
var ErrEdited = errors.New("log was edited")

// ErrReordered reports a sound record in the wrong place: records were moved,
// repeated or taken out.
var ErrReordered = errors.New("log was reordered")

// ErrSpliced reports a sound record with the right number that does not follow
// the one before: it comes from another stream, or the one before was
// replaced together with its hash.
var ErrSpliced = errors.New("log was spliced")

// ErrTruncated reports a chain that ends before its anchor, or that begins
// after its first record and does not say why.
var ErrTruncated = errors.New("log was truncated")

// ErrPruned reports an anchor for a record that was removed from the beginning
// of a chain, as [Chain.OpenPruned] lets one.
var ErrPruned = errors.New("log no longer has the record")

// ErrVersion reports a record in a format newer than this program.
var ErrVersion = errors.New("log has a newer format")

const remedy = "do not continue from it: find out who changed it, and restore it from a copy"

// Error tells which record of which stream cannot be believed, and why.
type Error struct {
	Stream string
	// Seq is the number that the record should have.
	Seq uint64
	Err error
}

// Error names the stream, the record, the cause and what to do.
func (e *Error) Error() string {
	return fmt.Sprintf("stream %s, record %d: %v", e.Stream, e.Seq, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
