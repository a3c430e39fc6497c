package envconfig

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// group is a struct, compiled: one walk over its type, which loading follows.
type group struct {
	typ reflect.Type
	// path is that of the field, "" for the loaded type itself.
	path    string
	members []member
	// validates tells that the struct has a method Validate.
	validates bool
	// embeds are the paths of the embedded structs that have one too.
	embeds []string

	// all has the leaves outside of lists by their variables, and lists tells
	// whether there are others; of the loaded type itself alone.
	all   map[string]owner
	lists bool
}

// owner is the field that a variable belongs to; leaf is nil for a list.
type owner struct {
	path string
	leaf *leaf
}

// member is a field of a group: exactly one of leaf, inner and list is set.
type member struct {
	index int
	leaf  *leaf
	inner *group
	// pointer tells that inner is behind a pointer, nil if nothing of it is set.
	pointer bool
	list    *list
}

// list is a slice of structs, whose variables are NAME_0_X, NAME_1_X, ...
type list struct {
	typ  reflect.Type
	name string // with the prefix, without the number
	path string
	// elem has names and paths relative to one element.
	elem     *group
	optional bool
	checks   []check
	rules    []string
	desc     string
}

// leaf is a field that is loaded from one variable.
type leaf struct {
	name, path string
	kind       kind
	tag        tag
	def        string
	hasDefault bool
	// optional leaves may be absent, secret ones are hidden.
	optional, secret bool
	sep              string
	checks           []check
	rules            []string
}

// fileSuffix ends the name of a variable that names a file.
const fileSuffix = "_FILE"

// refPrefix begins a value that is the name of a secret.
const refPrefix = "secret:"

// compiler walks a type and collects everything that is wrong with it.
type compiler struct {
	root     reflect.Type
	problems []*Problem
	names    map[string]owner
	stack    []reflect.Type
}

func compile(t reflect.Type, prefix string) (*group, []*Problem) {
	c := &compiler{root: t, names: make(map[string]owner, 32)}
	if t.Kind() != reflect.Struct {
		c.bad(typeName(t), "is a struct", "load into a struct, whose fields name the variables")
		return nil, c.problems
	}
	if prefix != "" {
		if !validName(prefix) || strings.HasSuffix(prefix, "_") {
			c.bad("LoadOptions.Prefix", "is letters, digits and _, with none of the latter two at the wrong end", `write "APP" for variables such as APP_PORT`)
			return nil, c.problems
		}
		prefix += "_"
	}
	g := c.group(t, prefix, "")
	if _, g.lists = g.count(); g.lists && len(c.problems) == 0 {
		c.collisions(g, g, &element{})
	}
	g.all = c.names
	return g, c.problems
}

// collisions refuses leaves whose variable is also that of an element of a
// list, which claim cannot know. It looks at those of g within the root; in is
// where they are.
func (c *compiler) collisions(root, g *group, in *element) {
	for i := range g.members {
		m := &g.members[i]
		switch {
		case m.leaf != nil:
			name := in.name(m.leaf.name)
			if root.owners(name) > 1 || m.leaf.tag.file && root.owners(name+fileSuffix) > 1 {
				c.bad(in.path(m.leaf.path), "has a variable of its own", name+" is a variable of a slice of structs as well; rename one")
			}
		case m.list != nil:
			c.collisions(root, m.list.elem, &element{pre: in.name(m.list.name) + "_0_", at: in.path(m.list.path) + "[0]"})
		default:
			c.collisions(root, m.inner, in)
		}
	}
}

// owners counts the leaves that a variable belongs to.
func (g *group) owners(name string) int {
	n := 0
	for i := range g.members {
		m := &g.members[i]
		switch {
		case m.leaf != nil:
			if m.leaf.reads(name) {
				n++
			}
		case m.list != nil:
			if _, rest, ok := m.list.element(name); ok {
				n += m.list.elem.owners(rest)
			}
		default:
			n += m.inner.owners(name)
		}
	}
	return n
}

func (c *compiler) bad(field, rule, fix string) {
	c.problems = append(c.problems, &Problem{Field: field, Rule: rule, Origin: Origin{Input: "type " + typeName(c.root)}, Fix: fix})
}

// typeName returns the name of a type, and no more of one without a name than
// its kind.
func typeName(t reflect.Type) string {
	if t.Name() == "" {
		return t.Kind().String()
	}
	return t.String()
}

func (c *compiler) group(t reflect.Type, prefix, path string) *group {
	g := &group{typ: t, path: path, validates: reflect.PointerTo(t).Implements(validatorType)}
	if slices.Contains(c.stack, t) {
		c.bad(path, "does not hold its own type", "a configuration has an end; give the inner field another type")
		return g
	}
	c.stack = append(c.stack, t)
	defer func() { c.stack = c.stack[:len(c.stack)-1] }()
	g.members = make([]member, 0, t.NumField())
	before := len(c.names)
	for i := range t.NumField() {
		f := t.Field(i)
		if m, ok := c.field(f, prefix, dotted(path, f.Name)); ok {
			m.index = i
			if f.Anonymous && m.inner != nil && m.inner.validates {
				g.embeds = append(g.embeds, m.inner.path)
			}
			g.members = append(g.members, m)
		}
	}
	if len(c.names) == before && len(c.problems) == 0 {
		c.bad(dotted(path, typeName(t)), "has fields with the key env", `write, for example, Port int `+"`env:\"PORT\"`")
	}
	return g
}

func dotted(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// claim notes that a variable belongs to a field.
func (c *compiler) claim(name, path string, l *leaf) {
	if other, taken := c.names[name]; taken {
		c.bad(path, "has a variable of its own", fmt.Sprintf("%s is the variable of %s as well; rename one", name, other.path))
	}
	c.names[name] = owner{path, l}
}
