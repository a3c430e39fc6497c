package filelog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/masaruk/devops/deploy"
)

// reader yields the lines of a file up to a position found before.
type reader struct {
	f    *os.File
	buf  *bufio.Reader
	end  position
	from uint64

	line uint64 // number of rec, or of the line that err is about
	rec  []byte
	err  error
}

// openReader begins at start, which is not behind record from.
func openReader(path string, start, end position, from uint64) (*reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	part := io.NewSectionReader(f, start.size, end.size-start.size)
	return &reader{f: f, buf: bufio.NewReaderSize(part, 64<<10), end: end, from: from, line: start.count}, nil
}

// next reads the next record into rec, which is not used again.
func (r *reader) next(ctx context.Context) bool {
	for r.line < r.end.count {
		r.line++
		if r.err = context.Cause(ctx); r.err != nil {
			return false
		}
		if r.rec, r.err = r.read(r.line >= r.from); r.err != nil {
			return false
		}
		if r.line >= r.from {
			return true
		}
	}
	if r.end.torn > 0 {
		r.line = r.end.count + 1
		r.err = fmt.Errorf("%d bytes behind the last whole record: %w; the next Append takes its place and keeps the bytes beside the file", r.end.torn, deploy.ErrTorn)
	}
	return false
}

// read reads a line, and keeps it if it is wanted.
func (r *reader) read(keep bool) ([]byte, error) {
	line, length := []byte{}, 0
	for {
		part, err := r.buf.ReadSlice('\n')
		if length += len(part); length > deploy.MaxRecord+1 {
			return nil, fmt.Errorf("the line has more than %d bytes, so no Log wrote it; restore the file from a copy", deploy.MaxRecord)
		}
		if keep {
			line = append(line, part...)
		}
		switch {
		case err == nil && keep:
			return line[:len(line)-1], nil
		case err == nil:
			return nil, nil
		case errors.Is(err, io.EOF):
			return nil, errors.New("the file became shorter while it was read; restore it from a copy")
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
