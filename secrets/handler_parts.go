package secrets

import (
	"reflect"
	"strings"
	"time"
	"unicode"
)

// parts are the fields of a struct that are printed as JSON, some of which are
// texts to hide. Instead of a stand-in, a struct of the same type with the
// placeholder in these is printed. That is half of the work.
type parts struct {
	fields  []part
	hidden  int  // of fields
	isWhole bool // no field is missing
}

type part struct {
	index  int
	hidden bool
	omits  bool // it is not printed when it is empty
}

// add adds field i. It takes those only that are read in whole when they are
// printed: the rest of others may be in use elsewhere.
func (p *parts) add(i int, f reflect.StructField) {
	whole := f.IsExported()
	switch f.Type.Kind() {
	case reflect.Struct, reflect.Array:
		whole = whole && (f.Type == reflect.TypeFor[Value]() || f.Type == reflect.TypeFor[time.Time]())
	}
	p.isWhole = whole && (p.isWhole || len(p.fields) == 0)
	p.fields = append(p.fields, part{index: i})
}

// hide hides the field f that was added last, if the placeholder can be its
// value and is printed so.
func (p *parts) hide(f reflect.StructField) bool {
	_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	last := &p.fields[len(p.fields)-1]
	last.hidden = true
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "omitempty", "omitzero":
			last.omits = true
		case "string":
			return false
		}
	}
	p.hidden++
	return f.Type.Kind() == reflect.String && f.Type.NumMethod() == 0 && reflect.PointerTo(f.Type).NumMethod() == 0
}

// masked returns a copy of v.
func (p *parts) masked(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	for _, part := range p.fields {
		from, to := v.Field(part.index), out.Field(part.index)
		switch {
		case !part.hidden:
			to.Set(from)
		case !part.omits || from.Len() > 0:
			to.SetString(Placeholder)
		}
	}
	return out
}

// partly returns a copy of x, or of what it points to, and true if it is a
// struct where nothing but some fields is to be hidden.
func (c *copier) partly(x any) (any, bool) {
	v := reflect.ValueOf(x)
	pointer := v.Kind() == reflect.Pointer
	if pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil, false
	}
	s := c.shape(v.Type())
	if s.verdict != partly {
		return nil, false
	}
	l := looker{c.mask, c.engine, maxLook}
	for _, f := range s.fields {
		if l.look(v.Field(f.index), f.shape) {
			return nil, false
		}
	}
	out := s.parts.masked(v)
	if pointer {
		out = out.Addr()
	}
	return out.Interface(), true
}

// jsonName returns the name in the json tag of a field, if there is one and
// package encoding/json accepts it.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	for _, c := range name {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return ""
		}
	}
	return name
}
