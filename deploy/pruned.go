package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/masaruk/devops/internal/hashlog"
)

// pruned is the body of the record which says that the runs before it may be
// removed. It comes before the removal, so a crash between the two changes
// nothing about what the log tells: who has read it knows those runs no more.
type pruned struct {
	// Stream is the one that the record is of, which the first record there
	// proves no longer.
	Stream string `json:"stream"`
	// Head is the number and the digest of the last record that may go.
	Head hashlog.Head `json:"head"`
	// Runs is how many runs are gone with it, those that went before
	// included, and Until when the last of them ended.
	Runs  int       `json:"runs"`
	Until time.Time `json:"until"`
	// IDs are those runs, oldest first, so that none begins again; those that
	// maxPrunedIDs has no room for are forgotten.
	IDs []RunID `json:"ids"`
}

// maxPrunedIDs bounds the ids in one record, in bytes: some 30,000.
const maxPrunedIDs = 512 << 10

// add takes a run in.
func (p *pruned) add(s *runState) {
	p.Runs++
	p.Until = s.finished
	p.IDs = append(p.IDs, s.id)
	size := 0
	for i, id := range slices.Backward(p.IDs) {
		if size += len(id) + len(`"",`); size > maxPrunedIDs {
			p.IDs = p.IDs[i+1:]
			return
		}
	}
}

// check compares what the record says with the chain that it is in.
func (p *pruned) check(j *journal) error {
	switch {
	case p == nil:
		return errors.New("it does not say what was pruned")
	case p.Stream != j.stream:
		return fmt.Errorf("%w: it is a record of stream %q", hashlog.ErrSpliced, p.Stream)
	case p.Head.Seq >= j.chain.Base().Seq && !j.chain.Has(p.Head):
		return fmt.Errorf("%w: it says that record %d, the last that was pruned, had another digest; do not continue from it: find out who changed it", hashlog.ErrSpliced, p.Head.Seq)
	}
	return nil
}

// admitsPruned tells whether the record can stand here: between runs, and not
// about the last one.
func (h *history) admitsPruned(r *record) error {
	switch p := r.Pruned; {
	case p == nil:
		return errors.New("it does not say what was pruned")
	case h.last != nil && h.last.finished.IsZero():
		return fmt.Errorf("runs are pruned while run %q is unfinished: %w", h.last.id, errOver)
	case p.Head.Seq < h.pruned.Head.Seq:
		return fmt.Errorf("it says that the log is pruned up to record %d, and another one says up to record %d: %w", p.Head.Seq, h.pruned.Head.Seq, errOver)
	case h.last != nil && p.Head.Seq >= h.last.firstSeq:
		return fmt.Errorf("it says that the last run, %q, may be pruned", h.last.id)
	}
	return nil
}

// prune forgets the runs that may be gone, whether they are or not.
func (h *history) prune(p *pruned) {
	h.pruned = *p
	h.order = slices.DeleteFunc(h.order, func(s *runState) bool {
		gone := s != h.last && s.lastSeq <= p.Head.Seq
		if gone {
			delete(h.ended, s.id)
		}
		return gone
	})
}

// knew tells whether the run was pruned.
func (h *history) knew(id RunID) bool { return slices.Contains(h.pruned.IDs, id) }

// gone is what a report says of the runs that are not there.
func (h *history) gone() *Pruned {
	if h.pruned.Runs == 0 {
		return nil
	}
	return &Pruned{Runs: h.pruned.Runs, Until: h.pruned.Until}
}

// precedes tells whether the record is what is left of a run whose beginning
// is gone: one that is being removed.
func (j *journal) precedes(r *record) bool {
	return j.chain.Base().Seq > 0 && j.history.last == nil && r.Kind != recStarted && r.Kind != recPruned
}

// whole refuses a stream whose beginning is missing where no record of it says
// that it may.
func (j *journal) whole() error {
	base := j.chain.Base()
	if base.Seq <= j.history.pruned.Head.Seq {
		return nil
	}
	err := fmt.Errorf("%w: it begins with record %d, and no record says that those before were pruned; do not continue from it: find out who removed them, and restore the log from a copy", hashlog.ErrTruncated, base.Seq+1)
	return &LogError{j.stream, base.Seq, "verify", err}
}

// lost makes it clear to a controller that slept until its run was pruned that
// nobody has changed the log.
func (j *journal) lost(ctx context.Context, err error) error {
	if !errors.Is(err, hashlog.ErrReordered) {
		return err
	}
	now, failed := openJournal(ctx, j.log, j.stream, j.controller)
	if failed != nil || now.history.pruned.Head.Seq <= j.chain.Head().Seq {
		return err
	}
	return &LogError{j.stream, j.chain.Head().Seq, "append after", fmt.Errorf("another controller has ended the run, and it was pruned: %w", ErrConflict)}
}
