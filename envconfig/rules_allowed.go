package envconfig

import (
	"fmt"
	"slices"
)

// Allowed is a set of names that users make up, which may be all of them. The
// zero Allowed is the empty set, which for names is an answer: none. Where the
// values are known beforehand a rule is a [Set].
type Allowed struct {
	// Any makes it the set of all names.
	Any bool `json:"any,omitempty"`
	// Names are the members; none may be given besides Any.
	Names []string `json:"names,omitempty"`
}

// Has tells whether name is in the set.
func (a Allowed) Has(name string) bool { return a.Any || slices.Contains(a.Names, name) }

// intersect returns the set of what both allow, with its names in order.
func (a Allowed) intersect(other Allowed) Allowed {
	switch {
	case a.Any && other.Any:
		return Allowed{Any: true}
	case a.Any:
		a = other
	case !other.Any:
		a.Names = slices.DeleteFunc(slices.Clone(a.Names), func(n string) bool { return !slices.Contains(other.Names, n) })
	}
	if len(a.Names) == 0 {
		return Allowed{}
	}
	names := slices.Clone(a.Names)
	slices.Sort(names)
	return Allowed{Names: slices.Compact(names)}
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

// validate tells what is wrong with the set itself, and whether a tier that
// allows only what it names is left to allow everything.
func (a Allowed) validate(field string, tier Tier, namesOnly bool) []error {
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
	if a.Any && namesOnly {
		errs = append(errs, &Violation{
			Field: field + ".Any", Rule: tier.String() + " allows only what it names", Want: "false", Got: "true",
			Hint: "list them in " + field + ".Names",
		})
	}
	return errs
}
