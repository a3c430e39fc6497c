package s3log

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/masaruk/devops/deploy"
)

// Log keeps streams as objects. It is safe for concurrent use, also by other
// processes.
type Log struct {
	bucket
	prober
	page int32 // keys in a LIST; 0 is the store's default, 1,000

	mu    sync.Mutex
	known map[string]uint64 // a number of each stream that is there
}

var _ deploy.Pruner = (*Log)(nil)

// New returns the log in the bucket, which must exist. It does no I/O.
func New(client *s3.Client, bucketName string, opts *Options) (*Log, error) {
	b, err := open(client, bucketName, opts)
	if err != nil {
		return nil, err
	}
	return &Log{bucket: b, prober: newProber(), known: map[string]uint64{}}, nil
}

// records is what the keys of a stream's records begin with.
func (l *Log) records(stream string) string { return l.prefix + stream + "/R/" }

// key is that of a record. As many digits as the largest number has keep the
// keys in the order of the numbers.
func (l *Log) key(stream string, seq uint64) string {
	return fmt.Sprintf("%s%020d", l.records(stream), seq)
}

// Append adds rec as record number seq. See [deploy.Log].
func (l *Log) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	err := deploy.CheckStream(stream)
	if err == nil {
		err = deploy.CheckRecord(rec)
	}
	if err == nil {
		err = l.append(ctx, stream, seq, rec)
	}
	if err != nil {
		return &Error{Op: "append to", Stream: stream, Seq: seq, Err: err}
	}
	return nil
}

func (l *Log) append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	ctx, cancel := l.limit(ctx)
	defer cancel()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if seq == 0 {
		return fmt.Errorf("numbers begin with 1: %w", deploy.ErrConflict)
	}
	if err := l.ensureSafe(ctx, l.bucket); err != nil {
		return err
	}
	if err := l.follows(ctx, stream, seq); err != nil {
		return err
	}
	m := newMark(rec)
	err := l.create(ctx, l.key(stream, seq), rec, m.metadata())
	if errors.Is(err, errExists) {
		err = l.isOurs(ctx, stream, seq, m)
	}
	if err == nil {
		l.saw(stream, seq)
	}
	return err
}

// follows tells whether the record before is there.
func (l *Log) follows(ctx context.Context, stream string, seq uint64) error {
	l.mu.Lock()
	known := l.known[stream]
	l.mu.Unlock()
	if known >= seq-1 {
		return nil
	}
	_, there, err := l.head(ctx, l.key(stream, seq-1))
	if err != nil {
		return fmt.Errorf("look for record %d: %w", seq-1, err)
	}
	if !there {
		return fmt.Errorf("record %d does not exist yet: %w", seq-1, deploy.ErrConflict)
	}
	l.saw(stream, seq-1)
	return nil
}

// isOurs tells whether an object that exists was written by an earlier try of
// this very Append, whose answer was lost.
func (l *Log) isOurs(ctx context.Context, stream string, seq uint64, m mark) error {
	other, there, err := l.head(ctx, l.key(stream, seq))
	if err != nil && !errors.Is(err, ErrForeign) {
		return err
	}
	if there && other == m {
		return nil
	}
	return fmt.Errorf("record %d exists already: %w", seq, deploy.ErrConflict)
}

// saw notes a record that is there.
func (l *Log) saw(stream string, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[stream] = max(l.known[stream], seq)
}
