package secrets

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
)

// hide returns what stands for v under a name, and tells whether that is
// something else. Empty attributes and groups are printed by nobody and stay.
func hide(name string, v slog.Value) (slog.Value, bool) {
	switch kind := v.Kind(); {
	case name == "" && kind == slog.KindAny && v.Any() == nil,
		kind == slog.KindGroup && len(v.Group()) == 0,
		kind == slog.KindLogValuer && isValue(v.Any()):
		return v, false
	}
	return slog.StringValue(Placeholder), true
}

func isValue(x any) bool {
	switch x.(type) {
	case Value, *Value:
		return true
	}
	return false
}

// attr returns the value v of an attribute masked, and tells whether that
// changed it.
func (c *copier) attr(at *trail, name string, v slog.Value) (slog.Value, bool) {
	switch {
	case c.hidden:
		return hide(name, v)
	case name == "" || at == nil && c.isHarmless(name):
		return c.value(at, v)
	case at == nil:
		if c.keys.mayEnd(name) {
			return hide(name, v)
		}
		return c.value(at, v)
	}
	at.path = append(at.path, key(name))
	hit := c.keys.hit(at.path)
	changed := false
	if hit {
		v, changed = hide(name, v)
	} else {
		v, changed = c.value(at, v)
	}
	at.path = at.path[:len(at.path)-1]
	return v, changed
}

func (c *copier) value(at *trail, v slog.Value) (slog.Value, bool) {
	switch v.Kind() {
	case slog.KindString:
		if c.engine == nil {
			return v, false
		}
		s, changed := c.engine.string(v.String())
		if changed {
			v = slog.StringValue(s)
		}
		return v, changed
	case slog.KindGroup:
		return c.group(at, v)
	case slog.KindLogValuer:
		if isValue(v.Any()) {
			return v, false
		}
		v, _ = c.value(at, v.Resolve()) // and is not to be asked again
		return v, true
	case slog.KindAny:
		return c.any(at, v)
	}
	return v, false
}

func (c *copier) group(at *trail, v slog.Value) (slog.Value, bool) {
	attrs := v.Group()
	var out []slog.Attr
	for i := range attrs {
		masked, changed := c.attr(at, attrs[i].Key, attrs[i].Value)
		if !changed {
			continue
		}
		if out == nil {
			out = c.take(len(attrs))
			copy(out, attrs)
		}
		out[i].Value = masked
	}
	if out == nil {
		return v, false
	}
	return slog.GroupValue(out...), true
}

func (c *copier) any(at *trail, v slog.Value) (slog.Value, bool) {
	x := v.Any()
	switch x := x.(type) {
	case []byte:
		masked := c.redactor.Bytes(x)
		if sameBytes(masked, x) {
			return v, false
		}
		return slog.AnyValue(masked), true
	case error:
		if _, isJSON := x.(json.Marshaler); !isJSON {
			return c.error(at, v, x)
		}
	}
	if l := (looker{c.mask, c.engine, maxLook}); !l.top(x) {
		return v, false
	}
	if masked, ok := c.partly(x); ok {
		return slog.AnyValue(masked), true
	}
	return slog.AnyValue(c.standIn(at, x)), true
}

// sameBytes tells whether the Redactor returned its argument.
func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// error masks the text of err, which all handlers print in place of its
// fields. Only those that make text of it call other methods it may have.
func (c *copier) error(at *trail, v slog.Value, err error) (slog.Value, bool) {
	if !c.json {
		switch err.(type) {
		case fmt.Formatter, encoding.TextMarshaler:
			return slog.AnyValue(&standInError{*c.standIn(at, err)}), true
		}
	} else if c.engine == nil {
		return v, false
	}
	text, ok := errorText(err)
	masked, changed := c.engine.string(text)
	switch {
	case ok && !changed:
		return v, false
	case !ok && !c.json: // package fmt tells of the panic in its own way
		return slog.AnyValue(&standInError{*c.standIn(at, err)}), true
	}
	return slog.AnyValue(textError(masked)), true
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
