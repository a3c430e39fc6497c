package leakscan

import "slices"

// match is a secret in the content.
type match struct {
	rule       string
	rank       int
	start, end int64
	lines      int // that it has besides its first
}

// The ranks of rules: of those that find the same, the highest counts.
const (
	rankGeneric = iota + 1
	rankShape
	rankLoaded
)

// span is what a finding covers, in lines.
type span struct{ first, last int }

// held is a finding that waits for the end of its line.
type held struct {
	Finding
	match
}

// allowed tells whether a comment allows the finding. What is not text has no
// lines, and so no comments.
func (c *content) allowed(h held) bool { return c.text && c.allow.covers(h.Rule, h.Line) }

// hold takes the match at done, unless one that says more covers it.
func (c *content) hold(m match) {
	if m.start < c.lastEnd && m.rank <= c.lastRank {
		return
	}
	for i := len(c.held) - 1; i >= 0; i-- {
		if h := c.held[i]; m.start < h.end {
			if m.rank <= h.rank {
				return
			}
			c.held = slices.Delete(c.held, i, i+1)
		}
	}
	begin := c.lineBegin()
	f := Finding{
		Rule: m.rule, Name: c.scanner.names[m.rule], Path: c.path, Offset: m.start,
		Line: c.line, Column: int(m.start-c.lineStart) + 1,
		context: contextOf(m.rule, c.path, c.buf[max(begin, c.done-before):c.done]),
	}
	h := held{f, m}
	if c.allowed(h) {
		c.covered(m)
		return
	}
	c.held = append(c.held, h)
	if len(c.held) > maxFindings {
		c.give(c.held[0])
		c.held = slices.Delete(c.held, 0, 1)
	}
}

// release gives out the findings of lines that are over.
func (c *content) release(all bool) {
	n := 0
	for ; n < len(c.held) && (all || c.held[n].Line < c.line); n++ {
		c.give(c.held[n])
	}
	c.held = slices.Delete(c.held, 0, n)
}

// covered notes that what m finds needs no finding that says less.
func (c *content) covered(m match) {
	if m.end > c.lastEnd {
		c.lastEnd, c.lastRank = m.end, m.rank
	}
}

func (c *content) give(h held) {
	c.covered(h.match)
	if c.count++; c.count > maxFindings {
		c.failed = ErrTooMany
		return
	}
	lines := span{h.Line, h.Line + h.lines}
	if !c.text {
		h.Line, h.Column = 0, 0
	}
	c.emit(h.Finding, lines)
}
