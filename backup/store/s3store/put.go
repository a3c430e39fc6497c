package s3store

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/masaruk/devops/backup"
)

// markName is the metadata that holds the token of the Put that stored an
// object.
const markName = "devops-backup"

// Put implements [backup.Store]. The first one calls [Store.Probe].
func (s *Store) Put(ctx context.Context, name string, body io.Reader) error {
	key, err := s.begin(ctx, name)
	if err == nil {
		err = s.Probe(ctx)
	}
	if err == nil {
		u := &upload{store: s, key: key, token: rand.Text()}
		err = u.put(ctx, body)
	}
	return failed("put", name, err)
}

// upload is one Put.
type upload struct {
	store      *Store
	key, token string
	id         *string // of an upload in parts that was begun
	final      bool    // what makes the object appear was sent
}

// put stores a small object by one request, and a larger one in parts.
func (u *upload) put(ctx context.Context, body io.Reader) error {
	buffer := u.store.buffer()
	defer u.store.free(buffer)
	n, err := fill(body, *buffer)
	switch {
	case err == io.EOF:
		err = u.single(ctx, (*buffer)[:n])
	case err != nil:
		return err
	default:
		err = u.parts(ctx, *buffer, body)
	}
	if err == nil || u.final && ctx.Err() == nil && u.stored(ctx) {
		return nil
	}
	return errors.Join(err, u.abort(ctx))
}

// fill reads until the buffer is full or the body ends, with io.EOF. (What
// io.ReadFull returns then is what a broken body may return too.)
func fill(body io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var more int
		more, err = body.Read(buffer[n:])
		n += more
	}
	return n, err
}

func (u *upload) metadata() map[string]string { return map[string]string{markName: u.token} }

// lock returns how the object is to be locked.
func (u *upload) lock() (types.ObjectLockMode, *time.Time) {
	o := u.store.o
	if o.LockMode == "" {
		return "", nil
	}
	return o.LockMode, aws.Time(time.Now().UTC().AddDate(0, 0, o.LockDays))
}

// conflictTries is how often a small object is sent again when the service says
// that another request for the same key is under way.
const conflictTries = 6

func (u *upload) single(ctx context.Context, body []byte) error {
	in := &s3.PutObjectInput{
		Bucket: &u.store.bucket, Key: &u.key, IfNoneMatch: aws.String("*"), Metadata: u.metadata(),
		ChecksumAlgorithm: u.store.algorithm(),
	}
	in.ObjectLockMode, in.ObjectLockRetainUntilDate = u.lock()
	u.final = true
	for try := 1; ; try++ {
		p := newPayload(body)
		in.Body = p
		_, err := u.store.client.PutObject(ctx, in, u.store.setting)
		p.release()
		if status(err) != http.StatusConflict || try == conflictTries {
			return explain(ctx, err)
		}
		select {
		case <-time.After(time.Duration(try) * 50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// stored tells whether the object that is there is the one of this Put, whose
// answer was lost.
func (u *upload) stored(ctx context.Context) bool {
	out, err := u.store.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &u.store.bucket, Key: &u.key}, u.store.setting)
	return err == nil && out.Metadata[markName] == u.token
}

// abortTimeout bounds what is done after a Put has failed, whose context may
// have ended.
const abortTimeout = 10 * time.Second

// abort removes the parts, if there are any.
func (u *upload) abort(ctx context.Context) error {
	if u.id == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	in := &s3.AbortMultipartUploadInput{Bucket: &u.store.bucket, Key: &u.key, UploadId: u.id}
	_, err := u.store.client.AbortMultipartUpload(ctx, in, u.store.setting)
	if err == nil || missing(err) {
		return nil
	}
	// Its text alone: what the Put ended with is another thing.
	return &backup.StoreError{Op: "sweep", Name: u.key, Err: errors.New(explain(ctx, err).Error())}
}
