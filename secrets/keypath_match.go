package secrets

import "strings"

// element is one step down in a value: a key, or the index in an array where
// index is not negative.
type element struct {
	name  string
	index int
}

// key makes the element of a name.
func key(name string) element { return element{name, -1} }

// keyPath is what a path of [Keys] compiles to.
type keyPath []keyStep

type keyStep struct {
	kind  keyKind
	name  string // folded
	index int
}

type keyKind uint8

const (
	exactName keyKind = iota
	nameEnd           // *name
	nameBegin         // name*
	oneLevel          // *
	anyDepth          // **
	anyIndex          // [*]
	oneIndex          // [0]
)

// matches compares from the end, where paths differ most. It goes back to the
// last ** only, as a longer stretch for an earlier one can never help.
func (p keyPath) matches(path []element) bool {
	i, j := len(p)-1, len(path)-1
	backI, backJ := -1, 0
	for j >= 0 {
		switch {
		case i >= 0 && p[i].kind == anyDepth:
			backI, backJ = i, j
			i--
		case i >= 0 && p[i].matches(path[j]):
			i--
			j--
		case backI >= 0:
			backJ--
			i, j = backI-1, backJ
		default:
			return false
		}
	}
	for i >= 0 && p[i].kind == anyDepth {
		i--
	}
	return i < 0
}

func (s keyStep) matches(e element) bool {
	switch s.kind {
	case oneLevel:
		return true
	case anyIndex:
		return e.index >= 0
	case oneIndex:
		return e.index == s.index
	}
	if e.index >= 0 {
		return false
	}
	switch s.kind {
	case exactName:
		return endsIn(e.name, s.name) == 0
	case nameEnd:
		return endsIn(e.name, s.name) >= 0
	}
	return beginsWith(e.name, s.name)
}

// endsIn tells how many letters name has before folded, which is folded
// already, or a negative number where it does not end so.
func endsIn(name, folded string) int {
	i, j := len(name)-1, len(folded)-1
	for ; i >= 0 && j >= 0; i-- {
		if isSeparator(name[i]) {
			continue
		}
		if fold(name[i]) != folded[j] {
			return -1
		}
		j--
	}
	if j >= 0 {
		return -1
	}
	left := 0
	for ; i >= 0; i-- {
		if !isSeparator(name[i]) {
			left++
		}
	}
	return left
}

func beginsWith(name, folded string) bool {
	j := 0
	for i := 0; i < len(name) && j < len(folded); i++ {
		if isSeparator(name[i]) {
			continue
		}
		if fold(name[i]) != folded[j] {
			return false
		}
		j++
	}
	return j == len(folded)
}

// nameEndOf makes a number of 10 bits of the last two letters of name.
func nameEndOf(name string) int {
	if n := len(name); n > 1 && !isSeparator(name[n-1]) && !isSeparator(name[n-2]) {
		return int(name[n-2]&31)<<5 | int(name[n-1]&31)
	}
	code, shift := 0, 0
	for i := len(name) - 1; i >= 0 && shift < 10; i-- {
		if !isSeparator(name[i]) {
			code |= int(name[i]&31) << shift
			shift += 5
		}
	}
	return code
}

func isSeparator(c byte) bool { return c == '_' || c == '-' }

func fold(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// foldName is how names are kept in a path.
func foldName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if !isSeparator(name[i]) {
			b.WriteByte(fold(name[i]))
		}
	}
	return b.String()
}
