package s3log

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/masaruk/devops/deploy"
)

// together is how many records Read fetches at the same time, and holds.
const together = 8

// Read yields the records from number from. See [deploy.Log].
func (l *Log) Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		fail := func(seq uint64, err error) { yield(nil, &Error{Op: "read", Stream: stream, Seq: seq, Err: err}) }
		if err := deploy.CheckStream(stream); err != nil {
			fail(0, err)
			return
		}
		next := max(from, 1)
		for more := true; more; {
			end, truncated, listErr := l.list(ctx, stream, next)
			if errors.Is(listErr, errEmptied) {
				first, err := l.begin(ctx, stream)
				switch {
				case err == nil && first <= end:
					err = fmt.Errorf("%w: record %d is empty and was not pruned", ErrForeign, end)
				case err == nil && next != max(from, 1):
					err = deploy.ErrPruned
				}
				if err != nil {
					fail(end, err)
					return
				}
				next = first
				continue
			}
			more = truncated
			for next < end {
				recs, err := l.fetch(ctx, stream, next, min(end, next+together))
				for _, rec := range recs {
					if ctx.Err() != nil {
						fail(next, context.Cause(ctx))
						return
					}
					if !yield(rec, nil) {
						return
					}
					next++
				}
				if err != nil {
					fail(next, err)
					return
				}
			}
			if listErr != nil {
				fail(next, listErr)
				return
			}
		}
	}
}

// list finds the records from next on, up to but not including end, and
// whether there may be more behind them. Beside an error end is where the
// records end that are good; beside errEmptied it is the number of a record
// that was pruned.
func (l *Log) list(ctx context.Context, stream string, next uint64) (end uint64, more bool, err error) {
	out, err := l.listAfter(ctx, l.records(stream), l.key(stream, next-1))
	if err != nil {
		return next, false, err
	}
	for _, o := range out.Contents {
		key := aws.ToString(o.Key)
		if key == l.key(stream, next) {
			if aws.ToInt64(o.Size) == 0 {
				return next, true, errEmptied
			}
			next++
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimPrefix(key, l.records(stream)), 10, 64); err == nil && key == l.key(stream, n) && n > next {
			return next, false, fmt.Errorf("%w (the next one there is number %d)", ErrMissing, n)
		}
		return next, false, fmt.Errorf("%w: key %q", ErrForeign, key)
	}
	if len(out.Contents) > 0 {
		l.saw(stream, next-1)
	}
	return next, aws.ToBool(out.IsTruncated), nil
}

// fetch returns records from next up to but not including end, or those before
// the first that failed.
func (l *Log) fetch(ctx context.Context, stream string, next, end uint64) ([][]byte, error) {
	ctx, cancel := l.limit(ctx)
	defer cancel()
	recs := make([][]byte, end-next)
	errs := make([]error, end-next)
	var all sync.WaitGroup
	for i := range recs {
		all.Go(func() { recs[i], errs[i] = l.record(ctx, l.key(stream, next+uint64(i))) })
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			return recs[:i], err
		}
	}
	return recs, nil
}

// record returns a record that is as Append wrote it.
func (l *Log) record(ctx context.Context, key string) ([]byte, error) {
	rec, metadata, err := l.get(ctx, key)
	if err != nil {
		return nil, explain(ctx, err)
	}
	m, err := parseMark(metadata)
	if err != nil {
		return nil, err
	}
	if m.length == 0 && len(rec) == 0 {
		return nil, deploy.ErrPruned // since it was listed
	}
	if len(rec) != m.length {
		return nil, fmt.Errorf("%w: it has %d bytes (or more), %d were written", ErrForeign, len(rec), m.length)
	}
	return rec, nil
}
