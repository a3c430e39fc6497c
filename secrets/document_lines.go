package secrets

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// maxLine is the length in bytes of the longest line that is looked at.
const maxLine = 1 << 20

// Lines returns a filter before w for a log of lines, as Pino and
// [slog.JSONHandler] write them. A line of JSON is masked as by [Keys.JSON].
// In any other line each JSON object, such as the one behind the prefix of a
// process manager, is masked so, and all of it by r. Where an object breaks off,
// its last token and the rest of the line become the [Placeholder]; and so does
// a line of more than 1 MiB as a whole. None of this is an error, since a log
// must go on.
//
// Of an object that takes several lines, the members at the beginning of a line
// are masked as if they were at the top, so by paths that begin with ** for
// certain; what a hidden one has on the next lines is not. Objects in other
// notations, such as Node's util.inspect, are text.
//
// A line is passed on when it ends; Close passes on what is left and leaves w
// open. After an error of w every Write returns that error. The filter is safe
// for concurrent use as far as each Write is of whole lines.
func (k *Keys) Lines(w io.Writer, r *Redactor) io.WriteCloser {
	return &lines{to: w, keys: k, redactor: r}
}

type lines struct {
	to       io.Writer
	keys     *Keys
	redactor *Redactor

	mu     sync.Mutex
	held   []byte // the beginning of a line
	long   bool   // what comes belongs to a line that was too long
	out    []byte // reused between writes
	err    error  // of the writer behind
	closed bool
}

// Write passes on the lines that end in p. It returns the length of p even
// where some of it is held back.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return 0, fmt.Errorf("secrets: write to a closed filter of lines: %w", os.ErrClosed)
	case l.err != nil:
		return 0, l.err
	}
	size := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			l.hold(p)
			break
		}
		l.hold(p[:end])
		l.line()
		l.out = append(l.out, '\n')
		l.long = false
		p = p[end+1:]
	}
	if err := l.flush(); err != nil {
		return 0, err
	}
	return size, nil
}

// hold keeps a part of a line, unless the line is too long.
func (l *lines) hold(part []byte) {
	switch {
	case l.long:
	case len(l.held)+len(part) > maxLine:
		l.long, l.held = true, nil
		l.out = append(l.out, Placeholder...)
	default:
		l.held = append(l.held, part...)
	}
}

// line masks what is held.
func (l *lines) line() {
	if len(l.held) > 0 {
		l.out = append(l.out, maskLine(l.keys, l.redactor, l.held)...)
		l.held = l.held[:0]
	}
}

func (l *lines) flush() error {
	if len(l.out) == 0 {
		return nil
	}
	n, err := l.to.Write(l.out)
	if err == nil && n < len(l.out) {
		err = io.ErrShortWrite
	}
	l.err, l.out = err, l.out[:0]
	return err
}

// Close passes on the last line if it has no end. Closing again does nothing.
func (l *lines) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.err != nil {
		l.closed = true
		return l.err
	}
	l.closed = true
	l.line()
	return l.flush()
}

// maskLine masks one line without its end. The result may be line itself.
func maskLine(k *Keys, r *Redactor, line []byte) []byte {
	start := bytes.TrimLeft(line, " \t")
	if len(start) > 0 && (start[0] == '[' || start[0] == '{') {
		if masked, err := k.JSON(line, r); err == nil {
			return masked
		}
	}
	out, text := k.members(string(line))
	for {
		at := objectIn(text)
		out = append(out, text[:at]...)
		if text = text[at:]; text == "" {
			return r.Bytes(out)
		}
		d := document{keys: k, redactor: r, text: text}
		if !d.value() {
			d.replace(d.start, len(text), Placeholder)
			return r.Bytes(append(out, d.out...))
		}
		d.replace(d.at, d.at, "")
		out = append(out, d.out...)
		text = text[d.at:]
	}
}

// members masks the members of an object that text begins with, and returns
// what is behind them.
func (k *Keys) members(text string) (masked []byte, rest string) {
	for {
		d := document{keys: k, text: text}
		d.space()
		if d.at == len(text) || text[d.at] != '"' {
			return masked, text
		}
		name, ok := d.quoted()
		if !ok || !d.follows(':') {
			return masked, text
		}
		d.path = []element{key(name)}
		whole := d.member()
		switch {
		case !whole && k.hit(d.path[:1]):
			d.replace(d.start, len(text), Placeholder)
			return append(masked, d.out...), ""
		case !whole:
			return masked, text
		}
		d.closes(',')
		masked = append(append(masked, d.out...), text[d.copied:d.at]...)
		text = text[d.at:]
	}
}

// objectIn returns where something in the form of a JSON object begins, or the
// length of text. One of which the line has nothing more than its beginning is
// none.
func objectIn(text string) int {
	for at := 0; ; at++ {
		next := strings.IndexByte(text[at:], '{')
		if next < 0 {
			return len(text)
		}
		at += next
		if inside := strings.TrimLeft(text[at+1:], " \t"); inside != "" && inside[0] == '"' {
			return at
		}
	}
}
