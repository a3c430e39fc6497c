package envconfig

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// Problem is one reason why a configuration was not loaded, or why a type
// cannot be loaded into. It never holds a value, nor the text of an error that
// may hold one.
type Problem struct {
	// Variable is the name of the variable, or "" for a problem of a struct,
	// an input or a tag.
	Variable string `json:"variable,omitempty"`
	// Field is the path of the field within the loaded type, such as
	// Payment.Stripe.Key or Hosts[2].Port; "" if no field is concerned, and
	// the name of the type for the whole of it.
	Field string `json:"field,omitempty"`
	// Rule is what must hold, in words that follow the variable.
	Rule string `json:"rule"`
	// Origin is where the value came from; the zero Origin if there is none.
	Origin Origin `json:"origin,omitzero"`
	// Fix is what to do about it.
	Fix string `json:"fix"`

	// cause is a sentinel or the cause of a context, never an error that was
	// made with the value at hand.
	cause error
}

// Error puts all of it into one line.
func (p *Problem) Error() string {
	var b strings.Builder
	switch {
	case p.Variable != "" && p.Field != "":
		b.WriteString(p.Variable + " (" + p.Field + ")")
	case p.Variable != "" || p.Field != "":
		b.WriteString(p.Variable + p.Field)
	default:
		b.WriteString("configuration")
	}
	if at := p.Origin.String(); at != "" {
		b.WriteString(" from " + at)
	}
	b.WriteString(" breaks the rule: " + p.Rule)
	if p.Fix != "" {
		b.WriteString("; " + p.Fix)
	}
	return b.String()
}

// Unwrap returns a sentinel such as [io/fs.ErrNotExist] or the cause of a
// context that ended, or nil. What a decoder or a source said is never
// wrapped, because it may hold the value.
func (p *Problem) Unwrap() error { return p.cause }

// Problems returns every Problem in the tree of err, in order; none of nil.
func Problems(err error) []*Problem { return inTree[*Problem](err) }

// inTree returns each error of the type T in the tree of err, in order, and
// nothing of what is below one.
func inTree[T error](err error) []T {
	var out []T
	switch e := err.(type) {
	case nil:
	case T:
		out = []T{e}
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			out = append(out, inTree[T](one)...)
		}
	case interface{ Unwrap() error }:
		out = inTree[T](e.Unwrap())
	}
	return out
}

// Origin tells where a value came from. The zero Origin is nowhere.
type Origin struct {
	// Input is the name of the input: "environment", the path of a file, the
	// name of a map; "default" for a default; "type ..." for a struct tag.
	Input string `json:"input,omitempty"`
	// Line is the line in a file, from 1; 0 elsewhere.
	Line int `json:"line,omitempty"`
	// Via is what stood between: the variable that named a file, such as
	// DB_PASSWORD_FILE, or "secret source" for a reference.
	Via string `json:"via,omitempty"`
}

// String returns "environment", ".env:3", "environment by DB_PASSWORD_FILE"
// and the like, or "" for the zero Origin.
func (o Origin) String() string {
	s := o.Input
	if o.Line > 0 {
		s += ":" + strconv.Itoa(o.Line)
	}
	if o.Via != "" {
		s += " by " + o.Via
	}
	return s
}

var (
	_ error          = (*Problem)(nil)
	_ json.Marshaler = Explanation(nil)
)

// joinProblems makes one error of problems, or nil of none.
func joinProblems(problems []*Problem) error {
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}
