package envconfig

import "fmt"

// Violation is one rule that something breaks. It never holds a secret.
type Violation struct {
	// Field is the path of what breaks the rule, such as Rules.Opaque.
	Field string `json:"field"`
	// Rule is what holds, in words that follow the field.
	Rule string `json:"rule"`
	// Want is what the rule allows, Got what was found.
	Want string `json:"want"`
	Got  string `json:"got"`
	// Hint is what to do about it.
	Hint string `json:"hint,omitempty"`
}

// Error puts all of it into one line.
func (v *Violation) Error() string {
	s := fmt.Sprintf("%s: want %s, got %s (rule: %s)", v.Field, v.Want, v.Got, v.Rule)
	if v.Hint != "" {
		s += "; " + v.Hint
	}
	return s
}

// Violations returns every Violation in the tree of err, in order; none of nil.
func Violations(err error) []*Violation { return inTree[*Violation](err) }
