package secrets

import (
	"crypto/sha256"
	"crypto/subtle"
	"database/sql/driver"
	"encoding"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Placeholder is what stands in place of a secret wherever it would have been
// shown.
const Placeholder = "[redacted]"

// ErrRedacted reports text that holds the [Placeholder] where a secret is
// expected: somebody saved what a program printed and loads it back.
var ErrRedacted = errors.New("the text holds the placeholder " + Placeholder + " of a secret that was hidden when it was written; put the secret itself in its place")

// Value is a secret that hides itself on every exit but [Value.Reveal]. What
// the others show is the [Placeholder], whatever the secret is and also when
// there is none, so they tell nothing about it.
//
// The zero Value holds the empty secret. A Value cannot be compared with ==
// and is not equal to itself for reflect.DeepEqual; use [Value.Equal]. Values
// are immutable, apart from the Unmarshal methods, and then safe for
// concurrent use.
type Value struct {
	// A function, because reflection can read any other kind of field: fmt
	// prints the unexported fields of a struct without calling their methods,
	// and dumpers follow pointers too.
	reveal func() string
}

// New makes a Value of s.
func New(s string) Value { return Value{reveal: func() string { return s }} }

// Reveal returns the secret itself.
func (v Value) Reveal() string {
	if v.reveal == nil {
		return ""
	}
	return v.reveal()
}

// IsZero tells whether the secret is empty.
func (v Value) IsZero() bool { return v.Reveal() == "" }

// Equal tells whether the two secrets are the same, in a time that depends on
// their lengths only.
func (v Value) Equal(other Value) bool {
	a, b := sha256.Sum256([]byte(v.Reveal())), sha256.Sum256([]byte(other.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String returns the [Placeholder].
func (v Value) String() string { return Placeholder }

// GoString returns the [Placeholder].
func (v Value) GoString() string { return Placeholder }

// Format writes the [Placeholder] for every verb and flag; in quotes for %q.
func (v Value) Format(f fmt.State, verb rune) {
	text := Placeholder
	if verb == 'q' {
		text = `"` + Placeholder + `"`
	}
	_, _ = io.WriteString(f, text) // Format has no way to report an error
}

// LogValue returns the [Placeholder].
func (v Value) LogValue() slog.Value { return slog.StringValue(Placeholder) }

// MarshalText returns the [Placeholder]. JSON, XML and YAML encoders use it.
func (v Value) MarshalText() ([]byte, error) { return []byte(Placeholder), nil }

// MarshalBinary returns the [Placeholder]. Package encoding/gob uses it.
func (v Value) MarshalBinary() ([]byte, error) { return []byte(Placeholder), nil }

// Value refuses to be an argument of a query, with an error. Drivers would
// otherwise store what the Value shows, and nobody would notice until it is
// read back. Hand over what [Value.Reveal] returns. (To read one, scan into a
// string and call [New].)
func (v Value) Value() (driver.Value, error) { return nil, errArgument }

var errArgument = errors.New("secrets: a Value is no argument of a query, because it hides itself: hand over what its Reveal returns")

// escapedPlaceholder is the placeholder in a URL.
const escapedPlaceholder = "%5bredacted%5d"

// UnmarshalText makes text the secret. It returns an error that wraps
// [ErrRedacted] if text holds the [Placeholder], as it is or as in a URL.
func (v *Value) UnmarshalText(text []byte) error {
	s := string(text)
	if strings.Contains(s, Placeholder) || strings.Contains(s, "%5") && strings.Contains(strings.ToLower(s), escapedPlaceholder) {
		return fmt.Errorf("secrets: %w", ErrRedacted)
	}
	*v = New(s)
	return nil
}

// UnmarshalBinary is like [Value.UnmarshalText].
func (v *Value) UnmarshalBinary(b []byte) error { return v.UnmarshalText(b) }

var (
	_ fmt.Formatter              = Value{}
	_ fmt.GoStringer             = Value{}
	_ slog.LogValuer             = Value{}
	_ driver.Valuer              = Value{}
	_ encoding.TextMarshaler     = Value{}
	_ encoding.BinaryMarshaler   = Value{}
	_ encoding.TextUnmarshaler   = (*Value)(nil)
	_ encoding.BinaryUnmarshaler = (*Value)(nil)
)
