package envconfig

import (
	"errors"
	"fmt"
	"slices"
)

// Rules say what an environment allows. Each rule is a set of what is
// allowed, and the zero Rules allow nothing.
type Rules struct {
	// Opaque names the steps made of a Go function, whose content nobody can
	// read or compare before it runs.
	Opaque Allowed `json:"opaque"`
}

// AllowsOpaque tells whether a step made of the function of that name may run.
func (r Rules) AllowsOpaque(name string) bool { return r.Opaque.Has(name) }

// Allowed is a set of names. The zero Allowed is the empty set.
type Allowed struct {
	// Any makes it the set of all names.
	Any bool `json:"any,omitempty"`
	// Names are the members; none may be given besides Any.
	Names []string `json:"names,omitempty"`
}

// Has tells whether name is in the set.
func (a Allowed) Has(name string) bool { return a.Any || slices.Contains(a.Names, name) }

// CheckOpaque reports each of the functions that the rules refuse: a joined
// error of [*Violation], or nil.
func (e Environment) CheckOpaque(names ...string) error {
	var errs []error
	for _, name := range names {
		if !e.Rules.AllowsOpaque(name) {
			errs = append(errs, &Violation{
				Field: "Rules.Opaque", Rule: "allows the functions that steps are made of", Want: e.Rules.Opaque.describe(), Got: fmt.Sprintf("%q", name),
				Hint: fmt.Sprintf("make it an action that describes itself, or add the name to Rules.Opaque.Names of %s", e.Name),
			})
		}
	}
	return errors.Join(errs...)
}

func (a Allowed) describe() string {
	switch {
	case a.Any:
		return "any"
	case len(a.Names) == 0:
		return "none"
	}
	return fmt.Sprintf("one of %q", a.Names)
}

func (r Rules) validate(tier Tier) []error {
	errs := r.Opaque.validate("Rules.Opaque")
	if tier == TierProduction && r.Opaque.Any {
		errs = append(errs, &Violation{
			Field: "Rules.Opaque.Any", Rule: "production allows only what it names", Want: "false", Got: "true",
			Hint: "list the functions in Rules.Opaque.Names",
		})
	}
	return errs
}

func (a Allowed) validate(field string) []error {
	var errs []error
	if a.Any && len(a.Names) > 0 {
		errs = append(errs, &Violation{
			Field: field, Rule: "is either everything or a list", Want: "Any or Names", Got: "both",
			Hint: "drop Names, or set Any to false",
		})
	}
	for i, name := range a.Names {
		at := fmt.Sprintf("%s.Names[%d]", field, i)
		switch {
		case name == "":
			errs = append(errs, &Violation{Field: at, Rule: "is a name", Want: "a name", Got: `""`, Hint: "remove it"})
		case slices.Index(a.Names, name) < i:
			errs = append(errs, &Violation{Field: at, Rule: "is listed once", Want: "another name", Got: fmt.Sprintf("%q", name), Hint: "remove it"})
		}
	}
	return errs
}
