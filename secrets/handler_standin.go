package secrets

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
)

// standIn prints a value masked, in place of it.
type standIn struct {
	mask  *mask
	path  []element
	value any
}

func (m *mask) standIn(at *trail, x any) *standIn {
	s := &standIn{mask: m, value: x}
	if at != nil {
		s.path = slices.Clone(at.path)
	}
	return s
}

// standInError stands in for an error.
type standInError struct{ standIn }

func (e *standInError) Error() string {
	err, _ := e.value.(error)
	text, _ := errorText(err)
	text, _ = e.mask.string(text)
	return text
}

// encoder is reused.
type encoder struct {
	buffer bytes.Buffer
	json   *json.Encoder
}

func newEncoder() any {
	e := &encoder{}
	e.json = json.NewEncoder(&e.buffer)
	e.json.SetEscapeHTML(false) // as log/slog does
	return e
}

// maxReuse is how large a buffer may be in bytes to be kept.
const maxReuse = 64 << 10

// MarshalJSON never fails: errors are printed as log/slog does.
func (s *standIn) MarshalJSON() (doc []byte, _ error) {
	defer func() {
		if p := recover(); p != nil {
			doc = s.text(panicText(s.value, p))
		}
	}()
	if err, isError := s.value.(error); isError {
		if _, isJSON := err.(json.Marshaler); !isJSON {
			return s.text(err.Error()), nil
		}
	}
	e := s.mask.encoders.Get().(*encoder)
	e.buffer.Reset()
	if err := e.json.Encode(s.value); err != nil {
		return s.text("!ERROR:" + err.Error()), nil // and e, which keeps its error, is gone
	}
	whole := bytes.TrimSuffix(e.buffer.Bytes(), []byte("\n"))
	doc, err := maskJSON(s.mask.keys, s.mask.redactor, s.path, whole)
	switch {
	case err != nil:
		doc = []byte(jsonString(Placeholder))
	case sameBytes(whole, doc):
		doc = bytes.Clone(doc)
	}
	if e.buffer.Cap() <= maxReuse {
		s.mask.encoders.Put(e)
	}
	return doc, nil
}

// text returns a text as JSON, masked.
func (s *standIn) text(text string) []byte {
	text, _ = s.mask.string(text)
	return []byte(jsonString(text))
}

// Format prints the value as %+v does, for every verb: this is what handlers
// of text use.
func (s *standIn) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, s.String()) // Format has no way to report an error
}

// String returns what Format prints.
func (s *standIn) String() (text string) {
	defer func() {
		if p := recover(); p != nil {
			text, _ = s.mask.string(panicText(s.value, p))
		}
	}()
	if m, ok := s.value.(encoding.TextMarshaler); ok {
		b, err := m.MarshalText()
		text = string(b)
		if err != nil {
			text = "!ERROR:" + err.Error()
		}
		text, _ = s.mask.string(text)
		return text
	}
	p := printer{mask: s.mask, path: slices.Clip(s.path)}
	p.value(reflect.ValueOf(s.value), 0)
	return p.out.String()
}

// panicText is how log/slog prints a panic in a method of x.
func panicText(x, panicked any) string {
	if v := reflect.ValueOf(x); v.Kind() == reflect.Pointer && v.IsNil() {
		return "<nil>"
	}
	return fmt.Sprintf("!PANIC: %v", panicked)
}

var (
	_ json.Marshaler = (*standIn)(nil)
	_ fmt.Formatter  = (*standIn)(nil)
	_ fmt.Stringer   = (*standIn)(nil)
	_ error          = (*standInError)(nil)
)
