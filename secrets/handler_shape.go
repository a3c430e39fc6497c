package secrets

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// shape is what is known of a type: where in its values something to hide can
// be, so that a look at a value that holds nothing is short.
type shape struct {
	verdict verdict
	kind    reflect.Kind
	elem    *shape  // of what a pointer, list or map holds
	fields  []field // of a struct, those to look at
	parts   *parts  // of a struct that is hidden in parts
	keys    *shape  // of a map
	// plain is the type without a name of a map that is looked at without
	// reflection.
	plain reflect.Type
}

type field struct {
	index int
	shape *shape
}

type verdict uint8

const (
	look   verdict = iota // it depends on the value
	clean                 // never
	unsure                // a look does not show it, or must not be taken
	partly                // a struct with fields to hide for their names, see parts
)

// shape returns that of t.
func (m *mask) shape(t reflect.Type) *shape {
	if s, ok := m.shapes.Load(t); ok {
		return s.(*shape)
	}
	made := map[reflect.Type]*shape{}
	m.makeShape(t, made)
	for t, s := range made {
		m.shapes.LoadOrStore(t, s)
	}
	return made[t]
}

// makeShape leaves the verdict look to types that hold themselves.
func (m *mask) makeShape(t reflect.Type, made map[reflect.Type]*shape) *shape {
	if s := made[t]; s != nil {
		return s
	}
	s := &shape{kind: t.Kind()}
	made[t] = s
	s.verdict = m.judge(t, s, made)
	return s
}

func (m *mask) judge(t reflect.Type, s *shape, made map[reflect.Type]*shape) verdict {
	switch t.Kind() {
	case reflect.Interface:
		return look
	case reflect.String, reflect.Struct, reflect.Pointer, reflect.Map, reflect.Slice, reflect.Array:
	default:
		return clean
	}
	switch {
	case t == reflect.TypeFor[Value]() || t == reflect.TypeFor[*Value]() || t == reflect.TypeFor[time.Time]():
		return clean
	case encodes(t) || encodes(reflect.PointerTo(t)) || !m.json && (prints(t) || prints(reflect.PointerTo(t))):
		return unsure
	case t.Kind() == reflect.String:
		if m.redactor == nil {
			return clean
		}
		return look
	case t.Kind() == reflect.Struct:
		return m.judgeStruct(t, s, made)
	}
	s.elem = m.makeShape(t.Elem(), made)
	switch t.Kind() {
	case reflect.Map:
		s.keys = m.makeShape(t.Key(), made)
		s.plain = plainMap(t)
		return look
	case reflect.Pointer:
		if !m.json && s.elem.verdict != clean {
			return unsure // package fmt does not follow it: neither do we
		}
	default:
		if m.indexed() {
			return unsure
		}
		if t.Elem().Kind() == reflect.Uint8 && t.Kind() == reflect.Slice && m.redactor != nil {
			return look
		}
	}
	if s.elem.verdict == clean {
		return clean
	}
	return look
}

// indexed tells whether some path may end at an index.
func (m *mask) indexed() bool { return len(m.keys.always) > 0 }

// plainMap returns the type that looker.any knows and t is but for its name.
func plainMap(t reflect.Type) reflect.Type {
	if t.Key() != reflect.TypeFor[string]() {
		return nil
	}
	switch t.Elem() {
	case reflect.TypeFor[any]():
		return reflect.TypeFor[map[string]any]()
	case reflect.TypeFor[string]():
		return reflect.TypeFor[map[string]string]()
	case reflect.TypeFor[[]string]():
		return reflect.TypeFor[map[string][]string]()
	}
	return nil
}

func encodes(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

func prints(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[fmt.Formatter]()) || t.Implements(reflect.TypeFor[fmt.Stringer]()) || t.Implements(reflect.TypeFor[error]())
}

// judgeStruct judges fields by the names that are printed.
func (m *mask) judgeStruct(t reflect.Type, s *shape, made map[reflect.Type]*shape) verdict {
	p := &parts{}
	for i := range t.NumField() {
		f := t.Field(i)
		name := jsonName(f)
		if m.json && (f.Tag.Get("json") == "-" || !f.IsExported() && !f.Anonymous) {
			continue // not printed
		}
		in := m.makeShape(f.Type, made)
		p.add(i, f)
		if in.verdict == clean && (f.Type == reflect.TypeFor[Value]() || f.Type == reflect.TypeFor[*Value]()) {
			continue
		}
		inline := f.Anonymous && name == ""
		if !inline && (m.keys.mayEnd(cmp.Or(name, f.Name)) || !m.json && m.keys.mayEnd(f.Name)) {
			if !m.json || m.keys.rooted || !p.hide(f) {
				return unsure
			}
			continue
		}
		switch {
		case in.verdict == clean:
		case !f.IsExported() && !m.json:
			return unsure // it may be in use elsewhere
		default:
			s.fields = append(s.fields, field{i, in})
		}
	}
	switch {
	case p.hidden > 0 && p.isWhole:
		s.parts = p
		return partly
	case p.hidden > 0:
		return unsure
	case len(s.fields) == 0:
		return clean
	}
	return look
}
