package envconfig

import (
	"reflect"
	"strconv"
	"strings"
)

// items returns the kind of a slice or map whose items are scalars. The
// checks are those of one item.
func items(t reflect.Type, sep, layout string, each []check) (kind, bool) {
	k := kind{limit: limitLength(reflect.Value.Len), limits: "items", words: true, empty: true}
	switch {
	case t.Kind() == reflect.Slice:
		elem, ok := scalar(t.Elem(), layout)
		// Who gives bytes a name means some text by them, not a list of numbers.
		if !ok || elem.pointer || t.Elem() == bytesType.Elem() {
			return kind{}, false
		}
		k.text, k.list, k.secret = "list of "+elem.text, true, elem.secret
		k.decode = decodeList(t, elem.decode, sep, each)
		return k, elem.words || each == nil
	case t.Kind() == reflect.Map:
		key, ok := scalar(t.Key(), layout)
		elem, ok2 := scalar(t.Elem(), layout)
		// A pointer as a key would make every key another one.
		if !ok || !ok2 || key.pointer || elem.pointer || key.secret || t.Key() == zoneType {
			return kind{}, false
		}
		k.text, k.dict, k.secret = "map of "+key.text+" to "+elem.text, true, elem.secret
		k.decode = decodeMap(t, key.decode, elem.decode, sep, each)
		return k, elem.words || each == nil
	}
	return kind{}, false
}

// item makes the fault of one item of a list.
func (f *fault) item(i int) *fault {
	return &fault{"has only items of which each " + f.rule, "item " + strconv.Itoa(i+1) + " is not so: " + f.fix}
}

var emptyItem = &fault{"is not empty", "remove the separator that has nothing beside it"}

func decodeList(t reflect.Type, decode decoder, sep string, each []check) decoder {
	plain := t.Elem().Kind() == reflect.String && t.Elem().NumMethod() == 0 && t == reflect.TypeFor[[]string]() && each == nil
	return func(dst reflect.Value, text string) *fault {
		n := 0
		if text != "" {
			n = strings.Count(text, sep) + 1
		}
		if plain {
			return decodeStrings(dst, text, sep, n)
		}
		list := reflect.MakeSlice(t, n, n)
		for i := range n {
			var one string
			one, text, _ = strings.Cut(text, sep)
			if f := decodeItem(list.Index(i), strings.TrimSpace(one), decode, each); f != nil {
				return f.item(i)
			}
		}
		dst.Set(list)
		return nil
	}
}

// decodeStrings is decodeList for the most usual list, without reflection.
func decodeStrings(dst reflect.Value, text, sep string, n int) *fault {
	list := make([]string, n)
	for i := range list {
		var one string
		one, text, _ = strings.Cut(text, sep)
		if list[i] = strings.TrimSpace(one); list[i] == "" {
			return emptyItem.item(i)
		}
	}
	*dst.Addr().Interface().(*[]string) = list
	return nil
}

func decodeItem(dst reflect.Value, text string, decode decoder, each []check) *fault {
	if text == "" {
		return emptyItem
	}
	if f := decode(dst, text); f != nil {
		return f
	}
	for _, ok := range each {
		if f := ok(dst, text); f != nil {
			return f
		}
	}
	return nil
}

var (
	noColon  = &fault{"is a key and a value with a colon between", "write key:value; the value may hold more colons"}
	badKey   = &fault{"has a key that can be one", "mend the method UnmarshalText of the key's type, which makes something that == cannot compare"}
	twiceKey = &fault{"has another key than those before it", "remove one of the two"}
)

func decodeMap(t reflect.Type, key, elem decoder, sep string, each []check) decoder {
	return func(dst reflect.Value, text string) *fault {
		n := 0
		if text != "" {
			n = strings.Count(text, sep) + 1
		}
		all := reflect.MakeMapWithSize(t, n)
		for i := range n {
			var one string
			one, text, _ = strings.Cut(text, sep)
			name, value, ok := strings.Cut(one, ":")
			if !ok {
				return noColon.item(i)
			}
			k, v := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			if f := decodeItem(k, strings.TrimSpace(name), key, nil); f != nil {
				return f.item(i)
			}
			if f := decodeItem(v, strings.TrimSpace(value), elem, each); f != nil {
				return f.item(i)
			}
			if !k.Comparable() {
				return badKey.item(i)
			}
			if all.MapIndex(k).IsValid() {
				return twiceKey.item(i)
			}
			all.SetMapIndex(k, v)
		}
		dst.Set(all)
		return nil
	}
}
