package envconfig

import (
	"context"
	"os"
	"reflect"
	"strings"
)

// run is one load.
type run struct {
	loader   *loader
	inputs   []reader
	settings []setting
	problems []*Problem
	invalid  int      // how many of the problems are of a method Validate
	all      []string // the names in all inputs, once they are needed
	unset    []string
	meant    map[string]string // the missing variable of which a misspelt one was told
	sought   int               // how many look-alikes were looked for
	said     []*Problem        // those with the words of a method Validate, which may hold secrets
}

func (r *run) load(ctx context.Context, v reflect.Value) {
	ld := r.loader
	r.settings = make([]setting, 0, ld.leaves)
	r.inputs = make([]reader, len(ld.opts.Inputs))
	for i, in := range ld.opts.Inputs {
		var problems []*Problem
		r.inputs[i], problems = in.open()
		r.problems = append(r.problems, problems...)
	}
	if ld.lists {
		r.listNames()
	}
	r.group(ctx, ld.root, v, nil)
	r.redact()
	r.judge()
	r.duplicates()
	r.unknown()
	if len(r.problems) > 0 {
		return
	}
	for _, name := range r.unset {
		if err := os.Unsetenv(name); err != nil {
			r.problem(&Problem{Variable: name, Rule: "can be removed from the environment", Fix: "remove the option unset"})
		}
	}
}

func (r *run) problem(p *Problem) { r.problems = append(r.problems, p) }

// group loads a struct, within an element of a list if in is not nil.
func (r *run) group(ctx context.Context, g *group, v reflect.Value, in *element) {
	before := len(r.problems) - r.invalid
	for i := range g.members {
		m := &g.members[i]
		switch {
		case m.leaf != nil:
			r.leaf(ctx, m.leaf, v.Field(m.index), in)
		case m.list != nil:
			r.list(ctx, m.list, v.Field(m.index), in)
		case !m.pointer:
			r.group(ctx, m.inner, v.Field(m.index), in)
		case r.present(m.inner, in):
			to := reflect.New(m.inner.typ)
			r.group(ctx, m.inner, to.Elem(), in)
			v.Field(m.index).Set(to)
		default:
			r.absent(m.inner, in)
		}
	}
	if g.validates && len(r.problems)-r.invalid == before {
		r.validate(g, v, in)
	}
}

// find returns the first input that has the variable.
func (r *run) find(name string) (text string, input, line int32) {
	for i, in := range r.inputs {
		if text, line, ok := in.lookup(name); ok {
			return text, int32(i), int32(line)
		}
	}
	return "", nowhere, 0
}

func (r *run) leaf(ctx context.Context, l *leaf, dst reflect.Value, in *element) {
	r.settings = append(r.settings, setting{leaf: l, in: in, hidden: l.secret})
	s := &r.settings[len(r.settings)-1]
	s.text, s.input, s.line = r.find(s.name())
	if l.tag.file && !r.fromFile(s) {
		return
	}
	if s.input == nowhere {
		switch {
		case l.hasDefault:
			s.text, s.input = l.def, fromDefault
		case l.optional:
			return
		default:
			r.missing(s)
			return
		}
	}
	if (l.tag.expand || l.tag.ref) && !r.resolve(ctx, s) {
		return
	}
	if f := s.decode(dst); f != nil {
		r.refuse(s, f)
	}
	if l.tag.unset && s.input >= 0 && r.inputs[s.input] == (process{}) {
		r.unset = append(r.unset, s.source())
	}
}

// missing reports a variable that has to be set, and what may be meant to.
func (r *run) missing(s *setting) {
	fix := "set it"
	if s.leaf.tag.file {
		fix += ", or " + s.name() + fileSuffix + " to the path of a file that holds it"
	}
	if len(r.inputs) > 0 {
		fix += ", in " + strings.Join(r.loader.inputs, " or ")
	}
	if other, origin := r.lookalike(s.name()); other != "" {
		fix += "; " + other + " from " + origin.String() + ", which no field has, looks like it: did you mean that?"
		if r.meant == nil {
			r.meant = map[string]string{}
		}
		r.meant[other] = s.name()
	}
	r.problem(&Problem{Variable: s.name(), Field: s.path(), Rule: "is set", Fix: fix})
}

// present tells whether anything of a group is set.
func (r *run) present(g *group, in *element) bool {
	for _, m := range g.members {
		switch {
		case m.leaf != nil:
			name := in.name(m.leaf.name)
			if _, input, _ := r.find(name); input != nowhere {
				return true
			}
			if _, input, _ := r.find(name + fileSuffix); m.leaf.tag.file && input != nowhere {
				return true
			}
		case m.list != nil:
			if len(r.numbers(m.list, in)) > 0 {
				return true
			}
		case r.present(m.inner, in):
			return true
		}
	}
	return false
}

// absent records the leaves of a group of which nothing is set.
func (r *run) absent(g *group, in *element) {
	for _, m := range g.members {
		switch {
		case m.leaf != nil:
			r.settings = append(r.settings, setting{leaf: m.leaf, in: in, input: nowhere, hidden: m.leaf.secret})
		case m.inner != nil:
			r.absent(m.inner, in)
		}
	}
}
