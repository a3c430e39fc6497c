package multimatch

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// trie is the automaton. Nodes are numbered in preorder, so the first child of
// node i is i+1; the root is 0.
type trie struct {
	nodes  []node
	labels []byte   // the byte that leads to each node, and 8 more
	stops  []uint64 // bit set of the nodes that have more, and one word more
	more   []extra
	sides  []side      // children of nodes that have several
	first  [256]uint32 // of the root: by label, 0 where there is none
}

// node says what is behind a path of bytes from the root.
type node struct {
	depth uint32 // bytes of the path
	fail  uint32 // the longest other path that this one ends with
	more  uint32 // 0 for a node with one child at which no text ends, else an index
}

// extra is what few nodes have.
type extra struct {
	out      uint32 // length of the longest text that ends here, 0 for none
	at       uint32 // the children in sides, where there are several
	children uint32
}

// side is a child.
type side struct {
	label byte
	node  uint32
}

// child returns the child of node n with a label, or 0.
func (t *trie) child(n uint32, label byte) uint32 {
	more := t.nodes[n].more
	if more == 0 || t.more[more].children == 1 {
		if t.labels[n+1] == label {
			return n + 1
		}
		return 0
	}
	e := &t.more[more]
	list := t.sides[e.at : e.at+e.children]
	if len(list) > 8 {
		i, _ := slices.BinarySearchFunc(list, label, func(s side, c byte) int { return int(s.label) - int(c) })
		list = list[min(i, len(list)-1):]
	}
	for _, s := range list {
		if s.label >= label {
			if s.label == label {
				return s.node
			}
			break
		}
	}
	return 0
}

// next is the transition: from the longest path that the text ends with to
// that after one byte more.
func (t *trie) next(n uint32, c byte) uint32 {
	for n != 0 {
		if child := t.child(n, c); child != 0 {
			return child
		}
		n = t.nodes[n].fail
	}
	return t.first[c]
}

// run returns how many children that are the only ones follow node n along b,
// up to the first that has more to it. It compares 8 bytes at a time, since
// preorder has their labels side by side.
func (t *trie) run(n uint32, b []byte) int {
	if t.nodes[n].more != 0 {
		return 0
	}
	k := 0
	for k+8 <= len(b) {
		first := int(n) + k + 1
		differ := binary.LittleEndian.Uint64(b[k:]) ^ binary.LittleEndian.Uint64(t.labels[first:])
		stops := t.stops[first/64]>>(first%64) | t.stops[first/64+1]<<(64-first%64)
		step := min(bits.TrailingZeros64(differ)/8, bits.TrailingZeros8(uint8(stops))+1)
		if step < 8 || uint8(stops) != 0 {
			return k + step
		}
		k += 8
	}
	return k
}

// out returns the length of the longest text that ends at node n, or 0.
func (t *trie) out(n uint32) int {
	if more := t.nodes[n].more; more != 0 {
		return int(t.more[more].out)
	}
	return 0
}

func (t *trie) size() int {
	return 12*len(t.nodes) + len(t.labels) + 8*len(t.stops) + 12*len(t.more) + 8*len(t.sides) + 4*len(t.first)
}
