package s3store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/masaruk/devops/backup"
)

// List implements [backup.Store]. Keys that are no names are left out.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[backup.Object, error] {
	return func(yield func(backup.Object, error) bool) {
		last := ""
		in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: aws.String(s.o.Prefix + prefix)}
		if s.page > 0 {
			in.MaxKeys = &s.page
		}
		for {
			page, err := s.list(ctx, in)
			for i := 0; err == nil && i < len(page.Contents); i++ {
				if err = context.Cause(ctx); err != nil {
					break
				}
				o, ok := s.object(page.Contents[i])
				if !ok {
					continue
				}
				if o.Name <= last {
					err = fmt.Errorf("%w: it lists %q behind %q, not in order", ErrUnsafe, o.Name, last)
					break
				}
				last = o.Name
				if !yield(o, nil) {
					return
				}
			}
			if err != nil {
				yield(backup.Object{}, failed("list", prefix, err))
				return
			}
			if !aws.ToBool(page.IsTruncated) {
				return
			}
			in.ContinuationToken = page.NextContinuationToken
		}
	}
}

func (s *Store) list(ctx context.Context, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	page, err := s.client.ListObjectsV2(ctx, in, s.setting)
	if err == nil && aws.ToBool(page.IsTruncated) && aws.ToString(page.NextContinuationToken) == "" {
		return nil, errors.New("the service says that there are more objects, and not how to ask for them")
	}
	return page, explain(ctx, err)
}

func (s *Store) object(o types.Object) (backup.Object, bool) {
	name := strings.TrimPrefix(aws.ToString(o.Key), s.o.Prefix)
	return backup.Object{Name: name, Size: aws.ToInt64(o.Size), Created: aws.ToTime(o.LastModified)}, backup.CheckName(name) == nil
}

// Delete implements [backup.Store]. In a bucket with versions it removes those
// that are there, which a lock prevents, instead of hiding them.
func (s *Store) Delete(ctx context.Context, name string) error {
	key, err := s.begin(ctx, name)
	if err == nil {
		err = s.delete(ctx, key)
	}
	return failed("delete", name, err)
}

// maxVersions bounds how many versions of one key Delete removes. A name is
// used once, so there are more than one only where somebody else wrote them.
const maxVersions = 100

func (s *Store) delete(ctx context.Context, key string) error {
	for range maxVersions {
		head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key}, s.setting)
		if missing(err) {
			return nil
		}
		if err != nil {
			return explain(ctx, err)
		}
		in := &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key, VersionId: head.VersionId}
		if _, err := s.client.DeleteObject(ctx, in, s.setting); err != nil {
			return refused(ctx, head, err)
		}
		if aws.ToString(head.VersionId) == "" {
			return nil
		}
	}
	return fmt.Errorf("it has more than %d versions", maxVersions)
}

// refused explains why a version was not deleted; not every service answers
// "forbidden" where it is locked.
func refused(ctx context.Context, head *s3.HeadObjectOutput, err error) error {
	known := status(err) != 0
	err = explain(ctx, err)
	locked := ""
	if until := aws.ToTime(head.ObjectLockRetainUntilDate); until.After(time.Now()) {
		locked = "it is kept until " + until.UTC().Format(time.RFC3339)
	}
	if head.ObjectLockLegalHoldStatus == types.ObjectLockLegalHoldStatusOn {
		locked = "it is kept by a legal hold"
	}
	if locked == "" || !known {
		return err
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s: %w", locked, err)
	}
	return fmt.Errorf("%w: %s: %w", fs.ErrPermission, locked, err)
}

// Sweep aborts the uploads in parts that began before then; see
// [backup.Sweeper]. Give it a time that no Put may be older than, such as a day
// ago.
func (s *Store) Sweep(ctx context.Context, before time.Time) error {
	return failed("sweep", "", s.sweep(ctx, before))
}

func (s *Store) sweep(ctx context.Context, before time.Time) error {
	in := &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: &s.o.Prefix}
	var errs []error
	for {
		if ctx.Err() != nil {
			return errors.Join(append(errs, context.Cause(ctx))...)
		}
		page, err := s.client.ListMultipartUploads(ctx, in, s.setting)
		if err != nil {
			return errors.Join(append(errs, explain(ctx, err))...)
		}
		for _, u := range page.Uploads {
			if u.Initiated == nil || !u.Initiated.Before(before) {
				continue
			}
			_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: u.Key, UploadId: u.UploadId}, s.setting)
			if err != nil && !missing(err) { // somebody else may have done it
				errs = append(errs, fmt.Errorf("%s: %w", aws.ToString(u.Key), explain(ctx, err)))
			}
		}
		if !aws.ToBool(page.IsTruncated) {
			return errors.Join(errs...)
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
	}
}
