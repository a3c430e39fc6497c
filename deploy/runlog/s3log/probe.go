package s3log

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// prober remembers whether the store was found safe.
type prober struct {
	safe atomic.Bool
	busy chan struct{} // holds one token while somebody probes
}

func newProber() prober { return prober{busy: make(chan struct{}, 1)} }

// ensureSafe probes the store unless that was done.
func (p *prober) ensureSafe(ctx context.Context, b bucket) error {
	if p.safe.Load() {
		return nil
	}
	select {
	case p.busy <- struct{}{}:
		defer func() { <-p.busy }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if p.safe.Load() {
		return nil
	}
	if err := b.probe(ctx); err != nil {
		return fmt.Errorf("probe the store: %w", err)
	}
	p.safe.Store(true)
	return nil
}

// Probe proves that the store honours If-None-Match and shows what was
// written, as the manual of the package says. The first Append does the same;
// a Log that has proven it does it no more. A store that does not gets
// [ErrUnsafe]; any other error says nothing about it.
func (l *Log) Probe(ctx context.Context) error {
	ctx, cancel := l.limit(ctx)
	defer cancel()
	if err := l.ensureSafe(ctx, l.bucket); err != nil {
		return &Error{Op: "open bucket " + l.name, Err: err}
	}
	return nil
}

// probers is how many race in a probe.
const probers = 4

func (b bucket) probe(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	key := b.prefix + "P/" + rand.Text()
	err := b.probeAt(ctx, key)
	// Removing it is neatness, not worth waiting for: who may not remove
	// anything can run the log.
	_, _ = b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key})
	return err
}

func (b bucket) probeAt(ctx context.Context, key string) error {
	bodies, results := make([]string, probers), make([]error, probers)
	var all sync.WaitGroup
	for i := range probers {
		bodies[i] = rand.Text()
		all.Go(func() { results[i] = b.create(ctx, key, []byte(bodies[i]), nil) })
	}
	all.Wait()
	won := ""
	for i, err := range results {
		switch {
		case err == nil && won != "":
			return fmt.Errorf("%w: two writers that raced for an object both got it", ErrUnsafe)
		case err == nil:
			won = bodies[i]
		case !errors.Is(err, errExists):
			return err
		}
	}
	if err := b.create(ctx, key, []byte(rand.Text()), nil); !errors.Is(err, errExists) {
		if err == nil {
			err = fmt.Errorf("%w: it overwrote an object", ErrUnsafe)
		}
		return err
	}
	return b.probeRead(ctx, key, won)
}

// probeRead looks for the object and compares it with what the winner wrote;
// "" where the winner's answer was lost and a second try told it otherwise.
func (b bucket) probeRead(ctx context.Context, key, won string) error {
	body, _, err := b.get(ctx, key)
	if err != nil {
		return explain(ctx, err)
	}
	if won != "" && string(body) != won {
		return fmt.Errorf("%w: it holds something else than was written", ErrUnsafe)
	}
	out, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &key})
	if err != nil {
		return explain(ctx, err)
	}
	if len(out.Contents) != 1 || aws.ToString(out.Contents[0].Key) != key {
		return fmt.Errorf("%w: it does not list an object that is there", ErrUnsafe)
	}
	return nil
}
