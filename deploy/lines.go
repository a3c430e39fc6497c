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
	w.partial = append(w.partial, p...)
	for {
		i := bytes.IndexByte(w.partial, '\n')
		if i < 0 && len(w.partial) < maxLine {
			return len(p), nil
		}
		if i < 0 {
			i = len(w.partial)
			w.partial = append(w.partial, '\n')
		}
		w.line(strings.ToValidUTF8(strings.TrimSuffix(string(w.partial[:i]), "\r"), "\uFFFD"))
		w.partial = append(w.partial[:0], w.partial[i+1:]...)
	}
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
