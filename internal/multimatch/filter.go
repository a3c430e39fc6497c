package multimatch

import (
	"encoding/binary"
	"math/bits"
)

const (
	block    = 4  // bytes that the filter looks at in each step
	longest  = 16 // step: as many as a mask has bits
	beginLen = 8  // bytes of the second look, where texts have as many
)

// filter tells where a text may begin. It never misses one.
type filter struct {
	step  int      // one block in so many bytes is looked at
	begin int      // bytes of the second look
	least int      // bytes of the shortest text
	masks []uint16 // by the hash of a block: bit i is set where it may stand at offset i of a text
	shift uint8    // of the hash

	// The first bytes of the texts: a bit set by their hash, which is small
	// enough for the nearest cache, and an open hash table of what they lead to.
	heads     []uint64
	headShift uint8
	table     []head
}

// head is an entry of the table.
type head struct {
	key  uint64
	node uint32 // of the trie, 0 for none
}

// newFilter makes a filter for texts, of which there is at least one and each
// has [MinLength] bytes, and their trie.
func newFilter(texts []string, t *trie) filter {
	shortest := len(texts[0])
	for _, text := range texts {
		shortest = min(shortest, len(text))
	}
	f := filter{step: min(longest, shortest-block+1), begin: min(beginLen, shortest), least: shortest}
	f.shift = 32 - bitsFor(4*len(texts)*f.step, 12, 19)
	f.headShift = 64 - bitsFor(32*len(texts), 12, 22)
	f.masks = make([]uint16, 1<<(32-f.shift))
	f.heads = make([]uint64, 1<<(64-f.headShift)/64)
	f.table = make([]head, 1<<bitsFor(2*len(texts), 4, 32))
	for _, text := range texts {
		b := []byte(text[:f.step+block-1])
		for i := range f.step {
			f.masks[f.blockHash(b[i:])] |= 1 << i
		}
		f.enter([]byte(text[:f.begin]), t)
	}
	return f
}

// enter notes what b leads to.
func (f *filter) enter(b []byte, t *trie) {
	n := uint32(0)
	for _, c := range b {
		n = t.next(n, c)
	}
	key := f.key(b)
	h := hash(key)
	f.heads[h>>f.headShift/64] |= 1 << (h >> f.headShift % 64)
	for i := h; ; i++ {
		if e := &f.table[i&uint64(len(f.table)-1)]; e.node == 0 || e.key == key {
			*e = head{key, n}
			return
		}
	}
}

// find returns the node that the first bytes of b lead to, or 0 if no text
// begins with them.
func (f *filter) find(b []byte) uint32 {
	key := f.key(b)
	h := hash(key)
	if f.heads[h>>f.headShift/64]&(1<<(h>>f.headShift%64)) == 0 {
		return 0
	}
	for i := h; ; i++ {
		e := &f.table[i&uint64(len(f.table)-1)]
		if e.node == 0 || e.key == key {
			return e.node
		}
	}
}

// bitsFor returns the logarithm of a table for n entries, within bounds.
func bitsFor(n, least, most int) uint8 {
	return uint8(min(max(bits.Len(uint(n-1)), least), most))
}

func (f *filter) size() int { return 2*len(f.masks) + 8*len(f.heads) + 16*len(f.table) }

// blockHash is Knuth's multiplicative hash.
func (f *filter) blockHash(b []byte) uint32 {
	return binary.LittleEndian.Uint32(b) * 2654435761 >> f.shift
}

// key takes f.begin bytes, 4 to 8, as two words that may overlap.
func (f *filter) key(b []byte) uint64 {
	first := uint64(binary.LittleEndian.Uint32(b))
	last := uint64(binary.LittleEndian.Uint32(b[f.begin-block:]))
	return first | last<<32
}

// hash spreads a key over all bits, the upper ones best.
func hash(key uint64) uint64 {
	key *= 0x9e3779b97f4a7c15
	return key ^ key>>32
}

// next returns the first position from on at which a text may begin, and the
// node that its first bytes lead to; or the first one at which b is too short
// to tell, and 0.
func (f *filter) next(b []byte, from int) (start int, node uint32) {
	p := from + f.step - 1 // the block; texts that begin before from are done
	for ; p+f.begin <= len(b); p += f.step {
		mask := f.masks[f.blockHash(b[p:])]
		for mask != 0 {
			offset := bits.Len16(mask) - 1 // the text that begins first
			if node := f.find(b[p-offset:]); node != 0 {
				return p - offset, node
			}
			mask &^= 1 << offset
		}
	}
	return p - f.step + 1, 0
}

// last is like next for the end of a whole text, where no block is left to
// look at: it looks at each position that the shortest text fits behind.
func (f *filter) last(b []byte, from int) (start int, node uint32) {
	if f.bare(b, from) {
		return len(b), 0
	}
	for ; from+f.least <= len(b); from++ {
		if node := f.find(b[from:]); node != 0 {
			return from, node
		}
	}
	return from, 0
}

// bare tells that no text begins in b from on, but for one of which less than
// a block is there. It may say false where none does.
func (f *filter) bare(b []byte, from int) bool {
	for from+block <= len(b) {
		p := min(from+f.step-1, len(b)-block)
		if mask := int(f.masks[f.blockHash(b[p:])]); mask&(2<<(p-from)-1) != 0 {
			return false
		}
		from = p + 1
	}
	return true
}
