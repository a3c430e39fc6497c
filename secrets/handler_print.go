package secrets

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
)

// printer prints a value as %+v of package fmt does, masked.
type printer struct {
	mask *mask
	path []element
	out  bytes.Buffer
}

// How deep a printer goes, and how much it prints, in bytes: package fmt would
// follow a slice that holds itself until the program ends.
const (
	maxDeep  = 64
	maxPrint = 1 << 20
)

func (p *printer) text(s string) {
	s, _ = p.mask.string(s)
	p.out.WriteString(s)
}

func (p *printer) value(v reflect.Value, depth int) {
	switch {
	case !v.IsValid():
		p.out.WriteString("<nil>")
		return
	case depth > maxDeep || p.out.Len() > maxPrint:
		p.out.WriteString("...")
		return
	case v.CanInterface() && printsItself(v.Interface()):
		p.text(fmt.Sprintf("%+v", v.Interface()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		p.structure(v, depth)
	case reflect.Map:
		p.mapping(v, depth)
	case reflect.Slice, reflect.Array:
		p.list(v, depth)
	case reflect.Interface:
		p.value(v.Elem(), depth+1)
	case reflect.Pointer:
		p.pointer(v, depth)
	case reflect.String:
		p.text(v.String())
	default:
		fmt.Fprintf(&p.out, "%+v", v)
	}
}

func printsItself(x any) bool {
	switch x.(type) {
	case fmt.Formatter, error, fmt.Stringer:
		return true
	}
	return false
}

// pointer follows one at the top only.
func (p *printer) pointer(v reflect.Value, depth int) {
	if depth == 0 && !v.IsNil() {
		switch v.Elem().Kind() {
		case reflect.Struct, reflect.Map, reflect.Slice, reflect.Array:
			p.out.WriteByte('&')
			p.value(v.Elem(), depth+1)
			return
		}
	}
	if v.IsNil() {
		p.out.WriteString("<nil>")
		return
	}
	fmt.Fprintf(&p.out, "%#x", v.Pointer())
}

// under prints what is found by e, or by another name of it.
func (p *printer) under(v reflect.Value, depth int, e element, other string) {
	p.path = append(p.path, e)
	hit := p.mask.keys.hit(p.path)
	if !hit && other != "" && other != e.name {
		p.path[len(p.path)-1] = key(other)
		hit = p.mask.keys.hit(p.path)
		p.path[len(p.path)-1] = e
	}
	if hit {
		p.out.WriteString(Placeholder)
	} else {
		p.value(v, depth+1)
	}
	p.path = p.path[:len(p.path)-1]
}

func (p *printer) structure(v reflect.Value, depth int) {
	t := v.Type()
	p.out.WriteByte('{')
	for i := range t.NumField() {
		if i > 0 {
			p.out.WriteByte(' ')
		}
		f := t.Field(i)
		p.out.WriteString(f.Name + ":")
		name := jsonName(f)
		if f.Anonymous && name == "" {
			p.value(v.Field(i), depth+1) // its fields count as ours
			continue
		}
		p.under(v.Field(i), depth, key(cmp.Or(name, f.Name)), f.Name)
	}
	p.out.WriteByte('}')
}

func (p *printer) mapping(v reflect.Value, depth int) {
	p.out.WriteString("map[")
	for i, k := range sortedKeys(v) {
		if i > 0 {
			p.out.WriteByte(' ')
		}
		from := p.out.Len()
		p.value(k, depth+1)
		name := string(p.out.Bytes()[from:])
		if k.Kind() == reflect.String {
			name = k.String()
		}
		p.out.WriteByte(':')
		p.under(v.MapIndex(k), depth, key(name), "")
	}
	p.out.WriteByte(']')
}

// sortedKeys sorts strings and numbers as package fmt does.
func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		switch {
		case a.Kind() == reflect.String:
			return cmp.Compare(a.String(), b.String())
		case a.CanInt():
			return cmp.Compare(a.Int(), b.Int())
		case a.CanUint():
			return cmp.Compare(a.Uint(), b.Uint())
		case a.CanFloat():
			return cmp.Compare(a.Float(), b.Float())
		}
		return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
	return keys
}

func (p *printer) list(v reflect.Value, depth int) {
	if isBytes(v) && p.mask.secretBytes(v) {
		p.out.WriteString(Placeholder)
		return
	}
	p.out.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			p.out.WriteByte(' ')
		}
		p.under(v.Index(i), depth, element{"", i}, "")
	}
	p.out.WriteByte(']')
}
