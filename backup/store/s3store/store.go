package s3store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/masaruk/devops/backup"
)

// Options adjust a [Store].
type Options struct {
	// Prefix begins every key; it usually ends in a slash. Empty is none.
	Prefix string
	// Timeout is how long a request may stand still, no byte of it going or
	// coming; a minute if 0, unlimited if negative.
	Timeout time.Duration
	// LockMode keeps each object that is stored, for LockDays days, from those
	// who may delete; the bucket must have object lock. Empty leaves it to the
	// default retention of the bucket, if it has one.
	LockMode types.ObjectLockMode
	LockDays int
}

const defaultTimeout = time.Minute

// Store keeps each object under one key of a bucket.
type Store struct {
	client    *s3.Client
	bucket    string
	o         Options
	checksums bool
	buffers   chan *[]byte  // of parts, that wait for the next Put
	page      int32         // keys of a list; as many as the service gives if 0
	proving   chan struct{} // holds one value, which whoever probes takes
	proven    chan struct{} // closed when a probe has succeeded
}

var (
	_ backup.Store   = (*Store)(nil)
	_ backup.Sweeper = (*Store)(nil)
)

// New returns the store in the bucket, which must exist. It does no I/O.
func New(client *s3.Client, bucket string, opts *Options) (*Store, error) {
	s := &Store{
		client: client, bucket: bucket, buffers: make(chan *[]byte, spareBuffers),
		proving: make(chan struct{}, 1), proven: make(chan struct{}),
	}
	s.proving <- struct{}{}
	if opts != nil {
		s.o = *opts
	}
	if s.o.Timeout == 0 {
		s.o.Timeout = defaultTimeout
	}
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("s3store.New: %w", err)
	}
	s.checksums = client.Options().RequestChecksumCalculation != aws.RequestChecksumCalculationWhenRequired
	return s, nil
}

func (s *Store) validate() error {
	if s.client == nil {
		return errors.New("client is nil; make one with s3.NewFromConfig")
	}
	var errs []error
	if s.bucket == "" {
		errs = append(errs, errors.New("bucket is empty"))
	}
	if strings.HasPrefix(s.o.Prefix, "/") {
		errs = append(errs, errors.New("field Options.Prefix begins with a slash, which makes keys that many tools cannot show; leave it out"))
	}
	switch s.o.LockMode {
	case "":
		if s.o.LockDays != 0 {
			errs = append(errs, errors.New("field Options.LockDays is set without LockMode"))
		}
	case types.ObjectLockModeGovernance, types.ObjectLockModeCompliance:
		if s.o.LockDays <= 0 {
			errs = append(errs, fmt.Errorf("field Options.LockDays is %d; give the days that LockMode keeps an object", s.o.LockDays))
		}
	default:
		errs = append(errs, fmt.Errorf("field Options.LockMode is %q, neither GOVERNANCE nor COMPLIANCE", s.o.LockMode))
	}
	return errors.Join(errs...)
}

// setting is what each request adds to the options of the client.
func (s *Store) setting(o *s3.Options) {
	if s.checksums {
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
	} else {
		o.APIOptions = append(slices.Clip(o.APIOptions), signBody)
	}
	if s.o.Timeout > 0 {
		o.HTTPClient = &patient{o.HTTPClient, s.o.Timeout}
	}
}

// algorithm is that of the checksums that are sent.
func (s *Store) algorithm() types.ChecksumAlgorithm {
	if s.checksums {
		return types.ChecksumAlgorithmCrc32
	}
	return ""
}

// signBody makes the signature cover the body, which the SDK leaves to the
// checksum.
func signBody(stack *middleware.Stack) error {
	sign := &v4.ComputePayloadSHA256{}
	if _, ok := stack.Finalize.Get(sign.ID()); !ok {
		return nil
	}
	_, err := stack.Finalize.Swap(sign.ID(), sign)
	return err
}

// begin returns the key of a name, or why nothing can be done with it.
func (s *Store) begin(ctx context.Context, name string) (key string, err error) {
	if err := backup.CheckName(name); err != nil {
		return "", err
	}
	return s.o.Prefix + name, context.Cause(ctx)
}

func failed(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &backup.StoreError{Op: op, Name: name, Err: err}
}
