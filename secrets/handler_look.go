package secrets

import (
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// maxLook is how many values one look takes in; what is larger, or holds
// itself, is not decided by a look.
const maxLook = 4096

// looker tells whether a value may hold something to hide. It reads only what
// a handler that prints the value reads too.
type looker struct {
	*mask
	engine *engine
	left   int
}

// top looks at what an attribute holds.
func (l *looker) top(x any) bool {
	if !l.json {
		// Package fmt follows a pointer at the top.
		if t := reflect.TypeOf(x); t != nil && t.Kind() == reflect.Pointer && !encodes(t) && !prints(t) {
			if v := reflect.ValueOf(x); !v.IsNil() {
				return l.look(v.Elem(), l.shape(t.Elem()))
			}
		}
	}
	return l.any(x)
}

// any takes the usual types without reflection.
func (l *looker) any(x any) bool {
	switch x := x.(type) {
	case nil, bool, int, int64, float64, time.Duration, time.Time, Value, *Value:
		return false
	case string:
		return l.text(x)
	case map[string]any:
		return lookMap(l, x, l.any)
	case map[string]string:
		return lookMap(l, x, l.text)
	case map[string][]string:
		return lookMap(l, x, l.list)
	case []any:
		return l.indexed() || lookList(l, x, l.any)
	case []string:
		return l.list(x)
	}
	v := reflect.ValueOf(x)
	return l.look(v, l.shape(v.Type()))
}

func (l *looker) text(s string) bool {
	_, changed := l.engine.string(s)
	return changed
}

func (l *looker) list(x []string) bool {
	return l.indexed() || l.redactor != nil && lookList(l, x, l.text)
}

func lookMap[E any](l *looker, x map[string]E, look func(E) bool) bool {
	for k, e := range x {
		if l.tired() || l.keys.mayEnd(k) || l.text(k) || look(e) {
			return true
		}
	}
	return false
}

func lookList[E any](l *looker, x []E, look func(E) bool) bool {
	for _, e := range x {
		if l.tired() || look(e) {
			return true
		}
	}
	return false
}

func (l *looker) tired() bool {
	l.left--
	return l.left < 0
}

// look takes v, of shape s.
func (l *looker) look(v reflect.Value, s *shape) bool {
	switch {
	case s.verdict == clean:
		return false
	case s.verdict != look || l.tired():
		return true
	}
	switch s.kind {
	case reflect.String:
		return l.text(v.String())
	case reflect.Struct:
		for _, f := range s.fields {
			if l.look(v.Field(f.index), f.shape) {
				return true
			}
		}
	case reflect.Pointer:
		return !v.IsNil() && l.look(v.Elem(), s.elem)
	case reflect.Interface:
		return !v.IsNil() && l.look(v.Elem(), l.shape(v.Elem().Type()))
	case reflect.Map:
		return l.mapping(v, s)
	case reflect.Slice, reflect.Array:
		return l.elements(v, s)
	}
	return false
}

func (l *looker) mapping(v reflect.Value, s *shape) bool {
	if s.plain != nil {
		return l.any(reflect.ValueOf(v.Interface()).Convert(s.plain).Interface()) // v itself, being in a place, would be copied
	}
	for iter := v.MapRange(); iter.Next(); {
		k := iter.Key()
		if l.keys.mayEnd(printedKey(k)) {
			return true
		}
		if l.look(k, s.keys) || l.look(iter.Value(), s.elem) {
			return true
		}
	}
	return false
}

// printedKey is the name that a key of a map is printed as.
func printedKey(k reflect.Value) string {
	for k.Kind() == reflect.Interface && !k.IsNil() {
		k = k.Elem()
	}
	switch {
	case k.Kind() == reflect.String:
		return k.String()
	case k.CanInt():
		return strconv.FormatInt(k.Int(), 10)
	case k.CanUint():
		return strconv.FormatUint(k.Uint(), 10)
	}
	return fmt.Sprint(k)
}

func (l *looker) elements(v reflect.Value, s *shape) bool {
	if isBytes(v) {
		return l.secretBytes(v)
	}
	for i := range v.Len() {
		if l.look(v.Index(i), s.elem) {
			return true
		}
	}
	return false
}

func isBytes(v reflect.Value) bool { return v.Type().Elem().Kind() == reflect.Uint8 }

// secretBytes tells whether a list of bytes holds what the Redactor knows.
func (m *mask) secretBytes(v reflect.Value) bool {
	if m.redactor == nil || v.Kind() == reflect.Array {
		return false
	}
	b := v.Bytes()
	return !sameBytes(m.redactor.Bytes(b), b)
}
