package artefact

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// Store keeps archives by their digest. What is in it never changes.
//
// Digests have the form "sha256:" and 64 lower-case hex digits; a store
// refuses others. Methods are safe for concurrent use, also by other programs.
// An error that wraps [fs.ErrNotExist] is an answer: the store was asked and
// has no such archive. Where ctx had ended, an error wraps its cause. A Store
// that also has a method String says with it in a plan where it is.
type Store interface {
	// Put keeps an archive of at most [MaxSize] bytes. It reads from the
	// beginning to the end, maybe more than once, and does not close. When it
	// returns nil the archive is there for good. Content that does not have the digest
	// is refused, and nobody ever sees a part of it. An archive that is there
	// already stays, which is no error: Put may be repeated.
	Put(ctx context.Context, digest string, archive io.ReadSeeker) error
	// Get returns the archive; the caller closes it. If the content does not
	// have the digest, reading to the end fails with an error other than
	// [io.EOF], so nothing of it counts before that.
	Get(ctx context.Context, digest string) (io.ReadCloser, error)
	// Stat returns the size in bytes of an archive that is there.
	Stat(ctx context.Context, digest string) (size int64, err error)
}

// Signatures is a [Store] that keeps signatures, too: one note of at most 64
// KiB for each archive, which [Push] puts and [Pull] gets. It is not trusted
// with them: whoever has keys verifies.
type Signatures interface {
	Store
	// PutSignature keeps a note for good, in place of an earlier one.
	PutSignature(ctx context.Context, digest, note string) error
	// Signature returns the note that was put last; an error that wraps
	// [fs.ErrNotExist] says that there is none.
	Signature(ctx context.Context, digest string) (note string, err error)
}

// signatures finds the optional interface.
func signatures(s Store) (Signatures, bool) {
	for {
		if found, ok := s.(Signatures); ok {
			return found, true
		}
		outer, ok := s.(interface{ Unwrap() Store })
		if !ok {
			return nil, false
		}
		s = outer.Unwrap()
	}
}

// where describes a store in a plan.
func where(s Store) string {
	if named, ok := s.(fmt.Stringer); ok {
		return named.String()
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", s), "*")
}
