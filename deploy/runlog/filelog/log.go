package filelog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
)

const (
	filePerm fs.FileMode = 0o600
	dirPerm  fs.FileMode = 0o700
)

// Options are the options of [New]. There are none yet; nil is fine.
type Options struct{}

// Log keeps streams as files. It is safe for concurrent use, also by other
// processes.
type Log struct {
	dir  string
	fsys durable.FS

	mu      sync.Mutex
	streams map[string]*stream
}

var _ deploy.Log = (*Log)(nil)

// New returns the log in dir, which need not exist. It does no I/O.
func New(dir string, _ *Options) (*Log, error) {
	if dir == "" {
		return nil, &Error{Op: "open", Path: dir, Err: errors.New("the directory has no name; give one")}
	}
	abs, err := filepath.Abs(dir) // the program may change its working directory
	if err != nil {
		return nil, &Error{Op: "open", Path: dir, Err: err}
	}
	return &Log{dir: abs, fsys: durable.OS{}, streams: map[string]*stream{}}, nil
}

// Append adds rec as record number seq. See [deploy.Log].
func (l *Log) Append(ctx context.Context, name string, seq uint64, rec []byte) error {
	s, err := l.stream(name)
	if err != nil {
		return err
	}
	if err := deploy.CheckRecord(rec); err != nil {
		return &Error{Op: "append", Path: s.path, Line: seq, Err: err}
	}
	if err := s.enter(ctx); err != nil {
		return &Error{Op: "append", Path: s.path, Line: seq, Err: err}
	}
	defer s.leave()
	if err := l.append(ctx, s, seq, rec); err != nil {
		return &Error{Op: "append", Path: s.path, Line: seq, Err: explain(err)}
	}
	return nil
}

func (l *Log) append(ctx context.Context, s *stream, seq uint64, rec []byte) error {
	f, err := l.lockForAppend(ctx, s, seq)
	if err != nil {
		return err
	}
	defer f.Close() // read only, for the lock
	end, err := s.scan(f)
	if err != nil {
		return err
	}
	if err := conflict(seq, end.count); err != nil {
		return err
	}
	if end.torn > 0 {
		if err := l.moveAside(s, f, end); err != nil {
			return fmt.Errorf("move the torn record aside: %w", err)
		}
	}
	line := append(append(make([]byte, 0, len(rec)+1), rec...), '\n')
	if err := durable.Append(l.fsys, s.path, line, filePerm); err != nil {
		s.forget()
		return err
	}
	s.grew(len(line))
	return nil
}

// lockForAppend opens the file under an exclusive lock and makes it, with its
// directory, where it may be the first record's.
func (l *Log) lockForAppend(ctx context.Context, s *stream, seq uint64) (*os.File, error) {
	f, err := durable.OpenLocked(ctx, s.path, os.O_RDONLY, 0, durable.Exclusive)
	if errors.Is(err, fs.ErrNotExist) && seq != 1 {
		return nil, conflict(seq, 0)
	}
	if err == nil {
		info, statErr := f.Stat()
		if statErr == nil && info.Size() > 0 {
			return f, nil
		}
		err = errors.Join(statErr, f.Close())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// Empty or missing: whoever made the directories may have been killed
	// before they were durable.
	if err := durable.MkdirAll(l.fsys, filepath.Dir(s.path), dirPerm); err != nil {
		return nil, err
	}
	return durable.OpenLocked(ctx, s.path, os.O_RDONLY|os.O_CREATE, filePerm, durable.Exclusive)
}

// moveAside keeps the torn bytes in a file of their own and cuts them off.
func (l *Log) moveAside(s *stream, f *os.File, end position) error {
	torn := make([]byte, end.torn)
	if _, err := f.ReadAt(torn, end.size); err != nil {
		return err
	}
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s.torn-%d", s.base, n)
		if _, err := os.Lstat(name); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := durable.WriteFile(l.fsys, name, torn, filePerm); err != nil {
			return err
		}
		return durable.Truncate(l.fsys, s.path, end.size)
	}
}

// Read yields the records from number from. See [deploy.Log].
func (l *Log) Read(ctx context.Context, name string, from uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		s, err := l.stream(name)
		if err != nil {
			yield(nil, err)
			return
		}
		r, err := l.snapshot(ctx, s, max(from, 1))
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(nil, &Error{Op: "read", Path: s.path, Err: explain(err)})
			return
		}
		defer r.f.Close() // read only
		for r.next(ctx) {
			if !yield(r.rec, nil) {
				return
			}
		}
		if r.err != nil {
			yield(nil, &Error{Op: "read", Path: s.path, Line: r.line, Err: explain(r.err)})
		}
	}
}

// snapshot finds where the stream ends and makes it durable up to there.
func (l *Log) snapshot(ctx context.Context, s *stream, from uint64) (*reader, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	f, err := durable.OpenLocked(ctx, s.path, os.O_RDONLY, 0, durable.Shared)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only, for the lock
	start := s.known
	end, err := s.scan(f)
	if err != nil {
		return nil, err
	}
	if start.count >= from || start.count > end.count {
		start = position{}
	}
	if !s.synced {
		if err := durable.SyncFile(l.fsys, s.path); err != nil {
			return nil, err
		}
		s.synced = true
	}
	return openReader(s.path, start, end, from)
}

func conflict(seq, count uint64) error {
	if seq == count+1 {
		return nil
	}
	return fmt.Errorf("the stream holds %d records, so the next is number %d, not %d: %w", count, count+1, seq, deploy.ErrConflict)
}
