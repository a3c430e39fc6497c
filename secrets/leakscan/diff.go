package leakscan

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
)

// ErrDiff reports a text that is no unified diff, or one that was cut off.
var ErrDiff = errors.New("not a unified diff")

// Diff gives the findings in the lines that a unified diff adds, in the order
// of the diff, with the paths and line numbers of the new files. Lines around
// count as context: a secret of several lines is found where one of them is
// new, and an allow comment on a line that was there before counts. It reads
// the output of diff -u, git diff and git log -p, also combined diffs of
// merges, where a line is new if it is so for one parent. Text between files,
// such as commit messages, and binary patches are not looked at.
//
// The prefix of git paths (a/, b/, ...) is removed where there is one, so do
// not make the diff with --no-prefix. Options.Skip applies to the new path and
// the directories that it is in.
//
// The error is an [*Error] that wraps [ErrDiff], for a text of another form
// with its line, or the error of r, or the cause of ctx; it is the last that is
// given. [ErrTooMany] is for each hunk; the next ones are read all the same.
func (s *Scanner) Diff(ctx context.Context, r io.Reader) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		d := &diff{scanner: s, from: bufio.NewReaderSize(r, 32<<10)}
		d.yield = func(f Finding, err error) { d.stopped = d.stopped || !yield(f, err) }
		d.content = &content{scanner: s, emit: d.emit}
		if err := d.read(ctx); err != nil && !d.stopped {
			d.finish()
			d.yield(Finding{}, &Error{Op: "diff", Path: d.path, Err: err})
		}
	}
}

// diff is one call of Diff.
type diff struct {
	scanner *Scanner
	from    *bufio.Reader
	yield   func(Finding, error)
	stopped bool

	number int    // of the line of the diff
	path   string // of the new file, or "" where there is none
	skip   bool
	seen   bool // of a file

	// Of the hunk, while inside.
	inside  bool
	parents []int // lines of each old file that are to come
	left    int   // lines of the new file that are to come
	line    int   // of the new file, that comes next
	added   []span
	content *content
	newline bool // before the next line
	last    bool // the line before was one of the new file
}

// read reads the diff.
func (d *diff) read(ctx context.Context) error {
	blank := true
	for !d.stopped {
		if d.number++; d.number%64 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		head, err := d.from.ReadSlice('\n')
		if err == io.EOF && len(head) == 0 {
			return d.end(blank)
		}
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return err
		}
		blank = blank && len(bytes.TrimSpace(head)) == 0
		ended := err != bufio.ErrBufferFull
		if d.inside && d.complete() && (len(head) == 0 || head[0] != '\\') {
			d.finish()
		}
		if d.inside {
			err = d.hunkLine(ctx, head, ended)
		} else {
			err = d.header(head, ended)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// end is called at the end of the text.
func (d *diff) end(blank bool) error {
	if d.inside && !d.complete() {
		return fmt.Errorf("%w: it ends within a hunk, so it was cut off", ErrDiff)
	}
	d.finish()
	if !d.seen && !blank {
		return fmt.Errorf("%w: there is no file in it; was it made with a diff of another form, or without -p?", ErrDiff)
	}
	return nil
}

func (d *diff) complete() bool {
	for _, n := range d.parents {
		if n > 0 {
			return false
		}
	}
	return d.left <= 0
}

// header reads a line outside hunks, of which head is the beginning.
func (d *diff) header(head []byte, ended bool) error {
	switch {
	case bytes.HasPrefix(head, []byte("diff ")):
		d.seen, d.path, d.skip = true, "", true
	case bytes.HasPrefix(head, []byte("+++ ")):
		d.seen = true
		d.path = newPath(head[len("+++ "):])
		d.skip = d.path == "" || d.scanner.skips(d.path)
	case bytes.HasPrefix(head, []byte("@@")) && d.seen:
		if err := d.begin(head); err != nil {
			return err
		}
	}
	return d.rest(ended, func([]byte) {})
}
