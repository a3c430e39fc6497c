package backup

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Writer returns the one that makes the backup, for a [Producer] that refers to
// earlier ones.
func (s *Session) Writer() *Writer { return s.writer }

// Entries yields the entries of a backup, by path, as its index has them. It
// reads the index, which the Writer's key opens, and no content. The index is
// read as a whole and compared with the record before the first entry comes, so
// an error comes alone.
func (w *Writer) Entries(ctx context.Context, b *Backup) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		all, err := w.entries(ctx, b)
		if err != nil {
			yield(Entry{}, fmt.Errorf("entries of backup %s: %w", b.ID, err))
			return
		}
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (w *Writer) entries(ctx context.Context, b *Backup) ([]Entry, error) {
	id, err := w.key.identity()
	if err != nil {
		return nil, err
	}
	// The index is encrypted to this identity too. It is all that this Reader has.
	r := &Reader{store: w.records.store, records: w.records, content: id}
	byObject, err := r.index(ctx, b)
	if err != nil {
		return nil, err
	}
	var all []Entry
	for object, entries := range byObject {
		all = append(all, entries...)
		delete(byObject, object)
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}
