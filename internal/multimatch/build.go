package multimatch

// newTrie makes the automaton of texts, which are sorted, each once.
func newTrie(texts []string) trie {
	nodes, last := 1, ""
	for _, text := range texts {
		nodes += len(text) - commonPrefix(last, text)
		last = text
	}
	g := growth{trie: trie{
		nodes:  make([]node, 1, nodes),
		labels: make([]byte, nodes+8),
		stops:  make([]uint64, nodes/64+2),
		more:   make([]extra, 2, 2+2*len(texts)),
	}}
	g.nodes[0].more = 1 // the children of the root are in first
	g.grow(texts)
	g.link()
	for n := range g.nodes {
		if g.nodes[n].more != 0 {
			g.stops[n/64] |= 1 << (n % 64)
		}
	}
	return g.trie
}

// growth is a trie while it is made.
type growth struct {
	trie
	path []uint32 // the nodes of the last text, the root first
	// shared are the extras of nodes that have one child and end no text of
	// their own, by the length of what ends there.
	shared map[uint32]uint32
}

// grow adds the nodes in preorder.
func (g *growth) grow(texts []string) {
	ends := make([]bool, cap(g.nodes)) // nodes at which a text ends
	branches := map[uint32][]side{}    // all children but the first
	g.path = []uint32{0}
	last := ""
	for _, text := range texts {
		common := commonPrefix(last, text)
		g.path = g.path[:common+1]
		for depth := common; depth < len(text); depth++ {
			n := uint32(len(g.nodes))
			parent := g.path[depth]
			if parent != n-1 && parent != 0 {
				branches[parent] = append(branches[parent], side{text[depth], n})
				g.nodes[parent].more = 1 // until describe
			}
			if parent == 0 {
				g.first[text[depth]] = n
			}
			g.labels[n] = text[depth]
			g.nodes = append(g.nodes, node{depth: uint32(depth + 1)})
			g.path = append(g.path, n)
		}
		ends[len(g.nodes)-1] = true
		last = text
	}
	for n := 1; n < len(g.nodes); n++ {
		var others []side
		if g.nodes[n].more != 0 {
			others = branches[uint32(n)]
		}
		g.describe(uint32(n), ends[n], others)
	}
}

// describe gives a node its extra, if it needs one.
func (g *growth) describe(n uint32, end bool, others []side) {
	hasChild := int(n)+1 < len(g.nodes) && g.nodes[n+1].depth == g.nodes[n].depth+1
	if !end && others == nil && hasChild {
		return
	}
	var e extra
	if end {
		e.out = g.nodes[n].depth
	}
	if hasChild {
		e.children = 1
	}
	if others != nil {
		e.at, e.children = uint32(len(g.sides)), uint32(1+len(others))
		g.sides = append(append(g.sides, side{g.labels[n+1], n + 1}), others...)
	}
	g.nodes[n].more = uint32(len(g.more))
	g.more = append(g.more, e)
}

// link sets the failure links, level by level, since each leads to a level
// above.
func (g *growth) link() {
	g.shared = map[uint32]uint32{}
	var level, below []uint32
	for _, n := range g.first {
		if n != 0 {
			level = append(level, n)
		}
	}
	for len(level) > 0 {
		below = below[:0]
		for _, n := range level {
			g.eachChild(n, func(label byte, child uint32) {
				g.nodes[child].fail = g.next(g.nodes[n].fail, label)
				g.inherit(child)
				below = append(below, child)
			})
		}
		level, below = below, level
	}
}

func (g *growth) eachChild(n uint32, visit func(label byte, child uint32)) {
	more := g.nodes[n].more
	e := g.more[more]
	switch {
	case more == 0 || e.children == 1:
		visit(g.labels[n+1], n+1)
	case e.children > 1:
		for _, s := range g.sides[e.at : e.at+e.children] {
			visit(s.label, s.node)
		}
	}
}

// inherit notes that what ends at the failure link of n ends at n too.
func (g *growth) inherit(n uint32) {
	out := uint32(g.out(g.nodes[n].fail))
	more := g.nodes[n].more
	switch {
	case out == 0:
	case more != 0:
		g.more[more].out = max(g.more[more].out, out)
	default:
		same, ok := g.shared[out]
		if !ok {
			same = uint32(len(g.more))
			g.shared[out] = same
			g.more = append(g.more, extra{out: out, children: 1})
		}
		g.nodes[n].more = same
	}
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
