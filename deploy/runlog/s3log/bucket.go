package s3log

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/masaruk/devops/deploy"
)

// Options adjust a [Log] and an [Anchor].
type Options struct {
	// Prefix begins every key; it usually ends in a slash. Empty is none.
	Prefix string
	// Timeout bounds each step, such as an Append or a page of records;
	// 30 seconds if 0, none if negative.
	Timeout time.Duration
}

const defaultTimeout = 30 * time.Second

// bucket is what a Log and an Anchor have in common.
type bucket struct {
	client  *s3.Client
	name    string
	prefix  string
	timeout time.Duration
}

func open(client *s3.Client, name string, opts *Options) (bucket, error) {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	switch {
	case client == nil:
		return bucket{}, &Error{Op: "open", Err: errors.New("there is no client; make one with s3.NewFromConfig")}
	case name == "":
		return bucket{}, &Error{Op: "open", Err: errors.New("the bucket has no name; give one")}
	case strings.HasPrefix(o.Prefix, "/"):
		return bucket{}, &Error{Op: "open", Err: errors.New("field Options.Prefix begins with a slash, which makes keys that many tools cannot show; leave it out")}
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	return bucket{client, name, o.Prefix, o.Timeout}, nil
}

// limit bounds one step.
func (b bucket) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if b.timeout < 0 {
		return context.WithCancel(ctx)
	}
	cause := fmt.Errorf("the store did not answer within %v: %w", b.timeout, context.DeadlineExceeded)
	return context.WithTimeoutCause(ctx, b.timeout, cause)
}

// mark is the metadata of an object: what Append wrote.
type mark struct {
	length int
	token  string
}

const (
	markName    = "devops-runlog"
	markVersion = 1
)

func newMark(rec []byte) mark { return mark{len(rec), rand.Text()} }

func (m mark) metadata() map[string]string {
	return map[string]string{markName: fmt.Sprintf("%d %d %s", markVersion, m.length, m.token)}
}

// parseMark returns what the metadata say, or ErrForeign.
func parseMark(metadata map[string]string) (m mark, err error) {
	var version int
	text := metadata[markName]
	if _, err := fmt.Sscanf(text, "%d %d %s", &version, &m.length, &m.token); err != nil {
		return m, fmt.Errorf("%w: its metadata %s is %.40q", ErrForeign, markName, text)
	}
	if version != markVersion {
		return m, fmt.Errorf("%w: it has version %d, this program knows %d; update the program", ErrForeign, version, markVersion)
	}
	return m, nil
}

// errExists reports that create came too late.
var errExists = errors.New("object exists")

// conflictTries is how often create asks again when the store says that
// another request for the same key is under way.
const conflictTries = 6

// create makes an object that must not exist.
func (b bucket) create(ctx context.Context, key string, body []byte, metadata map[string]string) error {
	for try := 1; ; try++ {
		_, err := b.client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &b.name, Key: &key, Body: bytes.NewReader(body), Metadata: metadata, IfNoneMatch: aws.String("*"),
		})
		switch {
		case err == nil:
			return nil
		case status(err) == http.StatusPreconditionFailed:
			return errExists
		case status(err) != http.StatusConflict || try == conflictTries:
			return explain(ctx, err)
		}
		select {
		case <-time.After(time.Duration(try) * 50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// head returns the mark of an object, and whether there is one.
func (b bucket) head(ctx context.Context, key string) (m mark, there bool, err error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &key})
	if status(err) == http.StatusNotFound {
		return m, false, nil
	}
	if err != nil {
		return m, false, explain(ctx, err)
	}
	m, err = parseMark(out.Metadata)
	return m, err == nil, err
}

// get returns the content of an object, at most a byte more than the largest
// record has.
func (b bucket) get(ctx context.Context, key string) ([]byte, map[string]string, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(io.LimitReader(out.Body, deploy.MaxRecord+1))
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return nil, nil, fmt.Errorf("read the answer: %w", err)
	}
	return body, out.Metadata, nil
}
