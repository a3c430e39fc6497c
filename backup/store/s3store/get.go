package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Get implements [backup.Store].
func (s *Store) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := s.get(ctx, name, offset, length)
	if err != nil {
		return nil, failed("get", name, err)
	}
	return r, nil
}

func (s *Store) get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	key, err := s.begin(ctx, name)
	if err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, fmt.Errorf("offset %d is negative", offset)
	}
	end := int64(math.MaxInt64)
	if length >= 0 && length < end-offset {
		end = offset + length
	}
	r := &reader{ctx: ctx, store: s, name: name, key: key, offset: offset, end: end}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

// reader is a part of an object. What breaks off is asked for again.
type reader struct {
	ctx       context.Context
	store     *Store
	name, key string
	etag      *string
	body      io.ReadCloser // nil where nothing is left
	offset    int64
	end       int64 // behind the last byte; known after open
	failures  int   // since a byte came
	err       error
}

// open asks for what is left. It always names a range, for then the answer
// tells how long the whole object is.
func (r *reader) open() error {
	in := &s3.GetObjectInput{Bucket: &r.store.bucket, Key: &r.key, IfMatch: r.etag, Range: aws.String(fmt.Sprintf("bytes=%d-", r.offset))}
	if r.end < math.MaxInt64 { // of nothing too one byte is asked for, to see whether the object is there
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", r.offset, max(r.end-1, r.offset)))
	}
	out, err := r.store.client.GetObject(r.ctx, in, r.store.setting)
	switch {
	case status(err) == http.StatusRequestedRangeNotSatisfiable && r.etag == nil: // it ends before
		r.end = r.offset
		return nil
	case missing(err):
		return fmt.Errorf("%w: %w", fs.ErrNotExist, explain(r.ctx, err))
	case status(err) == http.StatusPreconditionFailed:
		return errors.New("it was exchanged while it was read")
	case err != nil:
		return explain(r.ctx, err)
	}
	first, last, total := int64(0), int64(0), int64(0)
	if text := aws.ToString(out.ContentRange); text != "" {
		_, err = fmt.Sscanf(text, "bytes %d-%d/%d", &first, &last, &total)
	} else { // a service may give all where all was asked for
		total = aws.ToInt64(out.ContentLength)
		last = total - 1
	}
	want := min(r.end, total)
	if err != nil || first != r.offset || last < want-1 || want < r.offset && r.end > r.offset {
		_ = out.Body.Close()
		return fmt.Errorf("the service answers with the range %.60q to the request for %q", aws.ToString(out.ContentRange), *in.Range)
	}
	r.body, r.etag, r.end = out.Body, out.ETag, max(want, r.offset)
	return nil
}

// reopenTries is how often a Get may fail without a byte in between.
const reopenTries = 3

// Read implements [io.Reader].
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.err == nil {
		if r.offset >= r.end {
			return 0, io.EOF
		}
		n, err := r.read(p)
		if n > 0 {
			r.failures = 0
		}
		if err != nil {
			r.failed(err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, r.err
}

// read asks again where the last answer broke off.
func (r *reader) read(p []byte) (int, error) {
	if r.body == nil {
		if err := r.open(); err != nil {
			r.err = err // open has tried as often as the client may
			return 0, err
		}
	}
	n, err := r.body.Read(p[:min(int64(len(p)), r.end-r.offset)])
	r.offset += int64(n)
	if r.offset >= r.end {
		return n, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// failed decides whether to go on.
func (r *reader) failed(err error) {
	if r.body != nil {
		_ = r.body.Close()
		r.body = nil
	}
	r.failures++
	switch {
	case r.ctx.Err() != nil:
		err = context.Cause(r.ctx)
	case r.err == nil && r.failures < reopenTries:
		return
	}
	r.err = failed("get", r.name, fmt.Errorf("%d bytes are missing: %w", r.end-r.offset, err))
}

// Close implements [io.Closer].
func (r *reader) Close() error {
	if r.err == nil {
		r.err = failed("get", r.name, fs.ErrClosed)
	}
	if r.body == nil {
		return nil
	}
	err := r.body.Close()
	r.body = nil
	return failed("get", r.name, err)
}
