package secrets

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
)

// mask is what one handler and those made of it have in common.
type mask struct {
	keys     *Keys
	redactor *Redactor
	json     bool     // nothing but JSON is made of the values
	shapes   sync.Map // of reflect.Type: *shape
	known    atomic.Pointer[quick]
	encoders sync.Pool // of *encoder
	slabs    sync.Pool // of *slab
	trails   sync.Pool // of *trail
}

func newMask(keys *Keys, r *Redactor, isJSON bool) *mask {
	return &mask{
		keys: keys, redactor: r, json: isJSON,
		encoders: sync.Pool{New: newEncoder},
		slabs:    sync.Pool{New: func() any { return &slab{} }},
		trails:   sync.Pool{New: func() any { return &trail{} }},
	}
}

// string returns s masked, and whether that changed it.
func (m *mask) string(s string) (string, bool) { return m.quick().string(s) }

// hide hides the value of a and tells whether that changed it. Empty
// attributes and groups are printed by nobody and stay.
func hide(a *slog.Attr) bool {
	switch kind := a.Value.Kind(); {
	case a.Key == "" && kind == slog.KindAny && a.Value.Any() == nil,
		kind == slog.KindGroup && len(a.Value.Group()) == 0,
		kind == slog.KindLogValuer && isValue(a.Value.Any()):
		return false
	}
	a.Value = slog.StringValue(Placeholder)
	return true
}

func isValue(x any) bool {
	switch x.(type) {
	case Value, *Value:
		return true
	}
	return false
}

// attr masks a, a copy of an attribute, and tells whether that changed it.
func (c *copier) attr(at *trail, a *slog.Attr) bool {
	switch {
	case c.hidden:
		return hide(a)
	case a.Key == "":
		return c.value(at, &a.Value)
	}
	if !c.keys.rooted {
		if c.keys.mayEnd(a.Key) {
			return hide(a)
		}
		return c.value(at, &a.Value)
	}
	at.path = append(at.path, key(a.Key))
	changed := false
	if c.keys.hit(at.path) {
		changed = hide(a)
	} else {
		changed = c.value(at, &a.Value)
	}
	at.path = at.path[:len(at.path)-1]
	return changed
}

func (c *copier) value(at *trail, v *slog.Value) bool {
	switch v.Kind() {
	case slog.KindString:
		s, changed := c.texts.string(v.String())
		if changed {
			*v = slog.StringValue(s)
		}
		return changed
	case slog.KindGroup:
		return c.group(at, v)
	case slog.KindLogValuer:
		if isValue(v.Any()) {
			return false
		}
		*v = v.Resolve() // and is not to be asked again
		c.value(at, v)
		return true
	case slog.KindAny:
		return c.any(at, v)
	}
	return false
}

func (c *copier) group(at *trail, v *slog.Value) bool {
	attrs := v.Group()
	var out []slog.Attr
	var a slog.Attr // here, so that it stays on the stack
	for i := range attrs {
		a = attrs[i]
		changed := c.attr(at, &a)
		if changed && out == nil {
			out = c.take(len(attrs))
			copy(out, attrs)
		}
		if changed {
			out[i] = a
		}
	}
	if out != nil {
		*v = slog.GroupValue(out...)
	}
	return out != nil
}

func (c *copier) any(at *trail, v *slog.Value) bool {
	x := v.Any()
	switch x := x.(type) {
	case []byte:
		masked := c.redactor.Bytes(x)
		if sameBytes(masked, x) {
			return false
		}
		*v = slog.AnyValue(masked)
		return true
	case error:
		if _, isJSON := x.(json.Marshaler); !isJSON {
			return c.error(at, v, x)
		}
	}
	if l := (looker{c.mask, c.texts, maxLook}); !l.top(x) {
		return false
	}
	*v = slog.AnyValue(c.standIn(at, x))
	return true
}

// sameBytes tells whether the Redactor returned its argument.
func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// error masks the text of err, which all handlers print in place of its
// fields. Only those that make text of it call other methods it may have.
func (c *copier) error(at *trail, v *slog.Value, err error) bool {
	if !c.json {
		switch err.(type) {
		case fmt.Formatter, encoding.TextMarshaler:
			*v = slog.AnyValue(&standInError{*c.standIn(at, err)})
			return true
		}
	}
	text, ok := errorText(err)
	masked, changed := c.texts.string(text)
	switch {
	case ok && !changed:
		return false
	case !ok && !c.json: // package fmt tells of the panic in its own way
		*v = slog.AnyValue(&standInError{*c.standIn(at, err)})
	default:
		*v = slog.AnyValue(textError(masked))
	}
	return true
}

// textError is an error with nothing but its text.
type textError string

func (e textError) Error() string { return string(e) }

// errorText returns the text of err, or that of the panic in its method and
// false.
func errorText(err error) (text string, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			text = panicText(err, p)
		}
	}()
	return err.Error(), true
}
