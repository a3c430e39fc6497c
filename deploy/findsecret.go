package deploy

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/masaruk/devops/secrets"
)

var (
	valueType     = reflect.TypeFor[secrets.Value]()
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// findSecret looks for a [secrets.Value] in whatever of v its JSON would show,
// and tells where it is. Types decide, not contents, so that data which could
// hold a secret is refused on its first use and not on the day that it does;
// only behind an interface the content tells the type.
func findSecret(v any) (path string, found bool) {
	if v == nil {
		return "", false
	}
	s := secretSearch{types: map[reflect.Type]bool{}, seen: map[reference]bool{}}
	return s.value(reflect.ValueOf(v))
}

// secretSearch remembers where it has been.
type secretSearch struct {
	types map[reflect.Type]bool
	seen  map[reference]bool
}

// reference is a pointer, map or slice that was followed.
type reference struct {
	at  uintptr
	len int
	typ reflect.Type
}

// value searches the type of v, and then the content of its interfaces.
func (s *secretSearch) value(v reflect.Value) (string, bool) {
	if !v.IsValid() {
		return "", false
	}
	if path, found := s.typ(v.Type()); found {
		return path, true
	}
	if opaqueToUs(v.Type()) || s.followed(v) {
		return "", false
	}
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		return s.value(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); shown(f) {
				if path, found := s.value(v.Field(i)); found {
					return "." + f.Name + path, true
				}
			}
		}
	case reflect.Slice, reflect.Array:
		for i := 0; i < v.Len() && !flat(v.Type().Elem()); i++ {
			if path, found := s.value(v.Index(i)); found {
				return fmt.Sprintf("[%d]%s", i, path), true
			}
		}
	case reflect.Map:
		for iter := v.MapRange(); iter.Next() && !flat(v.Type().Elem()); {
			if path, found := s.value(iter.Value()); found {
				return "[...]" + path, true
			}
		}
	}
	return "", false
}

// followed tells whether v leads to where the search has been, and remembers
// it.
func (s *secretSearch) followed(v reflect.Value) bool {
	r := reference{typ: v.Type()}
	switch v.Kind() {
	case reflect.Slice:
		r.len = v.Len()
		fallthrough
	case reflect.Pointer, reflect.Map:
		r.at = v.Pointer()
	default:
		return false
	}
	was := s.seen[r]
	s.seen[r] = true
	return was
}

// typ searches a type without its interfaces.
func (s *secretSearch) typ(t reflect.Type) (string, bool) {
	if t == valueType {
		return "", true
	}
	if s.types[t] || opaqueToUs(t) {
		return "", false
	}
	s.types[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return s.typ(t.Elem())
	case reflect.Map:
		if path, found := s.typ(t.Key()); found {
			return path, true
		}
		return s.typ(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if shown(f) {
				if path, found := s.typ(f.Type); found {
					return "." + f.Name + path, true
				}
			}
		}
	}
	return "", false
}

// textHolds tells whether JSON holds a value that the redactor knows, also
// where JSON writes it in another way.
func textHolds(raw []byte, r *secrets.Redactor) bool {
	if r == nil {
		return false
	}
	if string(r.Bytes(raw)) != string(raw) {
		return true
	}
	for d := json.NewDecoder(bytes.NewReader(raw)); ; {
		token, err := d.Token()
		if err != nil {
			return false
		}
		if s, ok := token.(string); ok && r.String(s) != s {
			return true
		}
	}
}

// shown tells whether encoding/json looks at a field.
func shown(f reflect.StructField) bool {
	return f.Tag.Get("json") != "-" && (f.IsExported() || f.Anonymous)
}

// flat tells types whose values cannot hold anything else.
func flat(t reflect.Type) bool { return t.Kind() <= reflect.Complex128 || t.Kind() == reflect.String }

// opaqueToUs tells types that make their JSON themselves, of whose fields
// nothing follows.
func opaqueToUs(t reflect.Type) bool {
	return t != valueType && t.Kind() != reflect.Interface && (t.Implements(jsonMarshaler) || t.Implements(textMarshaler))
}
