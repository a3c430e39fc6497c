package envconfig

import (
	"encoding"
	"net/url"
	"reflect"
	"time"

	"github.com/masaruk/devops/secrets"
)

// kind is what can be loaded from one variable.
type kind struct {
	// text names the kind in an explanation.
	text   string
	decode decoder
	// limit reads the text of a min or max and returns how a value compares
	// with it; nil if the kind has neither.
	limit func(text string) (func(reflect.Value) int, bool)
	// limits tells what min and max bound: "" for the value itself.
	limits string
	// words tells whether oneof and pattern may be used; they see the text.
	words bool
	// empty tells whether the empty text means something.
	empty bool
	// secret tells whether the value hides itself.
	secret bool
	// list and dict tell whether the text has items.
	list, dict bool
	// pointer tells whether a nil pointer can stand for none.
	pointer bool
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	sizeType     = reflect.TypeFor[Size]()
	urlType      = reflect.TypeFor[url.URL]()
	timeType     = reflect.TypeFor[time.Time]()
	zoneType     = reflect.TypeFor[*time.Location]()
	secretType   = reflect.TypeFor[secrets.Value]()
	bytesType    = reflect.TypeFor[[]byte]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// scalar returns the kind of a type that is one value, not a list or a map.
func scalar(t reflect.Type, layout string) (kind, bool) {
	switch t {
	case durationType:
		return kind{text: "duration", decode: decodeDuration, limit: limitDuration}, true
	case sizeType:
		return kind{text: "size", decode: decodeSize, limit: limitSize}, true
	case urlType:
		return kind{text: "URL", decode: decodeURL, words: true}, true
	case timeType:
		return kind{text: "time", decode: decodeTime(layout), limit: limitTime(layout)}, true
	case zoneType:
		return kind{text: "time zone", decode: decodeZone, words: true}, true
	case secretType:
		return kind{text: "secret", decode: decodeSecret, limit: limitLength(revealedRunes), limits: "length", words: true, empty: true, secret: true}, true
	case bytesType:
		return kind{text: "base64", decode: decodeBytes, limit: limitLength(reflect.Value.Len), limits: "length", empty: true}, true
	}
	switch {
	case reflect.PointerTo(t).Implements(textType):
		return kind{text: t.String(), decode: decodeText(t.String()), words: true, empty: true}, true
	case t.Kind() == reflect.Pointer:
		inner, ok := scalar(t.Elem(), layout)
		if !ok || inner.pointer {
			return kind{}, false
		}
		return inner.behind(t.Elem()), true
	}
	return basic(t)
}

// basic returns the kind of a type that is a plain Go value.
func basic(t reflect.Type) (kind, bool) {
	switch t.Kind() {
	case reflect.String:
		return kind{text: "string", decode: decodeString, limit: limitLength(runes), limits: "length", words: true, empty: true}, true
	case reflect.Bool:
		return kind{text: "bool", decode: decodeBool}, true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return kind{text: t.Kind().String(), decode: decodeInt(t.Bits()), limit: limitInt, words: true}, true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return kind{text: t.Kind().String(), decode: decodeUint(t.Bits()), limit: limitUint, words: true}, true
	case reflect.Float32, reflect.Float64:
		return kind{text: t.Kind().String(), decode: decodeFloat(t.Bits()), limit: limitFloat}, true
	}
	return kind{}, false
}

// behind returns the kind of a pointer to a value of kind k.
func (k kind) behind(elem reflect.Type) kind {
	decode, limit := k.decode, k.limit
	k.pointer = true
	k.decode = func(dst reflect.Value, text string) *fault {
		to := reflect.New(elem)
		f := decode(to.Elem(), text)
		if f == nil {
			dst.Set(to)
		}
		return f
	}
	if limit != nil {
		k.limit = func(text string) (func(reflect.Value) int, bool) {
			compare, ok := limit(text)
			return func(v reflect.Value) int { return compare(v.Elem()) }, ok
		}
	}
	return k
}
