package multimatch

// Cursor is a place in a stream that is searched. The stream comes in a buffer
// that grows at the end and from which the caller drops at the front what the
// cursor is done with.
type Cursor struct {
	set   *Set
	node  uint32 // the longest beginning of a text that the bytes before at end with
	at    int    // the bytes before it are read
	whole bool   // the buffer is the whole text
}

// Cursor returns a cursor for a buffer whose first bytes, from of them, it does
// not look at.
func (s *Set) Cursor(from int) Cursor { return Cursor{set: s, at: from} }

// Scan reads what was added to b since the last call, with b in other memory
// or not. It calls found with the place of the longest text at each position
// where one ends, in the order of the ends. It returns from where on b has to
// be kept: no text that is found later begins before, and b from there on is
// the beginning of a text.
func (c *Cursor) Scan(b []byte, found func(start, end int)) (keep int) {
	if c.set.Len() == 0 {
		c.at = len(b)
		return c.at
	}
	t, f := &c.set.trie, &c.set.filter
	for c.at < len(b) {
		rest := false // whether to read b to its end
		if depth := int(t.nodes[c.node].depth); depth < f.begin {
			start, node := f.next(b, c.at-depth)
			if node == 0 && c.whole {
				if start, node = f.last(b, start); node == 0 {
					return len(b)
				}
			}
			switch {
			case node != 0:
				c.node, c.at = node, start+f.begin
				c.report(found)
			case f.bare(b, start):
				c.node, c.at = 0, max(start, len(b)-block+1)
			case start > c.at-depth:
				c.node, c.at = 0, start
			}
			rest = node == 0
		}
		c.follow(b, rest, found)
	}
	return c.at - int(t.nodes[c.node].depth)
}

// follow runs the automaton as long as the text goes on like one that is
// looked for, or to the end of b.
func (c *Cursor) follow(b []byte, rest bool, found func(start, end int)) {
	t := &c.set.trie
	begin := c.set.filter.begin
	for c.at < len(b) {
		if !rest && int(t.nodes[c.node].depth) < begin {
			return
		}
		if run := t.run(c.node, b[c.at:]); run > 0 {
			c.node, c.at = c.node+uint32(run), c.at+run
		} else {
			c.node = t.next(c.node, b[c.at])
			c.at++
		}
		if t.nodes[c.node].more != 0 {
			c.report(found)
		}
	}
}

// report calls found for the longest text that ends here.
func (c *Cursor) report(found func(start, end int)) {
	if out := c.set.trie.out(c.node); out > 0 {
		found(c.at-out, c.at)
	}
}

// Drop tells that the caller dropped the first n bytes of the buffer.
func (c *Cursor) Drop(n int) { c.at -= n }
