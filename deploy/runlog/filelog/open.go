package filelog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/masaruk/devops/internal/durable"
)

// ErrBusy reports a file that another process, or another Log, has locked for
// longer than Options.Wait. Nothing was read or written.
var ErrBusy = errors.New("somebody else holds the log file")

// maxOpen is how many streams keep their file open between calls.
const maxOpen = 32

// lock opens the file of the stream, where it is not open already, and locks
// it until unlock. The file is the one that has the name now. After an error,
// which wraps fs.ErrNotExist where there is no file, nothing is locked. The
// caller is inside the stream.
func (l *Log) lock(ctx context.Context, s *stream, kind durable.Lock) error {
	for {
		if err := l.openIn(s); err != nil {
			return err
		}
		if err := l.waitForLock(ctx, s, kind); err != nil {
			s.in = nil // closed, or will be
			l.drop(s)
			return err
		}
		named, err := os.Stat(s.path)
		if err == nil && os.SameFile(s.file, named) {
			return nil
		}
		l.drop(s) // replaced or removed meanwhile
		if err != nil {
			return err
		}
	}
}

// waitForLock is bounded: who was stopped with the lock may never go on.
func (l *Log) waitForLock(ctx context.Context, s *stream, kind durable.Lock) error {
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), s.in.Close())
	}
	bounded := ctx
	if l.wait > 0 {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeoutCause(ctx, l.wait, ErrBusy)
		defer cancel()
	}
	err := durable.LockFile(bounded, s.in, kind)
	if err != nil && errors.Is(err, ErrBusy) {
		return fmt.Errorf("%w for longer than %v: %s", ErrBusy, l.wait, remedy(s.file, s.path))
	}
	return err
}

// unlock lets others at the file, which stays open.
func (l *Log) unlock(s *stream) error {
	err := durable.Unlock(s.in)
	if err != nil {
		l.drop(s)
	}
	return err
}

// openIn opens the file.
func (l *Log) openIn(s *stream) error {
	if s.in != nil {
		return nil
	}
	f, err := os.Open(s.path)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	s.in, s.file = f, info
	l.keepOpen(s)
	return nil
}

// openOut opens the locked file for writing.
func (l *Log) openOut(s *stream) error {
	if s.out != nil {
		return nil
	}
	f, err := l.fsys.OpenFile(s.path, os.O_WRONLY|os.O_APPEND, filePerm)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !os.SameFile(s.file, info) {
		err = &fs.PathError{Op: "open", Path: s.path, Err: errors.New("the file was replaced by somebody who did not lock it; run again")}
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	s.out = f
	return nil
}

// drop closes the file of the stream, and forgets what was in it, since the
// number of its inode may be given to another. The caller is inside the stream.
func (l *Log) drop(s *stream) {
	if s.in != nil {
		_ = s.in.Close() // read only
	}
	if s.out != nil {
		_ = s.out.Close() // what was written was synced
	}
	s.in, s.out, s.file = nil, nil, nil
	s.forget()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, s)
}

// keepOpen notes that the stream has its file open, and closes those of others
// where there are many.
func (l *Log) keepOpen(s *stream) {
	l.mu.Lock()
	l.open[s] = true
	var idle []*stream
	for other := range l.open {
		if len(l.open)-len(idle) <= maxOpen {
			break
		}
		if other == s {
			continue
		}
		select {
		case other.busy <- struct{}{}:
			idle = append(idle, other)
		default: // somebody is inside
		}
	}
	l.mu.Unlock()
	for _, other := range idle {
		l.drop(other)
		other.leave()
	}
}
