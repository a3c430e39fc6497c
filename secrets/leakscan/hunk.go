package leakscan

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
)

// begin begins a hunk.
func (d *diff) begin(head []byte) error {
	parents, first, count, err := hunkRanges(head)
	if err != nil {
		return fmt.Errorf("%w: line %d: %w", ErrDiff, d.number, err)
	}
	d.inside, d.parents, d.left, d.line = true, parents, count, first
	d.added, d.newline = d.added[:0], false
	d.content.start(d.path, first)
	return nil
}

// hunkLine reads a line of a hunk.
func (d *diff) hunkLine(ctx context.Context, head []byte, ended bool) error {
	if head[0] == '\\' { // \ No newline at end of file
		d.newline = d.newline && !d.last
		return d.rest(ended, func([]byte) {})
	}
	marks, text, err := d.marks(head)
	if err != nil {
		return err
	}
	isAdded, isRemoved := bytes.IndexByte(marks, '+') >= 0, bytes.IndexByte(marks, '-') >= 0
	for i, m := range marks {
		if m == '-' || m == ' ' && !isRemoved {
			d.parents[i]--
		}
	}
	d.last = !isRemoved
	if isRemoved || d.skip {
		if !isRemoved {
			d.left--
		}
		return d.rest(ended, func([]byte) {})
	}
	if isAdded {
		d.noteAdded()
	}
	d.left--
	d.line++
	d.writeLine(text)
	return d.rest(ended, func(p []byte) {
		if ctx.Err() == nil {
			d.writeLine(p)
		}
	})
}

// writeLine passes text on to the content, but for a line feed at its end: that
// comes before the next line, because the last line may have none.
func (d *diff) writeLine(text []byte) {
	if d.newline {
		d.content.write([]byte{'\n'})
		d.newline = false
	}
	rest, ok := bytes.CutSuffix(text, []byte{'\n'})
	d.newline = ok
	d.content.write(rest)
}

// noteAdded notes that the next line is new.
func (d *diff) noteAdded() {
	if n := len(d.added); n > 0 && d.added[n-1].last == d.line-1 {
		d.added[n-1].last++
		return
	}
	d.added = append(d.added, span{d.line, d.line})
}

// marks splits a line of a hunk into what it has for each parent, and the text.
// Some programs write an empty line for one that has nothing but its marks.
func (d *diff) marks(head []byte) (marks, text []byte, err error) {
	n := len(d.parents)
	if head[0] == '\n' || head[0] == '\r' {
		return bytes.Repeat([]byte{' '}, n), head, nil
	}
	if len(head) < n || len(bytes.Trim(head[:n], "+- ")) > 0 {
		return nil, nil, fmt.Errorf("%w: line %d: it is in a hunk that has %d lines to come, and begins with none of space, + and -", ErrDiff, d.number, d.left)
	}
	return head[:n], head[n:], nil
}

// rest reads what follows the beginning of a line.
func (d *diff) rest(ended bool, take func([]byte)) error {
	for !ended {
		p, err := d.from.ReadSlice('\n')
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return err
		}
		take(p)
		ended = err != bufio.ErrBufferFull
	}
	return nil
}

// finish ends the hunk.
func (d *diff) finish() {
	if !d.inside {
		return
	}
	d.inside = false
	if d.newline {
		d.content.write([]byte{'\n'})
	}
	if err := d.content.close(); err != nil {
		d.yield(Finding{}, &Error{Op: "diff", Path: d.path, Err: err})
	}
}

// emit gives a finding that one of the added lines is in.
func (d *diff) emit(f Finding, lines span) {
	for i, a := range d.added {
		if a.first > lines.last {
			break
		}
		if a.last >= lines.first {
			d.added = append(d.added[:0], d.added[i:]...) // findings come in order
			f.Offset = 0
			d.yield(f, nil)
			return
		}
	}
}
