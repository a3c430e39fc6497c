package s3log

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/masaruk/devops/deploy"
)

// errEmptied reports a record that was pruned.
var errEmptied = errors.New("the record was pruned")

// beginnings is what the keys of the objects begin with that say which record
// is the first. Of several the highest counts, so two who prune at the same
// time cannot bring back what one of them has removed.
func (l *Log) beginnings(stream string) string { return l.prefix + stream + "/B/" }

// begin returns the number of the first record that counts.
func (l *Log) begin(ctx context.Context, stream string) (first uint64, err error) {
	first = 1
	after := l.beginnings(stream)
	for {
		out, err := l.listAfter(ctx, l.beginnings(stream), after)
		if err != nil {
			return 0, err
		}
		for _, o := range out.Contents {
			after = aws.ToString(o.Key)
			n, err := strconv.ParseUint(strings.TrimPrefix(after, l.beginnings(stream)), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%w: key %q", ErrForeign, after)
			}
			first = max(first, n)
		}
		if !aws.ToBool(out.IsTruncated) {
			return first, nil
		}
	}
}

// listAfter is one page of keys.
func (l *Log) listAfter(ctx context.Context, prefix, after string) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := l.limit(ctx)
	defer cancel()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	in := &s3.ListObjectsV2Input{Bucket: &l.name, Prefix: &prefix, StartAfter: &after}
	if l.page > 0 {
		in.MaxKeys = &l.page
	}
	out, err := l.client.ListObjectsV2(ctx, in)
	if err != nil {
		return nil, explain(ctx, err)
	}
	return out, nil
}

// Prune removes the records before number before. See [deploy.Pruner]. Their
// objects stay, empty, for the reason that the manual of the package gives.
func (l *Log) Prune(ctx context.Context, stream string, before uint64) error {
	if err := l.prune(ctx, stream, before); err != nil {
		return &Error{Op: "prune", Stream: stream, Seq: before, Err: err}
	}
	return nil
}

func (l *Log) prune(ctx context.Context, stream string, before uint64) error {
	if err := deploy.CheckStream(stream); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if before <= 1 {
		return nil
	}
	if before > math.MaxInt64 {
		return errors.New("no stream is that long")
	}
	first, err := l.begin(ctx, stream)
	if err != nil {
		return err
	}
	if before > first {
		if err := l.beginAt(ctx, stream, before); err != nil {
			return err
		}
		first = before
	}
	return l.emptyBefore(ctx, stream, first)
}

// beginAt makes it known that the record is the first.
func (l *Log) beginAt(ctx context.Context, stream string, seq uint64) error {
	ctx, cancel := l.limit(ctx)
	defer cancel()
	if err := l.ensureSafe(ctx, l.bucket); err != nil {
		return err
	}
	m, there, err := l.head(ctx, l.key(stream, seq))
	if err != nil {
		return err
	}
	if !there || m.length == 0 {
		return fmt.Errorf("there is no record %d, and the last one stays", seq)
	}
	err = l.create(ctx, fmt.Sprintf("%s%020d", l.beginnings(stream), seq), strconv.AppendUint(nil, seq, 10), nil)
	if errors.Is(err, errExists) {
		return nil
	}
	return err
}

// emptyBefore empties the records before the first, the oldest ones first.
func (l *Log) emptyBefore(ctx context.Context, stream string, first uint64) error {
	after := l.records(stream)
	for {
		out, err := l.listAfter(ctx, l.records(stream), after)
		if err != nil {
			return err
		}
		var full []string
		for _, o := range out.Contents {
			after = aws.ToString(o.Key)
			if after < l.key(stream, first) && aws.ToInt64(o.Size) > 0 {
				full = append(full, after)
			}
		}
		for len(full) > 0 {
			n := min(together, len(full))
			if err := l.empty(ctx, full[:n]); err != nil {
				return err
			}
			full = full[n:]
		}
		if after >= l.key(stream, first) || !aws.ToBool(out.IsTruncated) {
			return nil
		}
	}
}

// empty replaces objects by empty ones.
func (l *Log) empty(ctx context.Context, keys []string) error {
	ctx, cancel := l.limit(ctx)
	defer cancel()
	errs := make([]error, len(keys))
	var all sync.WaitGroup
	for i, key := range keys {
		all.Go(func() {
			_, err := l.client.PutObject(ctx, &s3.PutObjectInput{
				Bucket: &l.name, Key: &key, Body: bytes.NewReader(nil), Metadata: newMark(nil).metadata(),
			})
			if err != nil {
				errs[i] = explain(ctx, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
