package leakscan

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"iter"
)

// Stream gives the findings in what r holds, in the order of the lines; the
// name is their Path. It reads to the end, in pieces, and needs the same memory
// for any length. UTF-16 that begins with its mark is read as such. The error
// is an [*Error] with that of r or the cause of ctx, which is looked at between
// reads; it is the last that is given.
func (s *Scanner) Stream(ctx context.Context, name string, r io.Reader) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		stopped := false
		c := &content{scanner: s, emit: func(f Finding, _ span) { stopped = stopped || !yield(f, nil) }}
		err := c.readAll(ctx, name, r, func() bool { return stopped })
		if err != nil && !stopped {
			yield(Finding{}, &Error{Op: "stream", Path: name, Err: err})
		}
	}
}

// readAll finds what is in r, until stop says that it is enough.
func (c *content) readAll(ctx context.Context, name string, r io.Reader, stop func() bool) error {
	c.start(name, 1)
	b := bufio.NewReaderSize(r, 32<<10)
	r = b
	if mark, _ := b.Peek(2); len(mark) == 2 { // an error comes again
		switch {
		case bytes.Equal(mark, []byte{0xff, 0xfe}):
			r = &utf16Reader{from: b, little: true}
		case bytes.Equal(mark, []byte{0xfe, 0xff}):
			r = &utf16Reader{from: b}
		}
	}
	p := make([]byte, 32<<10)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := r.Read(p)
		c.write(p[:n])
		switch {
		case stop():
			return nil
		case err == io.EOF:
			return c.close()
		case err != nil:
			c.look(true) // what was read is reported
			c.release(true)
			return err
		}
	}
}
