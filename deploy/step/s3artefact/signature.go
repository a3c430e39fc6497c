package s3artefact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// maxNote is the size of the largest signature in bytes.
const maxNote = 64 << 10

// PutSignature implements artefact.Signatures.
func (s *Store) PutSignature(ctx context.Context, digest, note string) error {
	return wrap(s.putSignature(ctx, digest, note), "sign", digest)
}

func (s *Store) putSignature(ctx context.Context, digest, note string) error {
	key, err := s.key(ctx, digest)
	if err != nil {
		return err
	}
	if note == "" || len(note) > maxNote {
		return fmt.Errorf("a signature has 1 to %d bytes, not %d", maxNote, len(note))
	}
	key += ".sig"
	ctx, cancel := s.limit(ctx)
	defer cancel()
	_, err = s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: strings.NewReader(note)})
	if err != nil {
		return explain(ctx, err)
	}
	return nil
}

// Signature implements artefact.Signatures.
func (s *Store) Signature(ctx context.Context, digest string) (string, error) {
	note, err := s.signature(ctx, digest)
	return note, wrap(err, "sign", digest)
}

func (s *Store) signature(ctx context.Context, digest string) (string, error) {
	key, err := s.key(ctx, digest)
	if err != nil {
		return "", err
	}
	key += ".sig"
	ctx, cancel := s.limit(ctx)
	defer cancel()
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return "", explain(ctx, err)
	}
	note, err := io.ReadAll(io.LimitReader(out.Body, maxNote+1))
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	if len(note) > maxNote {
		return "", fmt.Errorf("the signature has more than %d bytes", maxNote)
	}
	return string(note), nil
}
