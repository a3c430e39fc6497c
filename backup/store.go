package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strings"
	"time"
)

// Object is what a [Store] knows of an object without reading it.
type Object struct {
	Name string
	// Size is in bytes.
	Size int64
	// Created is when, by the clock of the store. Nothing that is safe only
	// if clocks agree may rest on it.
	Created time.Time
}

// Store keeps immutable objects under names that are never used again.
//
// A name is made of slash-separated elements of the characters a-z, A-Z, 0-9,
// ".", "_" and "-", none of them beginning with a dot, and has at most 200
// characters; see [CheckName]. The elements are no folders: none must be made,
// and none is left. No name is the beginning of another one with a slash
// behind it.
//
// Implementations are safe for concurrent use by several goroutines and by
// several processes, and make up for faults that pass by themselves. An error
// that they return is lasting, or has lasted longer than they try. Package
// storetest proves one.
type Store interface {
	// Put stores what it reads from body up to its end under name. When it
	// returns nil the whole object is there and durable. Where the name is
	// taken already the error wraps [fs.ErrExist], and the object that has it
	// is as it was; whoever loses the answer to a Put may be told so of an
	// object of its own. After any other error the object is there as a whole,
	// or is not there, and may appear later. An error of body is returned,
	// and then nothing was stored. Put does not close body, and may read
	// from it after ctx has ended until it returns.
	Put(ctx context.Context, name string, body io.Reader) error

	// Get returns the bytes of the object from offset on, and at most length
	// of them; a negative length is all. The error wraps [fs.ErrNotExist] where
	// there is no such object, and that may come from the first Read. An
	// offset at or behind the end, or a length of zero, gives no bytes. Where
	// fewer bytes arrive than the object has, Read returns an error other than
	// [io.EOF]. The caller closes what is returned.
	Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error)

	// List yields the objects whose names begin with prefix, which need not
	// end at a slash, in ascending order of their names as bytes, and stops
	// at the first error. An object whose Put had returned when List was
	// called is yielded, one whose Delete had returned is not.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]

	// Delete removes the object; one that does not exist is no error. Where
	// the store keeps objects for a time it is refused until then, with an
	// error that wraps [fs.ErrPermission].
	Delete(ctx context.Context, name string) error
}

// Sweeper is a Store that can remove what Puts left that were cut off before
// then and will not go on: of those that are at work none may be older.
type Sweeper interface {
	Store
	Sweep(ctx context.Context, before time.Time) error
}

// ErrName reports a name that the contract of [Store] does not allow.
var ErrName = errors.New(`name is not made of slash-separated elements of a-z, A-Z, 0-9, ".", "_" and "-", with no dot at the beginning of one`)

const maxName = 200

var nameElement = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)

// CheckName tells whether an object may have the name; the error wraps
// [ErrName]. It is for those who implement a [Store].
func CheckName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("%w: it has %d characters, more than %d", ErrName, len(name), maxName)
	}
	for element := range strings.SplitSeq(name, "/") {
		if !nameElement.MatchString(element) {
			return ErrName
		}
	}
	return nil
}

// StoreError tells what a Store could not do, and why. Implementations return
// it.
type StoreError struct {
	// Op is "put", "get", "list" or "delete".
	Op string
	// Name is the object, or the prefix of a list.
	Name string
	Err  error
}

// Error names the operation, the object and the cause.
func (e *StoreError) Error() string { return fmt.Sprintf("store: %s %s: %v", e.Op, e.Name, e.Err) }

// Unwrap returns the cause.
func (e *StoreError) Unwrap() error { return e.Err }
