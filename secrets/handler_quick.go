package secrets

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/masaruk/devops/internal/multimatch"
)

// quick is what a Redactor knows at one time, prepared for the many short texts
// of a record: most are shorter than all that there is to find, and in the
// others the beginning of none is found, which takes no memory.
type quick struct {
	redactor *Redactor
	engine   *engine
	shortest int      // bytes of the shortest text to find
	starts   []uint64 // bit set of the hashes of the first four bytes of texts
	shift    int      // of the hash
}

// quick returns what is known now.
func (m *mask) quick() *quick {
	e := m.redactor.engine()
	if q := m.known.Load(); q != nil && q.engine == e {
		return q
	}
	q := &quick{redactor: m.redactor, engine: e}
	if e != nil {
		q.learn(m.redactor)
	}
	m.known.Store(q)
	return q
}

// learn reads what r knows, which may be more than the engine does.
func (q *quick) learn(r *Redactor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for text := range r.known.texts {
		if q.shortest == 0 || len(text) < q.shortest {
			q.shortest = len(text)
		}
	}
	bit := max(12, bits.Len(uint(32*len(r.known.texts))))
	q.starts, q.shift = make([]uint64, 1<<bit/64), 32-bit
	for text := range r.known.texts {
		h := q.hash(uint32(text[0]) | uint32(text[1])<<8 | uint32(text[2])<<16 | uint32(text[3])<<24)
		q.starts[h/64] |= 1 << (h % 64)
	}
}

// hash takes four bytes.
func (q *quick) hash(bytes uint32) uint32 { return bytes * 2654435761 >> q.shift }

// start returns where in s the first text may begin, or a negative number.
func (q *quick) start(s string) int {
	if len(s) < q.shortest {
		return -1
	}
	window := uint32(s[0])<<8 | uint32(s[1])<<16 | uint32(s[2])<<24
	for i, c := range []byte(s[3 : len(s)-q.shortest+4]) {
		window = window>>8 | uint32(c)<<24
		if h := q.hash(window); q.starts[h/64]&(1<<(h%64)) != 0 {
			return i
		}
	}
	return -1
}

// string returns s masked, and whether that changed it.
func (q *quick) string(s string) (string, bool) {
	switch {
	case q.engine == nil:
		return s, false
	case len(q.engine.shapes) > 0:
		masked := q.redactor.String(s)
		return masked, masked != s
	}
	from := q.start(s)
	if from < 0 {
		return s, false
	}
	var room [4]multimatch.Span
	found := room[:0]
	cursor := q.engine.values.Cursor(from)
	cursor.Scan([]byte(s), func(start, end int) { found = append(found, multimatch.Span{Start: start, End: end}) })
	if len(found) == 0 {
		return s, false
	}
	if len(found) > 1 {
		found = multimatch.Merge(slices.Clone(found))
	}
	var out strings.Builder
	out.Grow(len(s) + len(found)*len(Placeholder))
	done := 0
	for _, span := range found {
		out.WriteString(s[done:span.Start])
		out.WriteString(Placeholder)
		done = span.End
	}
	out.WriteString(s[done:])
	return out.String(), true
}
