package secrets

import (
	"bytes"
	"slices"
)

// patterns is an immutable set of texts to look for, each at least two bytes
// long. Nil is the empty set.
type patterns struct {
	texts  []string            // sorted, each once
	begins [65536 / 64]uint64  // bit set of the first two bytes
	firsts [256]bool           // of the first bytes
	byPair map[uint16][]string // by the first two bytes, longest first
}

func pair(a, b byte) uint16 { return uint16(a)<<8 | uint16(b) }

// with returns a set that has more besides. The receiver stays as it is.
func (p *patterns) with(more []string) *patterns {
	if len(more) == 0 {
		return p
	}
	var texts []string
	if p != nil {
		texts = slices.Clone(p.texts)
	}
	texts = append(texts, more...)
	slices.Sort(texts)
	next := &patterns{texts: slices.Compact(texts), byPair: map[uint16][]string{}}
	for _, t := range next.texts {
		k := pair(t[0], t[1])
		next.firsts[t[0]] = true
		next.begins[k/64] |= 1 << (k % 64)
		next.byPair[k] = append(next.byPair[k], t)
	}
	for _, list := range next.byPair {
		slices.SortStableFunc(list, func(a, b string) int { return len(b) - len(a) })
	}
	return next
}

// at looks for the texts that begin where b begins. It returns the length of
// the longest that is there, and whether b ends too early to tell: it is the
// beginning of a text that is longer than b.
func (p *patterns) at(b []byte) (length int, open bool) {
	if len(b) == 1 {
		return 0, p.firsts[b[0]]
	}
	k := pair(b[0], b[1])
	if p.begins[k/64]&(1<<(k%64)) == 0 {
		return 0, false
	}
	for _, t := range p.byPair[k] {
		switch {
		case len(t) > len(b):
			open = open || string(b) == t[:len(b)]
		case t == string(b[:len(t)]):
			return len(t), open
		}
	}
	return 0, open
}

// scan is the state of a filter between two pieces of text.
type scan struct {
	covered int // bytes ahead that belong to a text already replaced
}

// step appends to out what b shows, and returns how many bytes of b are done
// with. The rest of b, shorter than the longest text, must come again with
// what follows it; with final set, nothing follows and all is done.
func (s *scan) step(p *patterns, out, b []byte, final bool) ([]byte, int) {
	if p == nil {
		return append(out, b...), len(b)
	}
	plain := 0 // b[plain:i] goes out as it is
	for i := range len(b) {
		length, open := p.at(b[i:])
		if open && !final {
			return append(out, b[plain:i]...), i
		}
		if length > 0 && s.covered == 0 {
			out = append(append(out, b[plain:i]...), Placeholder...)
		}
		s.covered = max(s.covered, length)
		if s.covered > 0 {
			s.covered--
			plain = i + 1
		}
	}
	return append(out, b[plain:]...), len(b)
}

// all filters a whole text.
func (p *patterns) all(b []byte) (out []byte, changed bool) {
	if !p.anyIn(b) {
		return nil, false
	}
	out, _ = new(scan).step(p, make([]byte, 0, len(b)), b, true)
	return out, !bytes.Equal(out, b)
}

// anyIn tells whether b holds any of the texts.
func (p *patterns) anyIn(b []byte) bool {
	for i := range len(b) - 1 {
		if n, _ := p.at(b[i:]); n > 0 {
			return true
		}
	}
	return false
}
