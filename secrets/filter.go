package secrets

import (
	"fmt"
	"io"
	"os"
	"sync"
)

// filter is the writer of a [Redactor].
type filter struct {
	to io.Writer
	r  *Redactor

	mu   sync.Mutex
	scan scan
	held []byte // the beginning of what may be a value
	out  []byte // reused between writes

	err    error // of the writer behind
	closed bool
}

// Write passes on what is certain. It returns the length of p even where some
// of it is held back.
func (f *filter) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return 0, errClosed
	case f.err != nil:
		return 0, f.err
	}
	if err := f.pass(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close passes on what was held back. Closing again does nothing.
func (f *filter) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return nil
	case f.err != nil:
		f.closed = true
		return f.err
	}
	f.closed = true
	return f.pass(nil, true)
}

var errClosed = fmt.Errorf("secrets: write to a closed filter: %w", os.ErrClosed)

func (f *filter) pass(p []byte, final bool) error {
	b := p
	if len(f.held) > 0 {
		f.held = append(f.held, p...)
		b = f.held
	}
	out, done := f.scan.step(f.r.patterns(), f.out[:0], b, final)
	f.held = append(f.held[:0], b[done:]...)
	if cap(out) <= 64<<10 {
		f.out = out
	}
	if len(out) == 0 {
		return nil
	}
	n, err := f.to.Write(out)
	if err == nil && n < len(out) {
		err = io.ErrShortWrite
	}
	f.err = err
	return err
}
