package leakscan

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

	"github.com/masaruk/devops/internal/secretshapes"
)

const (
	// window is how much of a content is looked at together. It is full each
	// time, but for the last, so that it makes no difference in which pieces a
	// content comes.
	window = 256 << 10
	// reach is the length of the longest form of a loaded value that is found
	// wherever it is.
	reach = 64 << 10
	// before is how much is kept of what is done with.
	before = secretshapes.MaxBefore
	// probe is how much of a content tells whether it is text, as in git.
	probe = 8000
	// maxFindings is how many findings one file may have.
	maxFindings = 1000
)

// ErrTooMany reports a file with more than 1000 findings, the first 1000 of
// which were given.
var ErrTooMany = errors.New("more than 1000 findings, of which the first 1000 are listed; skip the file, or see whether it has to be there")

// content finds secrets in one file, stream or hunk, which comes by write.
type content struct {
	scanner *Scanner
	path    string
	emit    func(Finding, span) // in the order of the lines
	failed  error

	buf  []byte
	base int64 // of buf in the content
	set  *secretshapes.Set
	text bool

	shapes, values int // how far each is in buf
	done           int // what is before it is done with
	matches        []match
	line           int   // at done
	lineStart      int64 // of it, in the content
	count          int
	allow          allowances
	held           []held // findings of lines that may have a comment yet
	lastEnd        int64  // of the matches that were dealt with
	lastRank       int
}

// start begins another content, at a line.
func (c *content) start(path string, line int) {
	*c = content{scanner: c.scanner, emit: c.emit, path: path, line: line, buf: c.buf[:0], matches: c.matches[:0], held: c.held[:0]}
}

// write takes more of the content.
func (c *content) write(p []byte) {
	for len(p) > 0 {
		n := min(len(p), window-len(c.buf))
		c.buf = append(c.buf, p[:n]...)
		p = p[n:]
		if len(c.buf) == window {
			c.look(false)
		}
	}
}

// close tells that nothing more comes.
func (c *content) close() error {
	c.look(true)
	c.release(true)
	return c.failed
}

// look searches what is new in buf.
func (c *content) look(final bool) {
	if c.set == nil {
		c.text = bytes.IndexByte(c.buf[:min(len(c.buf), probe)], 0) < 0
		c.set = c.scanner.set
		if !c.text {
			c.set = c.scanner.specific
		}
	}
	sorted := len(c.matches)
	c.shapes = c.set.Scan(c.buf, c.shapes, final, func(m secretshapes.Match) {
		rank := rankShape
		if m.Generic {
			rank = rankGeneric
		}
		c.add(m.Shape, rank, m.Start, m.End)
	})
	c.lookForValues(final)
	if len(c.matches) > sorted {
		slices.SortStableFunc(c.matches, func(a, b match) int {
			return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.rank, a.rank))
		})
	}
	c.settle(final)
	c.forget()
}

// lookForValues searches for the values of the Redactor.
func (c *content) lookForValues(final bool) {
	limit := len(c.buf)
	if !final {
		limit = max(c.values, limit-reach)
	}
	for start, end := range c.scanner.redactor.Find(c.buf[c.values:]) {
		start, end = start+c.values, end+c.values
		if start < limit {
			c.add(LoadedValue, rankLoaded, start, end)
		}
	}
	c.values = limit
}

func (c *content) add(rule string, rank, start, end int) {
	c.matches = append(c.matches, match{rule, rank, c.base + int64(start), c.base + int64(end), bytes.Count(c.buf[start:end], []byte{'\n'})})
}

// settle works off matches and allow comments, up to where nothing more can
// come.
func (c *content) settle(final bool) {
	limit := len(c.buf)
	if !final {
		limit = max(c.done, min(c.shapes, c.values, len(c.buf)-maxComment))
	}
	for c.done < limit {
		next, isMarker := limit, false
		if i := indexMarker(c.buf[c.done:], limit-c.done); c.text && i >= 0 {
			next, isMarker = c.done+i, true
		}
		n := 0
		for ; n < len(c.matches) && c.matches[n].start-c.base < int64(next); n++ {
			c.advance(int(c.matches[n].start - c.base))
			c.hold(c.matches[n])
		}
		c.matches = slices.Delete(c.matches, 0, n)
		c.advance(next)
		if isMarker {
			c.allow.read(c.buf[c.lineBegin():], next-c.lineBegin(), c.line, c.lineStart >= c.base, c.scanner.names)
			c.held = slices.DeleteFunc(c.held, c.allowed)
			c.advance(next + 1)
		}
	}
}

// lineBegin is where the line at done begins, or the beginning of buf.
func (c *content) lineBegin() int { return int(max(0, c.lineStart-c.base)) }

// advance moves done, and counts lines.
func (c *content) advance(to int) {
	if to <= c.done {
		return
	}
	passed := c.buf[c.done:to]
	if last := bytes.LastIndexByte(passed, '\n'); last >= 0 {
		c.line += bytes.Count(passed, []byte{'\n'})
		c.lineStart = c.base + int64(c.done+last+1)
		c.release(false)
	}
	c.done = to
}

// forget drops what is done with from buf.
func (c *content) forget() {
	cut := max(0, min(c.done, c.shapes, c.values)-before)
	c.buf = append(c.buf[:0], c.buf[cut:]...)
	c.base += int64(cut)
	c.shapes, c.values, c.done = c.shapes-cut, c.values-cut, c.done-cut
}
