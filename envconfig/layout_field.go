package envconfig

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// field compiles one field; false if it is not loaded.
func (c *compiler) field(f reflect.StructField, prefix, path string) (member, bool) {
	keys, err := splitTag(string(f.Tag))
	if err != nil && (f.IsExported() || strings.Contains(string(f.Tag), "env:")) {
		c.bad(path, "has a tag that "+err.Error(), "mend the tag")
		return member{}, false
	}
	env, named := keys.get("env")
	switch {
	case env == "-":
		return member{}, false
	case !named && f.Anonymous && structOf(f.Type) != nil:
		return c.embedded(f, prefix, path)
	case !f.IsExported() && named:
		c.bad(path, "is exported", "begin its name with a capital letter, since nothing else can be set")
		return member{}, false
	case !f.IsExported():
		return member{}, false
	case !named:
		c.bad(path, "has the key env in its tag", `name its variable, or write env:"-" to leave it alone`)
		return member{}, false
	}
	tg, errs := parseTag(keys)
	for _, err := range errs {
		c.bad(path, "has a tag that "+err.Error(), "mend the tag")
	}
	if len(errs) > 0 {
		return member{}, false
	}
	return c.named(f.Type, tg, prefix, path)
}

// structOf returns the struct that t is or points to, if it is not one value.
func structOf(t reflect.Type) reflect.Type {
	if t.Kind() != reflect.Struct && t.Kind() != reflect.Pointer {
		return nil
	}
	if _, ok := scalar(t, time.RFC3339); ok {
		return nil
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	return t
}

func (c *compiler) embedded(f reflect.StructField, prefix, path string) (member, bool) {
	pointer := f.Type.Kind() == reflect.Pointer
	if pointer && !f.IsExported() {
		c.bad(path, "can be set", "embed the struct itself, or export its type")
		return member{}, false
	}
	g := c.group(structOf(f.Type), prefix, path)
	// The method of a type that is not exported cannot be called here; where
	// it is promoted, the outer struct has it.
	g.validates = g.validates && f.IsExported()
	return member{inner: g, pointer: pointer}, true
}

// named compiles a field that has a name.
func (c *compiler) named(t reflect.Type, tg tag, prefix, path string) (member, bool) {
	if inner := structOf(t); inner != nil {
		c.only(path, tg, "a struct", nil, "desc")
		c.groupName(path, tg.name)
		return member{inner: c.group(inner, prefix+tg.name+"_", path), pointer: t.Kind() == reflect.Pointer}, true
	}
	if t.Kind() == reflect.Slice && structOf(t.Elem()) != nil && t.Elem().Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(textType) {
		return c.list(t, tg, prefix, path)
	}
	return c.leaf(t, tg, prefix, path)
}

func (c *compiler) groupName(path, name string) {
	if strings.HasSuffix(name, "_") {
		c.bad(path, "names a group without a _ at its end", fmt.Sprintf("write %q; the _ before the names of its fields is added", strings.TrimRight(name, "_")))
	}
}

// only refuses the options and keys that do not fit.
func (c *compiler) only(path string, tg tag, what string, options []string, keys ...string) {
	for _, option := range tagOptions {
		if *tg.option(option) && !slices.Contains(options, option) {
			c.bad(path, "has no option "+option+", which "+what+" cannot have", "remove the option")
		}
	}
	for _, key := range tagKeys {
		if _, has := tg.keys.get(key); has && !slices.Contains(keys, key) {
			c.bad(path, "has no key "+key+", which "+what+" cannot have", "remove the key")
		}
	}
}

func (c *compiler) list(t reflect.Type, tg tag, prefix, path string) (member, bool) {
	c.only(path, tg, "a slice of structs", []string{"optional"}, "min", "max", "desc")
	c.groupName(path, tg.name)
	l := &list{typ: t, name: prefix + tg.name, path: path, optional: tg.optional, desc: tg.keys.value("desc")}
	l.checks, l.rules = c.bounds(path, t, kind{limit: limitLength(reflect.Value.Len), limits: "items"}, tg)
	c.claim(l.name, path, nil)
	outer := c.names
	c.names = map[string]owner{}
	l.elem = c.group(t.Elem(), "", "")
	c.names = outer
	return member{list: l}, true
}
