package envconfig

import (
	"fmt"
	"reflect"
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
	names    map[string]string // the field of each variable
	stack    []reflect.Type
}

func compile(t reflect.Type, prefix string) (*group, []*Problem) {
	c := &compiler{root: t, names: map[string]string{}}
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
	return g, c.problems
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
	for _, outer := range c.stack {
		if outer == t {
			c.bad(path, "does not hold its own type", "a configuration has an end; give the inner field another type")
			return g
		}
	}
	c.stack = append(c.stack, t)
	defer func() { c.stack = c.stack[:len(c.stack)-1] }()
	before := len(c.names)
	for i := range t.NumField() {
		if m, ok := c.field(t.Field(i), prefix, dotted(path, t.Field(i).Name)); ok {
			m.index = i
			if t.Field(i).Anonymous && m.inner != nil && m.inner.validates {
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
func (c *compiler) claim(name, path string) {
	if other, taken := c.names[name]; taken {
		c.bad(path, "has a variable of its own", fmt.Sprintf("%s is the variable of %s as well; rename one", name, other))
	}
	c.names[name] = path
}
