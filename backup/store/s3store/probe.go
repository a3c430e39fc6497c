package s3store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Probe proves that the service does what the manual of the package relies on,
// as the first Put does; a Store that has proven it does it no more. What the
// service lacks is told in an error that wraps [ErrUnsafe]; any other error
// says nothing about it.
func (s *Store) Probe(ctx context.Context) error {
	select {
	case <-s.proven:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.proving:
	}
	defer func() { s.proving <- struct{}{} }()
	select {
	case <-s.proven:
		return nil
	default:
	}
	p := &probe{Store: s, key: s.o.Prefix + ".probe-" + rand.Text()}
	err := p.run(ctx)
	p.clean(ctx)
	if err != nil {
		return fmt.Errorf("probe of the bucket %s: %w", s.bucket, err)
	}
	close(s.proven)
	return nil
}

// probe is one proof, on objects whose keys are no names.
type probe struct {
	*Store
	key    string // of the object that writers race for
	winner string // its content; empty where the winner's answer was lost
	mu     sync.Mutex
	made   []types.ObjectIdentifier
}

func (p *probe) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{p.race, p.conditionalPut, p.conditionalComplete, p.reads, p.lists, p.checksum} {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func lacks(what string) error { return fmt.Errorf("%w: %s", ErrUnsafe, what) }

// put creates an object, by the one request that Put sends for a small one. A
// service may ask for patience while others race.
func (p *probe) put(ctx context.Context, key, body string, change func(*s3.PutObjectInput)) error {
	for try := 1; ; try++ {
		in := &s3.PutObjectInput{Bucket: &p.bucket, Key: &key, Body: bytes.NewReader([]byte(body)), IfNoneMatch: aws.String("*")}
		if change != nil {
			change(in)
		}
		out, err := p.client.PutObject(ctx, in, p.setting)
		if err == nil {
			p.mu.Lock()
			p.made = append(p.made, types.ObjectIdentifier{Key: &key, VersionId: out.VersionId})
			p.mu.Unlock()
			return nil
		}
		if status(err) != http.StatusConflict || try == conflictTries {
			return err
		}
		select {
		case <-time.After(time.Duration(try) * 50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// racers is how many race for one key.
const racers = 4

func (p *probe) race(ctx context.Context) error {
	bodies, results := make([]string, racers), make([]error, racers)
	var all sync.WaitGroup
	for i := range racers {
		bodies[i] = rand.Text()
		all.Go(func() { results[i] = p.put(ctx, p.key, bodies[i], nil) })
	}
	all.Wait()
	for i, err := range results {
		switch {
		case err == nil && p.winner != "":
			return lacks("conditional put (If-None-Match): two writers that raced for a key both got it")
		case err == nil:
			p.winner = bodies[i]
		case status(err) != http.StatusPreconditionFailed:
			return explain(ctx, err)
		}
	}
	return nil
}

func (p *probe) conditionalPut(ctx context.Context) error {
	err := p.put(ctx, p.key, rand.Text(), nil)
	if err == nil {
		return lacks("conditional put (If-None-Match): it overwrote an object")
	}
	if status(err) != http.StatusPreconditionFailed {
		return explain(ctx, err)
	}
	return nil
}

func (p *probe) conditionalComplete(ctx context.Context) error {
	u := &upload{store: p.Store, key: p.key}
	if err := u.create(ctx); err != nil {
		return err
	}
	return errors.Join(p.complete(ctx, u), u.abort(ctx))
}

func (p *probe) complete(ctx context.Context, u *upload) error {
	part, err := u.send(ctx, 1, []byte(rand.Text()))
	if err != nil {
		return err
	}
	err = u.complete(ctx, []types.CompletedPart{part})
	if err == nil {
		return lacks("conditional complete (If-None-Match on CompleteMultipartUpload): it overwrote an object")
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (p *probe) reads(ctx context.Context) error {
	out, err := p.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &p.bucket, Key: &p.key}, p.setting)
	if missing(err) {
		return lacks("read after write: an object that was just stored is not there")
	}
	if err != nil {
		return explain(ctx, err)
	}
	body, err := io.ReadAll(io.LimitReader(out.Body, 1<<10))
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return explain(ctx, err)
	}
	if p.winner != "" && string(body) != p.winner {
		return lacks("read after write: an object holds something else than was just stored")
	}
	return nil
}

func (p *probe) lists(ctx context.Context) error {
	out, err := p.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &p.bucket, Prefix: &p.key}, p.setting)
	if err != nil {
		return explain(ctx, err)
	}
	if len(out.Contents) != 1 || aws.ToString(out.Contents[0].Key) != p.key {
		return lacks("list after write: it does not list an object that was just stored")
	}
	return nil
}

// checksum sends a body with the checksum of another one.
func (p *probe) checksum(ctx context.Context) error {
	if !p.checksums {
		return nil
	}
	err := p.put(ctx, p.key+".wrong", "a body", func(in *s3.PutObjectInput) {
		in.ChecksumCRC32 = aws.String("AAAAAA==")
	})
	if err == nil {
		return lacks("checksums: it stored a body that does not fit its CRC32")
	}
	if status(err) != http.StatusBadRequest {
		return explain(ctx, err)
	}
	return nil
}

// clean removes what the probe made, where that is allowed; it is neatness, not
// worth an error.
func (p *probe) clean(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	if p.winner == "" { // whoever won was not told
		p.made = append(p.made, types.ObjectIdentifier{Key: &p.key})
	}
	for _, o := range p.made {
		_, _ = p.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &p.bucket, Key: o.Key, VersionId: o.VersionId}, p.setting)
	}
}
