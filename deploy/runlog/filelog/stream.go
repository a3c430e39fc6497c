package filelog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
)

// stream is what a Log remembers of a file, so that it does not read all of it
// each time.
type stream struct {
	path string        // of the file
	base string        // path without .jsonl
	busy chan struct{} // holds one token while somebody is inside

	in     *os.File     // for the lock and to read; nil is not open
	out    durable.File // to write; nil is not open
	file   os.FileInfo  // of in, as it was opened
	origin position     // of the first record in that file
	known  position     // the last place known in it; the zero position is none
	synced bool         // known is durable
}

// position is a place in a stream between two records.
type position struct {
	count uint64 // records before
	size  int64  // bytes before
	torn  int64  // bytes of a torn record behind it
}

// stream returns what is remembered of the stream, and refuses a bad name.
func (l *Log) stream(name string) (*stream, error) {
	base, err := streamPath(name)
	if err != nil {
		return nil, &Error{Op: "open", Path: filepath.Join(l.dir, filepath.FromSlash(name)), Err: err}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streams[name]
	if s == nil {
		base = filepath.Join(l.dir, base)
		s = &stream{path: base + ".jsonl", base: base, busy: make(chan struct{}, 1)}
		l.streams[name] = s
	}
	return s, nil
}

// enter waits until nobody of this Log is at the stream.
func (s *stream) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case s.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *stream) leave() { <-s.busy }

// forget makes the next scan start afresh.
func (s *stream) forget() { s.origin, s.known, s.synced = position{}, position{}, false }

// grew notes a record that this Log has appended durably.
func (s *stream) grew(size int) {
	s.known = position{count: s.known.count + 1, size: s.known.size + int64(size)}
	s.synced = true
}

// scan finds the end of the stream, whose file is locked.
func (l *Log) scan(s *stream) (position, error) {
	info, err := s.in.Stat()
	if err != nil {
		return position{}, err
	}
	if info.Size() < s.known.size {
		s.forget()
	}
	if s.known == (position{}) {
		if err := l.begin(s, info.Size()); err != nil {
			return position{}, err
		}
	}
	if info.Size() == s.known.size {
		s.known.torn = 0
		return s.known, nil
	}
	s.synced = false
	s.known, err = scanFrom(s.in, s.known, info.Size())
	if err != nil {
		s.forget()
	}
	return s.known, err
}

// scanFrom counts the lines between at and size. A last line without line feed
// or with a zero byte is torn: an Append that returned left neither.
func scanFrom(f io.ReaderAt, at position, size int64) (position, error) {
	at.torn = 0
	start := at.size  // of the line being read
	zeroIn := false   // the line being read has a zero byte
	previous := at    // before the last whole line
	lastZero := false // the last whole line has a zero byte
	buf := make([]byte, 64<<10)
	for off := at.size; off < size; {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), size-off)], off)
		if n == 0 && err != nil {
			return at, err
		}
		chunk := buf[:n]
		for len(chunk) > 0 {
			part, rest, whole := bytes.Cut(chunk, []byte("\n"))
			zeroIn = zeroIn || bytes.IndexByte(part, 0) >= 0
			off += int64(len(part))
			chunk = rest
			if !whole {
				break
			}
			off++
			previous, lastZero = at, zeroIn
			at = position{count: at.count + 1, size: off}
			start, zeroIn = off, false
		}
	}
	if start == size && lastZero {
		at = previous
	}
	at.torn = size - at.size
	return at, nil
}

// clash matches a directory that could be taken for a stream's file.
var clash = regexp.MustCompile(`\.jsonl(\.d)*$`)

// streamPath is the path of a stream's file without its ending.
func streamPath(name string) (string, error) {
	if err := deploy.CheckStream(name); err != nil {
		return "", fmt.Errorf("stream %q: %w", name, err)
	}
	parts := strings.Split(name, "/")
	for i, p := range parts {
		if i < len(parts)-1 && clash.MatchString(p) {
			parts[i] = p + ".d"
		}
	}
	return filepath.Join(parts...), nil
}
