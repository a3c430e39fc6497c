package runlogtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/masaruk/devops/deploy"
)

// prune removes the records before number before.
func (l *log) prune(ctx context.Context, stream string, before int) error {
	if err := l.Log.(deploy.Pruner).Prune(ctx, stream, uint64(before)); err != nil {
		return fmt.Errorf("prune the records before number %d: %w", before, err)
	}
	return nil
}

// filled appends records 1 to n.
func (l *log) filled(ctx context.Context, stream string, n int) error {
	for i := 1; i <= n; i++ {
		if err := l.append(ctx, stream, i-1, record(i)); err != nil {
			return err
		}
	}
	return nil
}

// between are the records from number first to last.
func between(first, last int) [][]byte {
	var recs [][]byte
	for n := first; n <= last; n++ {
		recs = append(recs, record(n))
	}
	return recs
}

func prune(ctx context.Context, l *log) error {
	stream, other := l.stream("a"), l.stream("a/b")
	if err := errors.Join(l.filled(ctx, stream, 10), l.filled(ctx, other, 3)); err != nil {
		return err
	}
	last := 10
	for _, step := range []struct{ before, first int }{
		{0, 1}, {1, 1}, {2, 2}, {5, 5}, {5, 5}, {3, 5}, {1, 5}, {10, 10}, {11, 11}, {12, 12},
	} {
		if step.before > last { // behind a prune numbers go on
			last++
			if err := l.append(ctx, stream, last-1, record(last)); err != nil {
				return fmt.Errorf("after a prune: %w", err)
			}
		}
		if err := l.prune(ctx, stream, step.before); err != nil {
			return err
		}
		for from := 1; from <= last+1; from++ {
			if err := l.expectFrom(ctx, stream, from, between(max(from, step.first), last)...); err != nil {
				return fmt.Errorf("records %d to %d, pruned before number %d: %w", step.first, last, step.before, err)
			}
		}
		for _, seq := range []uint64{0, 1, uint64(step.first - 1), uint64(step.first), uint64(last), uint64(last + 2)} {
			what := fmt.Sprintf("record %d of a stream with records %d to %d", seq, step.first, last)
			if err := wantConflict(what, l.Append(ctx, stream, seq, record(99))); err != nil {
				return err
			}
		}
	}
	return l.expect(ctx, other, between(1, 3)...)
}

func pruneRefused(ctx context.Context, l *log) error {
	stream, cause := l.stream("a"), errors.New("runlogtest ended the context")
	if err := l.filled(ctx, stream, 4); err != nil {
		return err
	}
	for _, before := range []uint64{5, 6, math.MaxInt64, math.MaxUint64} {
		if err := l.Log.(deploy.Pruner).Prune(ctx, stream, before); err == nil {
			return fmt.Errorf("prune of all 4 records, before number %d, was accepted", before)
		}
	}
	if err := l.Log.(deploy.Pruner).Prune(ctx, l.stream("never"), 2); err == nil {
		return errors.New("prune of a stream that was never appended to was accepted")
	}
	if err := l.Log.(deploy.Pruner).Prune(ctx, l.stream("a/../b"), 2); err == nil {
		return errors.New("prune of a stream with a bad name was accepted")
	}
	ended, cancel := context.WithCancelCause(ctx)
	cancel(cause)
	if err := l.Log.(deploy.Pruner).Prune(ended, stream, 2); !errors.Is(err, cause) {
		return fmt.Errorf("prune with a context that has ended returns %v, which does not wrap its cause", err)
	}
	if err := l.expect(ctx, stream, between(1, 4)...); err != nil {
		return fmt.Errorf("after prunes that were refused: %w", err)
	}
	return nil
}

// pruneWhileRead prunes and appends while a reader is in the middle.
func pruneWhileRead(ctx context.Context, l *log) error {
	stream, last := l.stream("a"), 20
	if err := l.filled(ctx, stream, last); err != nil {
		return err
	}
	for _, before := range []int{2, 10, last} {
		n := 0
		for rec, err := range l.Read(ctx, stream, 1) {
			if err != nil {
				if errors.Is(err, deploy.ErrPruned) {
					break
				}
				return fmt.Errorf("a reader while records before number %d are pruned: %w", before, err)
			}
			if n == 0 {
				if _, err := fmt.Sscanf(string(rec), `{"n":%d}`, &n); err != nil {
					return err
				}
				if err := l.prune(ctx, stream, before); err != nil {
					return fmt.Errorf("while a reader is in the middle: %w", err)
				}
			}
			if string(rec) != string(record(n)) {
				return fmt.Errorf("a reader while records before number %d are pruned got %s for record %d", before, short(rec), n)
			}
			n++
		}
	}
	return l.expect(ctx, stream, record(last))
}

// pruneRace lets one append, two prune, and one read at the same time.
func pruneRace(ctx context.Context, l *log) error {
	const records, stay = 40, 3
	stream := l.stream("a")
	if err := l.filled(ctx, stream, stay+1); err != nil {
		return err
	}
	racing, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	done := make(chan struct{})
	errs := make([]error, 4)
	var all sync.WaitGroup
	all.Go(func() {
		defer close(done)
		for n := stay + 2; n <= records && errs[0] == nil && racing.Err() == nil; n++ {
			errs[0] = l.append(racing, stream, n-1, record(n))
		}
	})
	for i := range errs[1:] {
		all.Go(func() {
			for ended := false; !ended && errs[i+1] == nil; {
				select {
				case <-done:
					ended = true
				default:
				}
				first, last, err := l.span(racing, stream)
				if err == nil && i > 0 && last-stay > first+1 {
					err = l.prune(racing, stream, last-stay)
				}
				errs[i+1] = err
			}
			if errs[i+1] != nil {
				stop(errs[i+1])
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("while some append, prune and read: %w", err)
	}
	if err := l.prune(ctx, stream, records); err != nil {
		return err
	}
	return l.expect(ctx, stream, record(records))
}

// span reads the stream, which has a record, and tells which there are.
func (l *log) span(ctx context.Context, stream string) (first, last int, err error) {
	for {
		recs, err := l.read(ctx, stream, 1)
		if errors.Is(err, deploy.ErrPruned) {
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		if len(recs) == 0 {
			return 0, 0, errors.New("the stream is empty")
		}
		if _, err := fmt.Sscanf(string(recs[0]), `{"n":%d}`, &first); err != nil {
			return 0, 0, fmt.Errorf("record is %s: %w", short(recs[0]), err)
		}
		for i, rec := range recs {
			if string(rec) != string(record(first+i)) {
				return 0, 0, fmt.Errorf("record %d of those from %d on is %s", first+i, first, short(rec))
			}
		}
		return first, first + len(recs) - 1, nil
	}
}
