package secretshapes

import "slices"

// Set looks for several shapes in one pass. Use [NewSet] to make one.
type Set struct {
	shapes  []Shape
	longest int // of the anchors

	// A text is read three bytes at a time, each reduced to 5 bits by class; in
	// begins are those that an anchor begins with, and byBegin are the anchors.
	class   [256]uint16
	begins  [1 << 15 / 64]uint64
	lists   [1 << 15]uint16 // of those, where in byBegin
	byBegin [][]anchor      // the first is empty
}

// anchor is an anchor of a shape.
type anchor struct {
	text  string
	fold  bool
	shape *Shape
}

// NewSet returns a Set of shapes.
func NewSet(shapes []Shape) *Set {
	s := &Set{shapes: slices.Clone(shapes), byBegin: [][]anchor{nil}}
	for c := range s.class {
		s.class[c] = reduce(byte(c))
	}
	for i := range s.shapes {
		shape := &s.shapes[i]
		for _, text := range shape.anchors {
			s.add(anchor{text, shape.fold, shape})
		}
	}
	return s
}

// reduce maps a byte to 5 bits, letters of either case to the same.
func reduce(c byte) uint16 {
	switch {
	case isUpper(c):
		return uint16(c-'A') + 1
	case isLower(c):
		return uint16(c-'a') + 1
	case isDigit(c):
		return 27
	case c == '_' || c == '-':
		return 28
	case c == '.':
		return 29
	case c == ':':
		return 30
	case c == '/':
		return 31
	}
	return 0
}

func (s *Set) add(a anchor) {
	s.longest = max(s.longest, len(a.text))
	k := s.class[a.text[0]]<<10 | s.class[a.text[1]]<<5
	first, last := uint16(0), uint16(31) // of an anchor of two bytes
	if len(a.text) > 2 {
		first = s.class[a.text[2]]
		last = first
	}
	for third := first; third <= last; third++ {
		s.begins[(k|third)/64] |= 1 << ((k | third) % 64)
		if s.lists[k|third] == 0 {
			s.lists[k|third] = uint16(len(s.byBegin))
			s.byBegin = append(s.byBegin, nil)
		}
		list := &s.byBegin[s.lists[k|third]]
		*list = append(*list, a)
	}
}

// Scan looks for matches whose anchor begins in b[from:] and calls found for
// each, in the order of the anchors; matches may overlap, and one may come
// again for another anchor, such as both words of SECRET_TOKEN. What is before
// from is looked at, so give it the last [MaxBefore] bytes again.
//
// Unless final is set, b is the beginning of a longer text, and Scan stops
// before the first anchor that cannot be decided without more of it. Decided is
// where: no match that is still to come begins before that. Call again with
// b[decided:], what is before it and what follows. At most [MaxAfter] bytes
// are not decided.
func (s *Set) Scan(b []byte, from int, final bool, found func(Match)) (decided int) {
	const mask = 1<<15 - 1
	if len(b)-from < 3 {
		return s.tail(b, from, final)
	}
	t := &text{b: b}
	h := s.class[b[from]]<<5 | s.class[b[from+1]]
	for i, c := range b[from+2:] {
		h = (h<<5 | s.class[c]) & mask
		if s.begins[h/64]&(1<<(h%64)) == 0 {
			continue
		}
		at := from + i
		if open := s.decide(t, at, h, final, found); open {
			return at
		}
	}
	return s.tail(b, len(b)-2, final)
}

// decide calls found for the matches of the anchors at t.b[at:].
func (s *Set) decide(t *text, at int, begin uint16, final bool, found func(Match)) (open bool) {
	var here [8]Match
	matches := here[:0]
	for _, a := range s.byBegin[s.lists[begin]] {
		if !a.beginsWith(t.b[at:]) {
			continue
		}
		if len(t.b)-at < len(a.text) {
			open = true
			continue
		}
		m, ok, more := a.shape.at(t, at, at+len(a.text))
		open = open || more
		if ok {
			matches = append(matches, m)
		}
	}
	if open && !final {
		return true
	}
	for _, m := range matches {
		found(m)
	}
	return false
}

// tail decides about the last bytes, which are fewer than three.
func (s *Set) tail(b []byte, from int, final bool) int {
	if final {
		return len(b)
	}
	for ; from < len(b); from++ {
		for i := range s.shapes {
			shape := &s.shapes[i]
			if slices.ContainsFunc(shape.anchors, func(text string) bool {
				return anchor{text, shape.fold, shape}.beginsWith(b[from:])
			}) {
				return from
			}
		}
	}
	return from
}

// beginsWith tells whether b begins with the anchor, or the anchor with b.
func (a anchor) beginsWith(b []byte) bool {
	n := min(len(a.text), len(b))
	if !a.fold {
		return a.text[:n] == string(b[:n])
	}
	for i := range n {
		if a.text[i] != lower(b[i]) {
			return false
		}
	}
	return true
}
