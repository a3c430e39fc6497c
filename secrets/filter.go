package secrets

import (
	"fmt"
	"io"
	"os"
	"sync"
)

// piece is how many bytes of a Write are looked at in one go: they fit into a
// near cache, and bound the buffer.
const piece = 64 << 10

// filter is the writer of a [Redactor].
type filter struct {
	to io.Writer
	r  *Redactor

	mu   sync.Mutex
	scan scan
	buf  []byte // what went out that is still looked at, and what is held back
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
	for rest := p; len(rest) > 0; {
		n := min(len(rest), piece)
		if err := f.pass(rest[:n], false); err != nil {
			return 0, err
		}
		rest = rest[n:]
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
	if e := f.r.engine(); e != f.scan.engine {
		f.scan.use(e, f.scan.passed)
	}
	f.buf = append(f.buf, p...)
	keep := f.scan.look(f.buf, final)
	from := f.scan.passed
	out, whole := f.scan.render(f.out[:0], f.buf, keep)
	f.out = out
	if whole {
		out = f.buf[from:keep]
	}
	err := f.write(out)
	f.cut()
	return err
}

// write writes b, if there is any.
func (f *filter) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	n, err := f.to.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	f.err = err
	return err
}

// cut drops what went out, but for the bytes that shapes look back at. It waits
// until that is half of the buffer, so that a byte is moved once on average,
// however much is held back.
func (f *filter) cut() {
	done := f.scan.passed
	if f.scan.engine != nil && len(f.scan.engine.shapes) > 0 {
		done = max(0, done-lookBehind)
	}
	if 2*done < len(f.buf) {
		return
	}
	f.buf = append(f.buf[:0], f.buf[done:]...)
	f.scan.drop(done)
}
