package s3log

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/masaruk/devops/deploy"
)

// Anchor keeps the newest head of each stream as an object. It is safe for
// concurrent use. Give it another bucket, or other credentials, than the log.
type Anchor struct{ bucket }

var _ deploy.Anchor = (*Anchor)(nil)

// NewAnchor returns the anchor in the bucket, which must exist. It does no
// I/O. In a bucket with versioning the earlier heads stay as versions.
func NewAnchor(client *s3.Client, bucketName string, opts *Options) (*Anchor, error) {
	b, err := open(client, bucketName, opts)
	if err != nil {
		return nil, err
	}
	return &Anchor{b}, nil
}

func (a *Anchor) key(stream string) string { return a.prefix + stream + "/H" }

// Last returns the head that was kept last, "" when none was.
func (a *Anchor) Last(ctx context.Context, stream string) (head string, err error) {
	if err = deploy.CheckStream(stream); err == nil {
		head, err = a.last(ctx, stream)
	}
	if err != nil {
		return "", &Error{Op: "read the head of", Stream: stream, Err: err}
	}
	return head, nil
}

func (a *Anchor) last(ctx context.Context, stream string) (string, error) {
	ctx, cancel := a.limit(ctx)
	defer cancel()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	body, _, err := a.get(ctx, a.key(stream))
	var none *types.NoSuchKey
	if errors.As(err, &none) {
		return "", nil
	}
	if err != nil {
		return "", explain(ctx, err)
	}
	return string(body), nil
}

// Keep makes head the last one, durably.
func (a *Anchor) Keep(ctx context.Context, stream, head string) error {
	err := deploy.CheckStream(stream)
	if err == nil {
		err = a.put(ctx, stream, head)
	}
	if err != nil {
		return &Error{Op: "keep the head of", Stream: stream, Err: err}
	}
	return nil
}

func (a *Anchor) put(ctx context.Context, stream, head string) error {
	ctx, cancel := a.limit(ctx)
	defer cancel()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	key := a.key(stream)
	_, err := a.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &a.name, Key: &key, Body: strings.NewReader(head)})
	if err != nil {
		return explain(ctx, err)
	}
	return nil
}
