package secrets

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
)

// maxLinks is how many errors of a chain are looked at; what is below is taken
// for one that holds a secret.
const maxLinks = 256

// Error returns err with the secrets replaced in its text. It is err itself
// where neither err nor any error that it wraps holds one in its text or shows
// one with %+v or %#v.
//
// Otherwise every verb of fmt shows the filtered text, and errors.Is answers as
// for err. errors.As finds those errors of the chain that hold no secret, and
// wrap none that does; the others cannot be had, and there is no Unwrap. An
// error whose methods panic, mostly a nil pointer, counts as one that holds a
// secret.
func (r *Redactor) Error(err error) error {
	if err == nil || r.engine() == nil {
		return err
	}
	c := chain{r: r, left: maxLinks}
	if c.clean(err) {
		return err
	}
	plus, _ := show(err, "%+v")
	text, _ := show(err, "%v")
	return &redactedError{
		text:  r.String(text),
		plus:  r.String(plus),
		chain: func() (*Redactor, error) { return r, err },
	}
}

// redactedError is an error without the secrets in its text.
type redactedError struct {
	text, plus string
	// chain is a function, because reflection can read any other kind of field.
	chain func() (*Redactor, error)
}

// Error returns the filtered text.
func (e *redactedError) Error() string { return e.text }

// Format writes the filtered text: with %+v that of the error's own %+v, such
// as one with a stack, and for %q in quotes.
func (e *redactedError) Format(f fmt.State, verb rune) {
	text := e.text
	switch {
	case verb == 'q':
		text = strconv.Quote(text)
	case verb == 'v' && f.Flag('+'):
		text = e.plus
	}
	_, _ = io.WriteString(f, text) // Format has no way to report an error
}

// Is answers as the error itself does.
func (e *redactedError) Is(target error) (is bool) {
	defer func() {
		if recover() != nil {
			is = false // a method of an error in the chain
		}
	}()
	_, err := e.chain()
	return errors.Is(err, target)
}

// As looks in the parts of the chain that hold no secret.
func (e *redactedError) As(target any) bool {
	r, err := e.chain()
	c := chain{r: r, left: maxLinks}
	return c.as(err, target)
}

// chain walks over the errors below one.
type chain struct {
	r    *Redactor
	left int // errors to look at
}

// clean tells whether neither err nor anything below it holds a secret.
func (c *chain) clean(err error) bool {
	c.left--
	if c.left < 0 {
		return false
	}
	for _, format := range []string{"%v", "%+v", "%#v"} {
		if text, ok := show(err, format); !ok || c.r.String(text) != text {
			return false
		}
	}
	below, ok := unwrap(err)
	if !ok {
		return false
	}
	for _, e := range below {
		if !c.clean(e) {
			return false
		}
	}
	return true
}

// as is errors.As for the clean parts of err.
func (c *chain) as(err error, target any) bool {
	whole := chain{r: c.r, left: c.left}
	if whole.clean(err) {
		return handOut(err, target, &whole)
	}
	c.left--
	below, _ := unwrap(err)
	for _, e := range below {
		if c.left > 0 && c.as(e, target) {
			return true
		}
	}
	return false
}

// handOut is errors.As, where the error that is found holds no secret: an As
// method may make up any.
func handOut(err error, target any, c *chain) bool {
	to := reflect.ValueOf(target).Elem()
	before := reflect.New(to.Type()).Elem()
	before.Set(to)
	if !errors.As(err, target) {
		return false
	}
	if found, ok := to.Interface().(error); ok && !c.clean(found) {
		to.Set(before)
		return false
	}
	return true
}

// unwrap returns what err wraps, without the nil ones; not ok is an error whose
// Unwrap panics.
func unwrap(err error) (below []error, ok bool) {
	defer func() {
		if recover() != nil {
			below, ok = nil, false
		}
	}()
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if one := e.Unwrap(); one != nil {
			below = []error{one}
		}
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			if one != nil {
				below = append(below, one)
			}
		}
	}
	return below, true
}

// show formats err. It is not ok where a method of it panics; fmt would hide
// that.
func show(err error, format string) (text string, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			text, ok = fmt.Sprintf("%T, whose Error method panics: %v", err, p), false
		}
	}()
	_ = err.Error()
	return fmt.Sprintf(format, err), true
}
