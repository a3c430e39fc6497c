package envconfig

import (
	"errors"
	"strings"
)

// Derive returns an environment of the same tier that allows what both e and
// rules allow, so never more than e. Begin with a copy of e.Rules and narrow
// what differs. Exemptions stay as far as what they allow is still allowed.
//
// The error joins a [*Violation] for each rule that would allow nothing, with
// both sets, and for whatever is wrong with e or name. That no function or
// feature flag is left is no error.
func (e Environment) Derive(name string, rules Rules) (Environment, error) {
	if err := e.Validate(); err != nil {
		return Environment{}, err
	}
	out := Environment{Name: name, Tier: e.Tier, Rules: e.Rules}
	out.Rules.FeatureFlags = e.Rules.FeatureFlags.intersect(rules.FeatureFlags)
	out.Rules.Opaque = e.Rules.Opaque.intersect(rules.Opaque)
	var errs []error
	theirs := rules.sets()
	for i, s := range out.Rules.sets() {
		both := intersect(*s.members, *theirs[i].members)
		if both == "" {
			errs = append(errs, &Violation{
				Field: "Rules." + s.name, Rule: "allows something", Want: "some of " + describeMembers(*s.members) + ", which " + e.Name + " allows",
				Got: describeMembers(*theirs[i].members), Hint: "begin with a copy of the rules of " + e.Name + ", and take out less",
			})
		}
		*s.members = both
	}
	if err := errors.Join(errs...); err != nil {
		return Environment{}, err
	}
	for _, x := range e.Exemptions {
		s, _ := out.Rules.set(strings.TrimPrefix(x.Field, "Rules."))
		if left := intersect(join(x.Allow), *s.members); left != "" {
			x.Allow = split(left)
			out.Exemptions = append(out.Exemptions, x)
		}
	}
	if err := out.Validate(); err != nil {
		return Environment{}, err
	}
	return out, nil
}
