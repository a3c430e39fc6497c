package filelog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/masaruk/devops/internal/durable"
)

// A file from which records were removed begins with an empty line, which no
// record is, and a line that says how many.
const headerForm = "\n{\"v\":1,\"pruned\":%d}\n"

var headerRE = regexp.MustCompile(`^\n\{"v":1,"pruned":([1-9][0-9]{0,18})\}\n`)

// maxHeader is more than a header has, in bytes.
const maxHeader = 64

// begin finds the first record of a file that nothing is known of.
func (l *Log) begin(s *stream, size int64) error {
	head := make([]byte, min(maxHeader, size))
	if _, err := s.in.ReadAt(head, 0); err != nil {
		return err
	}
	if !bytes.HasPrefix(head, []byte("\n")) {
		return nil
	}
	match := headerRE.FindSubmatch(head)
	if match == nil {
		return errors.New("the file begins with an empty line and nothing that this version knows behind it; use a newer one, or restore the file from a copy")
	}
	count, err := strconv.ParseUint(string(match[1]), 10, 64)
	if err != nil {
		return err
	}
	// Whoever put the file in place may have been killed before its name was
	// durable, and what comes into it now must not go with the name.
	if err := l.fsys.SyncDir(filepath.Dir(s.path)); err != nil {
		return err
	}
	s.origin = position{count: count, size: int64(len(match[0]))}
	s.known = s.origin
	return nil
}

// Prune removes the records before number before. See [deploy.Pruner]. It
// writes the rest to a new file, which then takes the name of the old one.
func (l *Log) Prune(ctx context.Context, name string, before uint64) error {
	s, err := l.stream(name)
	if err != nil {
		return err
	}
	if err = s.enter(ctx); err == nil {
		err = l.prune(ctx, s, before)
		s.leave()
	}
	if err != nil {
		return &Error{Op: "prune", Path: s.path, Line: before, Err: explain(err)}
	}
	return nil
}

func (l *Log) prune(ctx context.Context, s *stream, before uint64) error {
	if before <= 1 {
		return nil
	}
	if err := l.lock(ctx, s, durable.Exclusive); err != nil {
		return err
	}
	defer l.drop(s) // with the lock; the next call opens the new file
	end, err := l.scan(s)
	if err != nil {
		return err
	}
	if before > end.count {
		return fmt.Errorf("the stream ends at record %d, and the last one stays", end.count)
	}
	temp := s.base + "@pruning" // no element of a stream's name has "@"
	if before-1 <= s.origin.count {
		return durable.RemoveAll(l.fsys, temp) // of one that was killed
	}
	if end.torn > 0 {
		if err := l.moveAside(s, end); err != nil {
			return fmt.Errorf("move the torn record aside: %w", err)
		}
	}
	at, err := offset(s.in, s.origin, end, before)
	if err != nil {
		return err
	}
	if err := l.writeRest(ctx, s, temp, before-1, io.NewSectionReader(s.in, at, end.size-at)); err != nil {
		return errors.Join(err, durable.RemoveTree(l.fsys, temp))
	}
	return durable.Rename(l.fsys, temp, s.path)
}

// writeRest makes the file that is to take the place of the stream's.
func (l *Log) writeRest(ctx context.Context, s *stream, temp string, pruned uint64, rest io.Reader) error {
	f, err := l.fsys.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, headerForm, pruned)
	if err == nil {
		_, err = io.Copy(f, &untilDone{ctx, rest})
	}
	if err == nil {
		err = keepOwner(s.file, temp)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// untilDone is a reader that ends with ctx.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u *untilDone) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.r.Read(p)
}

// offset is where a record begins that is between the two positions.
func offset(f io.ReaderAt, from, end position, seq uint64) (int64, error) {
	lines := bufio.NewReaderSize(io.NewSectionReader(f, from.size, end.size-from.size), 64<<10)
	at := from.size
	for n := from.count + 1; n < seq; {
		part, err := lines.ReadSlice('\n')
		at += int64(len(part))
		switch {
		case err == nil:
			n++
		case errors.Is(err, io.EOF):
			return 0, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return 0, err
		}
	}
	return at, nil
}
