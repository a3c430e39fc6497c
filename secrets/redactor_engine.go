package secrets

import (
	"slices"
	"unsafe"

	"github.com/masaruk/devops/internal/multimatch"
)

// engine finds what a Redactor knew at one time. It is immutable.
type engine struct {
	values *multimatch.Set
	shapes []finder
	least  int // bytes of the shortest text to find
}

// finder finds the texts of a [Pattern] in b. It looks at b from from on, and at
// up to lookBehind bytes before, and calls found for each. Unless final is
// set more may follow b: it returns where what it cannot tell yet begins, and
// wants to be asked from there again.
type finder func(b []byte, from int, final bool, found func(start, end int)) (decided int)

// find appends the spans of a whole text to found, which is empty.
func (e *engine) find(found []multimatch.Span, b []byte) []multimatch.Span {
	found = e.values.Append(found, b)
	if len(e.shapes) > 0 {
		found = e.appendShapes(slices.Clone(found), b) // so that the room of the caller stays on its stack
	}
	return multimatch.Merge(found)
}

func (e *engine) appendShapes(found []multimatch.Span, b []byte) []multimatch.Span {
	for _, find := range e.shapes {
		find(b, 0, true, func(start, end int) { found = append(found, multimatch.Span{Start: start, End: end}) })
	}
	return found
}

// all filters a whole text. The result is not b.
func (e *engine) all(b []byte) (out []byte, changed bool) {
	var room [4]multimatch.Span
	spans := e.find(room[:0], b)
	if len(spans) == 0 {
		return nil, false
	}
	size := len(b)
	for _, span := range spans {
		size += len(Placeholder) - (span.End - span.Start)
	}
	out = make([]byte, 0, size)
	done := 0
	for _, span := range spans {
		out = append(append(out, b[done:span.Start]...), Placeholder...)
		done = span.End
	}
	return append(out, b[done:]...), true
}

// string filters s. A nil engine finds nothing.
func (e *engine) string(s string) (_ string, changed bool) {
	if e == nil || len(s) < e.least {
		return s, false
	}
	out, changed := e.all(unsafe.Slice(unsafe.StringData(s), len(s))) // it is only read
	if !changed {
		return s, false
	}
	return unsafe.String(unsafe.SliceData(out), len(out)), true // and nobody else has it
}

// scan is a place in a text that comes in pieces. Positions are in a buffer
// that grows at the end and is cut at the front.
type scan struct {
	engine *engine
	cursor multimatch.Cursor
	places []place // of the shapes
	found  []multimatch.Span
	add    func(start, end int) // appends to found

	passed  int // what is before it went out
	covered int // what is before it belongs to a placeholder that went out
}

// place is how far a shape is.
type place struct {
	decided int
	seen    int // the length of the buffer when it was asked
	credit  int // how many bytes it may look at besides those that earned it
}

// use changes the engine, from a position on. What was found stays found.
func (s *scan) use(e *engine, from int) {
	s.engine, s.cursor, s.places = e, multimatch.Cursor{}, nil
	if e == nil {
		return
	}
	s.add = func(start, end int) { s.found = append(s.found, multimatch.Span{Start: start, End: end}) }
	s.cursor = e.values.Cursor(from)
	s.places = slices.Repeat([]place{{decided: from, seen: from}}, len(e.shapes))
}

// look searches what was added to b. It returns where what must be kept
// begins.
func (s *scan) look(b []byte, final bool) (keep int) {
	if s.engine == nil {
		return len(b)
	}
	keep = s.cursor.Scan(b, s.add)
	for i, find := range s.engine.shapes {
		p := &s.places[i]
		if final || p.worthwhile(b) {
			p.pay(len(b))
			p.decided, p.seen = find(b, p.decided, final, s.add), len(b)
		}
		keep = min(keep, p.decided)
	}
	if final {
		return len(b)
	}
	return keep
}

// earned is how many bytes a shape may look at for each that was added, and
// maxCredit how many of them it may save up.
const (
	earned    = 64
	maxCredit = 1 << 20
)

// worthwhile tells whether to ask a shape again. It takes the time of all that
// is undecided, so where that is long and few bytes were added, which might
// all belong to one word, the answer can wait; and where the text goes on and on
// in small pieces, it waits until enough were added to pay for the time.
func (p *place) worthwhile(b []byte) bool {
	added := b[p.seen:]
	if 8*len(added) >= p.seen-p.decided {
		return true
	}
	return p.credit+earned*len(added) >= len(b)-p.decided && slices.ContainsFunc(added, func(c byte) bool { return !isWordy(c) })
}

// pay takes from the credit what a look at the text up to end costs.
func (p *place) pay(end int) {
	p.credit = min(max(p.credit+earned*(end-p.seen)-(end-p.decided), 0), maxCredit)
}

// isWordy is what tokens are made of: base64 of both kinds and points.
func isWordy(c byte) bool {
	switch c {
	case '+', '/', '=', '-', '_', '.':
		return true
	}
	return isAlphanumeric(c)
}

// render appends to out what is certain of b before end. Whole tells that this
// is b[s.passed:end], and then out is as it was.
func (s *scan) render(out, b []byte, end int) (_ []byte, whole bool) {
	s.found = multimatch.Merge(s.found)
	plain := min(max(s.passed, s.covered), end) // where unhidden text begins
	whole = plain == s.passed
	n := 0
	for ; n < len(s.found) && s.found[n].Start < end; n++ {
		span := s.found[n]
		if span.Start >= s.covered {
			out = append(append(out, b[plain:span.Start]...), Placeholder...)
		}
		s.covered = max(s.covered, span.End)
		plain, whole = min(max(plain, s.covered), end), false
	}
	s.found = slices.Delete(s.found, 0, n)
	if !whole {
		out = append(out, b[plain:end]...)
	}
	s.passed = end
	return out, whole
}

// drop tells that the buffer lost n bytes at the front.
func (s *scan) drop(n int) {
	s.cursor.Drop(n)
	for i := range s.places {
		s.places[i].decided -= n
		s.places[i].seen -= n
	}
	for i := range s.found {
		s.found[i].Start -= n
		s.found[i].End -= n
	}
	s.passed -= n
	s.covered = max(s.covered-n, 0)
}
