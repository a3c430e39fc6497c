package envconfig

import (
	"reflect"
	"strconv"
	"strings"
)

// bounds compiles the keys min and max of a type.
func (c *compiler) bounds(path string, t reflect.Type, k kind, tg tag) (checks []check, rules []string) {
	for _, key := range [...]string{"min", "max"} {
		text, given := tg.keys.get(key)
		if !given || k.limit == nil {
			continue
		}
		bound := minimum
		if key == "max" {
			bound = maximum
		}
		ok, rule, valid := bound(k, text)
		if !valid {
			c.bad(path, "has a "+key+" that it can be compared with", "write it as the variable would be written, or as a count where it bounds a length")
			continue
		}
		checks, rules = append(checks, ok), append(rules, rule)
	}
	if len(checks) == 2 && !k.ordered(t, tg.keys.value("min"), tg.keys.value("max")) {
		c.bad(path, "has a min that is not above its max", "swap the two, or mend one")
	}
	return checks, rules
}

// ordered tells whether a min is not above a max.
func (k kind) ordered(t reflect.Type, least, most string) bool {
	if k.limits != "" {
		a, _ := strconv.Atoi(least)
		b, _ := strconv.Atoi(most)
		return a <= b
	}
	v := reflect.New(t).Elem()
	if k.decode(v, least) != nil {
		return true // the type has no such value
	}
	compare, _ := k.limit(most)
	return compare(v) <= 0
}

// oneOfFits refuses words of the key oneof that the type cannot hold.
func (c *compiler) oneOfFits(path string, t reflect.Type, k kind, sep string, tg tag) {
	list, given := tg.keys.get("oneof")
	if !given || k.dict {
		return
	}
	for word := range strings.SplitSeq(list, ",") {
		word = strings.TrimSpace(word)
		if k.list && strings.Contains(word, sep) {
			continue // an item cannot hold it, but this is no way to tell
		}
		if f := k.decode(reflect.New(t).Elem(), word); f != nil {
			c.bad(path, "has a oneof of words that it can hold", "of "+word+" it must hold that it "+f.rule+": "+f.fix)
		}
	}
}

// words compiles the keys oneof and pattern.
func (c *compiler) words(path string, tg tag) (checks []check, rules []string) {
	if list, given := tg.keys.get("oneof"); given {
		ok, rule, valid := oneOf(list)
		if !valid {
			c.bad(path, "has a oneof of different words", `write them with commas between, such as oneof:"off,sandbox,live"`)
		}
		checks, rules = append(checks, ok), append(rules, rule)
	}
	if expression, given := tg.keys.get("pattern"); given {
		ok, rule, valid := matches(expression)
		if !valid {
			c.bad(path, "has a pattern that package regexp compiles", "mend the expression")
		}
		checks, rules = append(checks, ok), append(rules, rule)
	}
	return checks, rules
}
