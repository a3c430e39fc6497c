package envconfig

import (
	"reflect"
	"strings"
	"time"
)

// leaf compiles a field that is loaded from one variable.
func (c *compiler) leaf(t reflect.Type, tg tag, prefix, path string) (member, bool) {
	l := &leaf{name: prefix + tg.name, path: path, tag: tg, sep: ","}
	if sep, ok := tg.keys.get("sep"); ok {
		l.sep = sep
	}
	layout := tg.keys.value("layout")
	if layout == "" {
		layout = time.RFC3339
	}
	before := len(c.problems)
	words, wordRules := c.words(path, tg)
	k, ok := kindOf(t, l.sep, layout, nil)
	if !ok {
		c.bad(path, "is of a type that can be loaded, which "+t.String()+" is not", "implement encoding.TextUnmarshaler, or see the manual for what can be loaded")
		return member{}, false
	}
	c.fits(path, t, k, tg)
	if len(c.problems) > before {
		return member{}, false
	}
	bounds, boundRules := c.bounds(path, t, k, tg)
	c.oneOfFits(path, t, k, l.sep, tg)
	if k.list || k.dict {
		k, _ = kindOf(t, l.sep, layout, words)
		words = nil
	}
	l.kind, l.checks = k, append(bounds, words...)
	l.rules = append(boundRules, wordRules...)
	l.optional = tg.optional || k.pointer
	l.secret = tg.secret || tg.ref || k.secret
	l.def, l.hasDefault = tg.keys.get("default")
	c.claim(l.name, path, l)
	if tg.file {
		c.claim(l.name+fileSuffix, path, l)
	}
	if len(c.problems) == before {
		c.defaults(t, l)
	}
	return member{leaf: l}, true
}

// kindOf returns the kind of a type that fits into one variable.
func kindOf(t reflect.Type, sep, layout string, each []check) (kind, bool) {
	if k, ok := scalar(t, layout); ok {
		return k, true
	}
	return items(t, sep, layout, each)
}

// fits refuses the keys and options that the kind cannot have.
func (c *compiler) fits(path string, t reflect.Type, k kind, tg tag) {
	if tg.plain() {
		return
	}
	keys := []string{"default", "desc"}
	if k.limit != nil {
		keys = append(keys, "min", "max")
	}
	if k.words {
		keys = append(keys, "oneof", "pattern")
	}
	if k.list || k.dict {
		keys = append(keys, "sep")
	}
	if strings.Contains(k.text, "time") && usesTime(t) {
		keys = append(keys, "layout")
	}
	options := []string{"optional", "expand", "file", "unset", "secret", "ref"}
	if k.empty {
		options = append(options, "empty")
	}
	c.only(path, tg, "a "+k.text, options, keys...)
	sep, given := tg.keys.get("sep")
	switch {
	case given && (strings.TrimSpace(sep) != sep && sep != " " || sep == ""):
		c.bad(path, "has a sep that separates", `write one such as ";", without space around it`)
	case given && k.dict && strings.Contains(sep, ":"):
		c.bad(path, "has a sep without a colon, which stands between key and value", `write one such as ";"`)
	case tg.expand && tg.ref:
		c.bad(path, "has one of the options expand and ref", "remove one, so that nothing but the variable itself chooses the secret")
	case tg.keys.value("default") != "" && tg.optional:
		c.bad(path, "has either a default or the option optional", "remove the option; with a default nothing need be set")
	}
}

// usesTime tells whether t is time.Time, or has items or a target of it.
func usesTime(t reflect.Type) bool {
	if t == timeType {
		return true
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return t != zoneType && usesTime(t.Elem())
	case reflect.Map:
		return usesTime(t.Key()) || usesTime(t.Elem())
	}
	return false
}

// defaults refuses a default that would be refused when it is used, and one
// that is a secret.
func (c *compiler) defaults(t reflect.Type, l *leaf) {
	if !l.hasDefault {
		return
	}
	isRef := l.tag.ref && strings.HasPrefix(l.def, refPrefix)
	switch {
	case l.secret && !isRef:
		c.bad(l.path, "has no default, since it is a secret and this is code", "remove the default; with the option ref it may be "+refPrefix+"name")
	case l.def == "" && !l.tag.empty:
		c.bad(l.path, "has a default that is not empty", "write the option optional if it may be absent, or empty if it may be empty")
	case isRef || l.tag.expand && strings.Contains(l.def, "${"):
	default:
		if f := l.decode(reflect.New(t).Elem(), l.def); f != nil {
			c.bad(l.path, "has a default that "+f.rule, "mend the default: "+f.fix)
		}
	}
}

// decode sets dst, or tells which rule the text breaks.
func (l *leaf) decode(dst reflect.Value, text string) *fault {
	if text == "" {
		if !l.tag.empty {
			return emptyText
		}
		if len(l.checks) == 0 && !l.kind.list && !l.kind.dict && !l.kind.pointer && l.kind.text == "string" {
			return nil
		}
	}
	if f := l.kind.decode(dst, text); f != nil {
		return f
	}
	for _, ok := range l.checks {
		if f := ok(dst, text); f != nil {
			return f
		}
	}
	return nil
}

var emptyText = &fault{"is not empty", "give it a value; a field for which none is a value has the option empty, one that may be absent has optional and then no variable"}
