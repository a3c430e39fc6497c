package filelog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
)

const (
	filePerm fs.FileMode = 0o600
	dirPerm  fs.FileMode = 0o700
)

// Options are the options of [New]; nil means the defaults.
type Options struct {
	// Wait is how long a call waits for another process, or another Log, that
	// has locked the file of the stream; zero is 30 seconds, negative is no
	// bound but ctx. What is locked for longer is mostly a process that was
	// stopped in the middle.
	Wait time.Duration
}

const defaultWait = 30 * time.Second

// Log keeps streams as files. It is safe for concurrent use, also by other
// processes.
type Log struct {
	dir  string
	fsys durable.FS
	wait time.Duration

	mu      sync.Mutex
	streams map[string]*stream
	open    map[*stream]bool // that keep their file open
}

var _ deploy.Pruner = (*Log)(nil)

// New returns the log in dir, which need not exist. It does no I/O.
func New(dir string, opts *Options) (*Log, error) {
	if dir == "" {
		return nil, &Error{Op: "open", Path: dir, Err: errors.New("the directory has no name; give one")}
	}
	abs, err := filepath.Abs(dir) // the program may change its working directory
	if err != nil {
		return nil, &Error{Op: "open", Path: dir, Err: err}
	}
	l := &Log{dir: abs, fsys: durable.OS{}, wait: defaultWait, streams: map[string]*stream{}, open: map[*stream]bool{}}
	if opts != nil && opts.Wait != 0 {
		l.wait = opts.Wait
	}
	return l, nil
}

// Close closes the files that the Log keeps open, so that their file system
// can be unmounted. It waits for calls under way. The Log can be used on.
func (l *Log) Close() error {
	l.mu.Lock()
	open := slices.Collect(maps.Keys(l.open))
	l.mu.Unlock()
	for _, s := range open {
		s.busy <- struct{}{}
		l.drop(s)
		s.leave()
	}
	return nil
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

func (l *Log) append(ctx context.Context, s *stream, seq uint64, rec []byte) (err error) {
	if err := l.lockForAppend(ctx, s, seq); err != nil {
		return err
	}
	defer func() {
		if failed := l.unlock(s); failed != nil {
			err = errors.Join(err, failed)
		}
	}()
	end, err := l.scan(s)
	if err != nil {
		return err
	}
	if err := conflict(seq, end.count); err != nil {
		return err
	}
	if end.torn > 0 {
		if err := l.moveAside(s, end); err != nil {
			return fmt.Errorf("move the torn record aside: %w", err)
		}
	}
	line := append(append(make([]byte, 0, len(rec)+1), rec...), '\n')
	if err := l.write(s, end.size, line); err != nil {
		s.forget()
		return err
	}
	s.grew(len(line))
	return nil
}

// write adds a line at the end of the locked file, which is at size, and makes
// it durable. After an error the file has its old length, as far as the
// operating system still lets it be set.
func (l *Log) write(s *stream, size int64, line []byte) error {
	if err := l.openOut(s); err != nil {
		return err
	}
	if size == 0 {
		// The name first: a file with content always has a durable name.
		if err := l.fsys.SyncDir(filepath.Dir(s.path)); err != nil {
			return err
		}
	}
	_, err := s.out.Write(line)
	if err == nil {
		err = s.out.Sync()
	}
	if err != nil {
		err = errors.Join(err, s.out.Truncate(size))
	}
	return err
}

// lockForAppend locks the file against everybody and makes it, with its
// directory, where it may be the first record's.
func (l *Log) lockForAppend(ctx context.Context, s *stream, seq uint64) error {
	err := l.lock(ctx, s, durable.Exclusive)
	if errors.Is(err, fs.ErrNotExist) && seq != 1 {
		return conflict(seq, 0)
	}
	if err == nil && s.known.size > 0 {
		return nil
	}
	if err == nil {
		info, statErr := s.in.Stat()
		if statErr == nil && info.Size() > 0 {
			return nil
		}
		err = errors.Join(statErr, l.unlock(s))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Empty or missing: whoever made the directories may have been killed
	// before they were durable.
	if err := durable.MkdirAll(l.fsys, filepath.Dir(s.path), dirPerm); err != nil {
		return err
	}
	made, err := os.OpenFile(s.path, os.O_RDONLY|os.O_CREATE, filePerm)
	if err != nil {
		return err
	}
	if err := made.Close(); err != nil {
		return err
	}
	return l.lock(ctx, s, durable.Exclusive)
}

// moveAside keeps the torn bytes in a file of their own and cuts them off.
func (l *Log) moveAside(s *stream, end position) error {
	torn := make([]byte, end.torn)
	if _, err := s.in.ReadAt(torn, end.size); err != nil {
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
func (l *Log) snapshot(ctx context.Context, s *stream, from uint64) (r *reader, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if err := l.lock(ctx, s, durable.Shared); err != nil {
		return nil, err
	}
	defer func() {
		if failed := l.unlock(s); failed != nil {
			if r != nil {
				_ = r.f.Close() // read only
			}
			r, err = nil, errors.Join(err, failed)
		}
	}()
	start := s.known
	end, err := l.scan(s)
	if err != nil {
		return nil, err
	}
	if start.count >= from || start.count < s.origin.count || start.count > end.count {
		start = s.origin
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
