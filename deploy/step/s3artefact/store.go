package s3artefact

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Options adjust a [Store].
type Options struct {
	// Prefix begins every key; it usually ends in a slash. Empty is none.
	Prefix string
	// Timeout bounds each request but those that carry an archive, which last
	// as long as ctx; 30 seconds if 0, none if negative.
	Timeout time.Duration
}

const defaultTimeout = 30 * time.Second

// Store is an artefact.Store, and keeps signatures too.
type Store struct {
	client  *s3.Client
	bucket  string
	prefix  string
	timeout time.Duration
}

// New returns the store in the bucket, which must exist. It does no I/O.
func New(client *s3.Client, bucket string, opts *Options) (*Store, error) {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	switch {
	case client == nil:
		return nil, wrap(errors.New("there is no client; make one with s3.NewFromConfig"), "open", "")
	case bucket == "":
		return nil, wrap(errors.New("the bucket has no name; give one"), "open", "")
	case strings.HasPrefix(o.Prefix, "/"):
		return nil, wrap(errors.New("field Options.Prefix begins with a slash, which makes keys that many tools cannot show; leave it out"), "open", "")
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	return &Store{client, bucket, o.Prefix, o.Timeout}, nil
}

// String names bucket and prefix.
func (s *Store) String() string { return "s3://" + s.bucket + "/" + s.prefix }

// limit bounds a small request.
func (s *Store) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.timeout < 0 {
		return context.WithCancel(ctx)
	}
	cause := fmt.Errorf("the store did not answer within %v: %w", s.timeout, context.DeadlineExceeded)
	return context.WithTimeoutCause(ctx, s.timeout, cause)
}

var digestRE = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

const digestPrefix = "sha256:"

// key is the name of an archive's object. It fails for what is no digest, and
// where ctx has ended.
func (s *Store) key(ctx context.Context, digest string) (string, error) {
	if !digestRE.MatchString(digest) {
		return "", fmt.Errorf("%q is no digest; want \"sha256:\" and 64 lower-case hex digits", digest)
	}
	return s.prefix + "sha256/" + strings.TrimPrefix(digest, digestPrefix) + ".tar.gz", context.Cause(ctx)
}

func format(sum hash.Hash) string { return digestPrefix + hex.EncodeToString(sum.Sum(nil)) }

// checksum is a digest as S3 writes it.
func checksum(sum hash.Hash) string { return base64.StdEncoding.EncodeToString(sum.Sum(nil)) }

// Put implements artefact.Store.
func (s *Store) Put(ctx context.Context, digest string, archive io.ReadSeeker) error {
	return wrap(s.put(ctx, digest, archive), "put", digest)
}

func (s *Store) put(ctx context.Context, digest string, archive io.ReadSeeker) error {
	key, err := s.key(ctx, digest)
	if err != nil {
		return err
	}
	sum := sha256.New()
	size, err := rewind(archive, func() (int64, error) { return io.Copy(sum, archive) })
	if err != nil {
		return err
	}
	if format(sum) != digest {
		return fmt.Errorf("%w: it has %s", ErrDigest, format(sum))
	}
	if there, err := s.same(ctx, key, size, checksum(sum)); there || err != nil {
		return err
	}
	exists, err := s.create(ctx, key, archive, size, checksum(sum))
	if err != nil || !exists {
		return err
	}
	// Somebody was faster, or it is ours and the answer was lost.
	there, err := s.same(ctx, key, size, checksum(sum))
	if err == nil && !there {
		err = errors.New("the store says that the object exists, and then that it does not")
	}
	return err
}

// rewind reads from the beginning and goes back to it.
func rewind(archive io.ReadSeeker, read func() (int64, error)) (int64, error) {
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := read()
	if err != nil {
		return 0, err
	}
	_, err = archive.Seek(0, io.SeekStart)
	return n, err
}

// same tells whether the object is there; one that is another is an error.
func (s *Store) same(ctx context.Context, key string, size int64, sum string) (there bool, err error) {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	if status(err) == http.StatusNotFound {
		return false, nil
	}
	if err != nil {
		return false, explain(ctx, err)
	}
	if n := aws.ToInt64(out.ContentLength); n != size {
		return false, fmt.Errorf("%w: object %s has %d bytes, the archive %d", ErrDamaged, key, n, size)
	}
	if got := aws.ToString(out.ChecksumSHA256); got != "" && got != sum {
		return false, fmt.Errorf("%w: object %s has the checksum %s", ErrDamaged, key, got)
	}
	return true, nil
}

// conflictTries is how often create asks again when the store says that
// another request for the same key is under way.
const conflictTries = 6

// create makes an object unless it exists.
func (s *Store) create(ctx context.Context, key string, archive io.ReadSeeker, size int64, sum string) (exists bool, err error) {
	for try := 1; ; try++ {
		_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &s.bucket, Key: &key, Body: archive, ContentLength: &size,
			ChecksumSHA256: &sum, IfNoneMatch: aws.String("*"), ContentType: aws.String("application/gzip"),
		})
		switch {
		case err == nil:
			return false, nil
		case status(err) == http.StatusPreconditionFailed:
			return true, nil
		case status(err) != http.StatusConflict || try == conflictTries:
			return false, explain(ctx, err)
		}
		if _, err := archive.Seek(0, io.SeekStart); err != nil {
			return false, err
		}
		select {
		case <-time.After(time.Duration(try) * 50 * time.Millisecond):
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// Get implements artefact.Store.
func (s *Store) Get(ctx context.Context, digest string) (io.ReadCloser, error) {
	key, err := s.key(ctx, digest)
	if err != nil {
		return nil, wrap(err, "get", digest)
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return nil, wrap(explain(ctx, err), "get", digest)
	}
	return &checked{ctx.Err, func() error { return context.Cause(ctx) }, out.Body, sha256.New(), digest}, nil
}

// checked fails at its end where the content has another digest.
type checked struct {
	ended  func() error
	cause  func() error
	body   io.ReadCloser
	sum    hash.Hash
	digest string
}

// Read reads and sums.
func (c *checked) Read(p []byte) (int, error) {
	n, err := c.body.Read(p)
	c.sum.Write(p[:n])
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF) && format(c.sum) == c.digest:
		return n, io.EOF
	case errors.Is(err, io.EOF):
		err = fmt.Errorf("%w: it has %s", ErrDigest, format(c.sum))
	case c.ended() != nil:
		err = c.cause()
	}
	return n, wrap(err, "get", c.digest)
}

// Close ends the request.
func (c *checked) Close() error { return c.body.Close() }

// Stat implements artefact.Store.
func (s *Store) Stat(ctx context.Context, digest string) (int64, error) {
	key, err := s.key(ctx, digest)
	if err != nil {
		return 0, wrap(err, "stat", digest)
	}
	ctx, cancel := s.limit(ctx)
	defer cancel()
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return 0, wrap(explain(ctx, err), "stat", digest)
	}
	return aws.ToInt64(out.ContentLength), nil
}
