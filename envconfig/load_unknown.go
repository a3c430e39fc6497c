package envconfig

import (
	"slices"
	"strings"
)

// leafOf returns the leaf that a variable belongs to, or nil.
func (g *group) leafOf(name string) *leaf {
	for i := range g.members {
		m := &g.members[i]
		switch {
		case m.leaf != nil:
			if name == m.leaf.name || m.leaf.tag.file && strings.TrimSuffix(name, fileSuffix) == m.leaf.name {
				return m.leaf
			}
		case m.list != nil:
			if _, rest, ok := m.list.element(name); ok {
				if l := m.list.elem.leafOf(rest); l != nil {
					return l
				}
			}
		default:
			if l := m.inner.leafOf(name); l != nil {
				return l
			}
		}
	}
	return nil
}

// names returns the names of the leaves outside lists.
func (g *group) names() []string {
	var all []string
	for i := range g.members {
		m := &g.members[i]
		switch {
		case m.leaf != nil:
			all = append(all, m.leaf.name)
			if m.leaf.tag.file {
				all = append(all, m.leaf.name+fileSuffix)
			}
		case m.inner != nil:
			all = append(all, m.inner.names()...)
		}
	}
	return all
}

// duplicates reports each variable of a field that stands in a file twice.
func (r *run) duplicates() {
	for i, in := range r.inputs {
		f, ok := in.(*file)
		if !ok || len(f.last) == len(f.entries) {
			continue
		}
		for n, e := range f.entries {
			last := f.last[e.Name]
			l := r.loader.root.leafOf(e.Name)
			if last == n || l == nil {
				continue
			}
			other := Origin{Input: r.loader.inputs[i], Line: f.entries[last].Line}
			r.problem(&Problem{
				Variable: e.Name, Field: l.path, Rule: "stands in a file once", Origin: Origin{Input: r.loader.inputs[i], Line: e.Line},
				Fix: "remove this one or " + other.String() + ", which is the one that readers take",
			})
		}
	}
}

// unknown reports variables that no field has: those that are owned or stand
// in a closed file, and those that look like an owned one that is not set.
func (r *run) unknown() {
	ld := r.loader
	if len(ld.owned) == 0 && !r.closed() {
		return
	}
	known := ld.root.names()
	open := slices.DeleteFunc(slices.Clone(known), func(name string) bool {
		_, input, _ := r.find(name)
		return input != nowhere || !ld.owns(name)
	})
	var found []*Problem
	for i, in := range r.inputs {
		f, isFile := in.(*file)
		in.each(func(name string, line int) {
			if slices.Contains(ld.opts.Ignore, name) || ld.root.leafOf(name) != nil {
				return
			}
			owned := ld.owns(name) || isFile && f.closed
			// Where nothing says that it is ours, only what is not set can be
			// meant, so that a HOST of somebody else is not taken for a PORT.
			words := open
			if owned {
				words = known
			}
			near := nearest(name, words, tolerance(name))
			if !owned && near == "" {
				return
			}
			if !ld.owns(name) && near == "" && strings.ToUpper(name) != name {
				name = "" // it may be a piece of a value of several lines that lacks quotes
			}
			p := &Problem{Variable: name, Rule: "is a variable that a field has", Origin: Origin{Input: ld.inputs[i], Line: line}, Fix: "remove it, or list it in LoadOptions.Ignore"}
			if near != "" {
				p.Fix = "did you mean " + near + "? If not, remove it, or list it in LoadOptions.Ignore"
			}
			found = append(found, p)
		})
	}
	slices.SortFunc(found, func(a, b *Problem) int {
		if c := strings.Compare(a.Variable, b.Variable); c != 0 {
			return c
		}
		return strings.Compare(a.Origin.String(), b.Origin.String())
	})
	r.problems = append(r.problems, found...)
}

func (r *run) closed() bool {
	for _, in := range r.inputs {
		if f, ok := in.(*file); ok && f.closed {
			return true
		}
	}
	return false
}

// lookalike returns a variable that no field has and that looks like name.
func (r *run) lookalike(name string) (string, Origin) {
	best, origin, limit := "", Origin{}, tolerance(name)
	for i, in := range r.inputs {
		in.each(func(other string, line int) {
			if r.loader.root.leafOf(other) != nil {
				return
			}
			d := distance(name, other)
			if d < limit || d == limit && (best == "" || other < best) {
				best, limit, origin = other, d, Origin{Input: r.loader.inputs[i], Line: line}
			}
		})
	}
	return best, origin
}
