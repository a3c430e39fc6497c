package envconfig

import (
	"cmp"
	"slices"
	"strings"
)

// leafOf returns the leaf that a variable belongs to, or nil.
func (g *group) leafOf(name string) *leaf {
	if g.all != nil {
		if l := g.all[name].leaf; l != nil || !g.lists {
			return l
		}
	}
	for i := range g.members {
		m := &g.members[i]
		switch {
		case m.leaf != nil:
			if m.leaf.reads(name) {
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

// reads tells whether the leaf is loaded from the variable, within its element
// if that is one.
func (l *leaf) reads(name string) bool {
	return name == l.name || l.tag.file && strings.TrimSuffix(name, fileSuffix) == l.name
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
	open := r.open()
	var known []string // once it is needed
	var found []*Problem
	for i, in := range r.inputs {
		f, isFile := in.(*file)
		in.each(func(name string, line int) {
			// Where nothing says that it is ours, only what is not set can be
			// meant, so that a HOST of somebody else is not taken for a PORT.
			owned := ld.owns(name) || isFile && f.closed
			if !owned && len(open) == 0 || r.known(name) {
				return
			}
			words := open
			if owned {
				if known == nil {
					known = ld.root.names()
				}
				words = known
			}
			near := nearest(name, words, tolerance(name))
			if missing, told := r.meant[name]; !owned && near == "" || told && (near == "" || near == missing) {
				return // somebody else's, or the missing variable has told of it
			}
			if near == "" || cell(name) != name {
				name = r.shown(name)
			}
			p := &Problem{Variable: name, Rule: "is a variable that a field has", Origin: Origin{Input: ld.inputs[i], Line: line}, Fix: "remove it, or list it in LoadOptions.Ignore"}
			if near != "" {
				p.Fix = "did you mean " + near + "? If not, remove it, or list it in LoadOptions.Ignore"
			}
			found = append(found, p)
		})
	}
	slices.SortFunc(found, byVariable)
	r.problems = append(r.problems, found...)
}

// open returns the names of the owned variables that nothing gives.
func (r *run) open() []string {
	var open []string
	for i := range r.settings {
		s := &r.settings[i]
		if s.input >= 0 || s.in != nil || !r.loader.owns(s.leaf.name) {
			continue
		}
		open = append(open, s.leaf.name)
		if s.leaf.tag.file {
			open = append(open, s.leaf.name+fileSuffix)
		}
	}
	return open
}

func byVariable(a, b *Problem) int {
	return cmp.Or(strings.Compare(a.Variable, b.Variable), strings.Compare(a.Origin.String(), b.Origin.String()))
}

// shown returns the name of a variable that no field has, or "" where it may be
// a piece of a value of several lines that lacks quotes.
func (r *run) shown(name string) string {
	if !r.loader.owns(name) && strings.ToUpper(name) != name || cell(name) != name {
		return ""
	}
	return name
}

// known tells whether a field has the variable, or the options say that none
// need.
func (r *run) known(name string) bool {
	return slices.Contains(r.loader.opts.Ignore, name) || r.loader.root.leafOf(name) != nil
}

func (r *run) closed() bool {
	for _, in := range r.inputs {
		if f, ok := in.(*file); ok && f.closed {
			return true
		}
	}
	return false
}

// mostSought bounds the look-alikes that one load looks for: where more is
// missing than that, it is not for slips of the pen.
const mostSought = 40

// lookalike returns a variable that no field has and that looks like name.
func (r *run) lookalike(name string) (string, Origin) {
	best, origin, limit := "", Origin{}, tolerance(name)
	if r.sought++; r.sought > mostSought {
		return "", Origin{}
	}
	for i, in := range r.inputs {
		in.each(func(other string, line int) {
			if more := len(other) - len(name); more > limit || -more > limit || r.known(other) || cell(other) != other {
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
