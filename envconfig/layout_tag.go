package envconfig

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// tag is what the struct tag of a field says.
type tag struct {
	name     string
	optional bool // may be absent
	empty    bool // may be empty
	expand   bool // ${NAME} is replaced
	file     bool // NAME_FILE may name a file that holds the value
	unset    bool // is removed from the process environment
	secret   bool // is hidden
	ref      bool // "secret:name" is looked up
	keys     pairs
}

// plain tells whether the tag gives a name and no more.
func (tg *tag) plain() bool {
	for _, option := range tagOptions {
		if *tg.option(option) {
			return false
		}
	}
	return len(tg.keys) == 1
}

// pairs are the keys of a struct tag and their values: a few, so that looking
// through them costs less than a map.
type pairs [][2]string

func (p pairs) get(key string) (string, bool) {
	for i := range p {
		if p[i][0] == key {
			return p[i][1], true
		}
	}
	return "", false
}

// value returns the value of a key, "" if it is not there.
func (p pairs) value(key string) string {
	text, _ := p.get(key)
	return text
}

// tagKeys are the keys that a tag may have for this package, besides env.
var tagKeys = [...]string{"default", "min", "max", "oneof", "pattern", "sep", "layout", "desc"}

// tagOptions are the options that may follow the name in the key env.
var tagOptions = [...]string{"optional", "empty", "expand", "file", "unset", "secret", "ref"}

// option returns the place of an option, or nil.
func (tg *tag) option(name string) *bool {
	switch name {
	case "optional":
		return &tg.optional
	case "empty":
		return &tg.empty
	case "expand":
		return &tg.expand
	case "file":
		return &tg.file
	case "unset":
		return &tg.unset
	case "secret":
		return &tg.secret
	case "ref":
		return &tg.ref
	}
	return nil
}

// parseTag reads the tag of a field that has the key env.
func parseTag(keys pairs) (tag, []error) {
	name, rest, more := strings.Cut(keys.value("env"), ",")
	tg := tag{name: name, keys: keys}
	var errs []error
	for more {
		var option string
		option, rest, more = strings.Cut(rest, ",")
		on := tg.option(option)
		switch {
		case on == nil:
			errs = append(errs, fmt.Errorf("has only known options in the key env, not %q; they are %s", option, strings.Join(tagOptions[:], ", ")))
		case *on:
			errs = append(errs, fmt.Errorf("gives the option %s once", option))
		default:
			*on = true
		}
	}
	if !validName(tg.name) {
		errs = append(errs, fmt.Errorf("names a variable of letters, digits and _, not beginning with a digit, not %q", tg.name))
	}
	for _, pair := range keys {
		key := pair[0]
		if key == "env" || slices.Contains(tagKeys[:], key) {
			continue
		}
		// Of short words too many others are one letter away.
		if near := nearest(key, tagKeys[:], len(key)/5); near != "" {
			errs = append(errs, fmt.Errorf("has no misspelt keys: %q looks like %q", key, near))
		}
	}
	return tg, errs
}

// validName tells whether s can be the name of a variable.
func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// splitTag reads a struct tag in Go's conventional form, as reflect.StructTag
// does, but refuses what that skips silently.
func splitTag(text string) (pairs, error) {
	keys := make(pairs, 0, strings.Count(text, ":\""))
	for text = strings.TrimLeft(text, " "); text != ""; text = strings.TrimLeft(text, " ") {
		key, rest, ok := strings.Cut(text, ":")
		if !ok || key == "" || strings.ContainsAny(key, "\", \x7f") || !strings.HasPrefix(rest, `"`) {
			return keys, errors.New(`is written as key:"value" pairs with a space between`)
		}
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return keys, fmt.Errorf("ends the quotes of the key %s", key)
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return keys, fmt.Errorf("has valid Go quotes in the key %s", key)
		}
		if _, twice := keys.get(key); twice {
			return keys, fmt.Errorf("gives the key %s once", key)
		}
		keys = append(keys, [2]string{key, value})
		text = rest[len(quoted):]
	}
	return keys, nil
}
