package deploy

import (
	"bytes"
	"strings"
	"sync"
)

// tailSize is how much of an attempt's output the log keeps, in bytes.
const tailSize = 8 << 10

// lineWriter cuts the output of an attempt into lines for the event handler
// and keeps the end of it for the log.
type lineWriter struct {
	mu      sync.Mutex
	partial []byte
	tail    []byte
	line    func(string)
	closed  bool
}

// maxLine is where a line without end is cut.
const maxLine = 64 << 10

// Write takes output in; it never fails. What comes after the attempt has
// ended is dropped.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return len(p), nil
	}
	w.tail = append(w.tail, p...)
	if len(w.tail) > 2*tailSize {
		w.tail = append(w.tail[:0], w.tail[len(w.tail)-tailSize:]...)
	}
	for rest := p; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		room := maxLine - len(w.partial)
		switch {
		case i >= 0 && i <= room:
			w.emit(rest[:i])
			rest = rest[i+1:]
		case len(rest) >= room:
			w.emit(rest[:room])
			rest = rest[room:]
		default:
			w.partial = append(w.partial, rest...)
			rest = nil
		}
	}
	return len(p), nil
}

// emit hands on a line that ends with end.
func (w *lineWriter) emit(end []byte) {
	line := append(w.partial, end...)
	w.partial = w.partial[:0]
	w.line(strings.ToValidUTF8(string(bytes.TrimSuffix(line, []byte("\r"))), "\uFFFD"))
}

// finish ends the last line and returns the tail as valid UTF-8.
func (w *lineWriter) finish() []byte {
	w.mu.Lock()
	open := len(w.partial) > 0
	w.mu.Unlock()
	if open {
		_, _ = w.Write([]byte("\n"))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if len(w.tail) > tailSize {
		w.tail = w.tail[len(w.tail)-tailSize:]
	}
	return bytes.ToValidUTF8(w.tail, []byte("\uFFFD"))
}
