package localexec

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// drainIdle and drainBytes bound what is read after the group has ended
	// from a pipe that somebody outside the group still holds open. A pipe
	// holds less than drainBytes.
	drainIdle  = time.Second
	drainBytes = 1 << 20
)

// gate lets the two streams of a command write one at a time, and no more once
// Run has given up on a Writer that hangs.
type gate struct {
	mu     sync.Mutex
	closed atomic.Bool
}

// write hands p to w. A panic of w is an error: it must not take the program
// down while the command runs.
func (g *gate) write(w io.Writer, p []byte) (err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed.Load() {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	n, err := w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

// stream is one output of a command on its way from the pipe through the
// filter to the tail and the Writer.
type stream struct {
	name   string
	r      *os.File
	w      io.Writer // nil discards
	gate   *gate
	ending atomic.Bool
	done   chan struct{}

	mu   sync.Mutex
	tail tail
	err  error // first error of w, after which w gets nothing more
}

// pump reads the pipe to its end. It never stops for a Writer that fails, so
// the command never waits for a reader that is gone.
func (s *stream) pump(m mask) {
	defer close(s.done)
	defer s.r.Close()
	filter := m.writer(s)
	buf := make([]byte, 32<<10)
	for left := drainBytes; left > 0; {
		ending := s.ending.Load()
		if ending { // counted from now, since the Writer may have been slow
			_ = s.r.SetReadDeadline(time.Now().Add(drainIdle))
		}
		n, err := s.r.Read(buf)
		if n > 0 {
			_, _ = filter.Write(buf[:n]) // s never fails
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
				s.fail(fmt.Errorf("reading the pipe: %w", err))
			}
			break
		}
		if ending {
			left -= n
		}
	}
	_ = filter.Close()
}

// finish tells the pump that the group has ended: what comes now is the rest.
func (s *stream) finish() {
	s.ending.Store(true)
	_ = s.r.SetReadDeadline(time.Now().Add(drainIdle))
}

// Write takes filtered output. It never fails.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.tail.add(p)
	failed := s.err != nil
	s.mu.Unlock()
	if s.w != nil && !failed && len(p) > 0 {
		if err := s.gate.write(s.w, p); err != nil {
			s.fail(err)
		}
	}
	return len(p), nil
}

func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

func (s *stream) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *stream) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tail.bytes()
}

// tail keeps the last tailBytes bytes written to it.
type tail struct{ b []byte }

func (t *tail) add(p []byte) {
	if len(p) > tailBytes {
		p = p[len(p)-tailBytes:]
	}
	// Twice the length is kept, so that most calls copy nothing but p.
	if len(t.b)+len(p) > 2*tailBytes {
		keep := max(0, tailBytes-len(p))
		t.b = append(t.b[:0], t.b[len(t.b)-keep:]...)
	}
	t.b = append(t.b, p...)
}

func (t *tail) bytes() []byte {
	b := t.b[max(0, len(t.b)-tailBytes):]
	return append([]byte(nil), b...)
}
