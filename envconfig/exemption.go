package envconfig

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Exemption is a departure from the rules of a tier that somebody answers for.
// It stays in the [Environment] and in its JSON.
type Exemption struct {
	// Field is the path of the rule, such as Rules.Payments.
	Field string `json:"field"`
	// Allow is what it allows besides, such as "sandbox".
	Allow []string `json:"allow"`
	// By is who answers for it, Reason is why.
	By     string `json:"by"`
	Reason string `json:"reason"`
	// Until is when it ends; from then on the environment is refused.
	Until time.Time `json:"until"`
}

// Exempt returns e with a rule widened by x, which is recorded. The error joins
// a [*Violation] for each thing that is wrong with x or with e. No exemption
// allows live payments outside of the production tier, or secrets in code.
// Names of functions and feature flags need none: list them in the rule.
func (e Environment) Exempt(x Exemption) (Environment, error) {
	x.Allow = slices.Clone(x.Allow)
	out := e
	out.Exemptions = append(slices.Clone(e.Exemptions), x)
	if s, ok := out.Rules.set(strings.TrimPrefix(x.Field, "Rules.")); ok {
		add := join(x.Allow)
		if had := without(add, without(add, *s.members)); had != "" {
			return Environment{}, &Violation{
				Field: x.Field, Rule: "is exempt only where that is needed", Want: "something that is not allowed", Got: describeMembers(had),
				Hint: "leave it out of the exemption",
			}
		}
		*s.members = union(*s.members, add)
	}
	if err := out.Validate(); err != nil {
		return Environment{}, err
	}
	return out, nil
}

// exempted returns the members that the exemptions bring into a rule. Those
// that hold what none may bring do not count.
func (e Environment) exempted(rule string) string {
	var out string
	for _, x := range e.Exemptions {
		if x.Field == "Rules."+rule {
			out = union(out, join(x.Allow))
		}
	}
	return without(out, never(e.Tier, rule))
}

// validateExemptions tells what is wrong with them at the time now.
func (e Environment) validateExemptions(now time.Time) []error {
	var errs []error
	for i, x := range e.Exemptions {
		errs = append(errs, x.validate(fmt.Sprintf("Exemptions[%d]", i), e.Tier, now)...)
	}
	return errs
}

func (x Exemption) validate(at string, tier Tier, now time.Time) []error {
	var errs []error
	wrong := func(field, rule, want, got, hint string) {
		errs = append(errs, &Violation{Field: at + "." + field, Rule: rule, Want: want, Got: got, Hint: hint})
	}
	name, below := strings.CutPrefix(x.Field, "Rules.")
	rule, ok := new(Rules).set(name)
	if !ok || !below {
		wrong("Field", "is the path of a rule", "such as Rules.Payments", fmt.Sprintf("%.80q", x.Field),
			"use the Field of the Violation that it answers; names of functions and flags are listed in the rule itself")
	}
	allow := join(x.Allow)
	if allow == "" {
		wrong("Allow", "allows something", "one or more values", "none", "say what is allowed besides")
	}
	if unknown := without(allow, rule.known); ok && unknown != "" {
		wrong("Allow", "holds known values", "some of "+describeMembers(rule.known), fmt.Sprintf("%.80q", split(unknown)), "use the constants of this package")
	}
	if no := never(tier, name); ok && without(no, allow) != no {
		wrong("Allow", "leaves out what is never allowed", "nothing of "+describeMembers(no), describeMembers(no), "no exemption can allow it in the "+tier.String()+" tier")
	}
	if strings.TrimSpace(x.By) == "" {
		wrong("By", "names who answers for it", "a person", "nobody", "name somebody who can be asked")
	}
	if strings.TrimSpace(x.Reason) == "" {
		wrong("Reason", "says why", "a reason", "none", "write down why the rule cannot hold")
	}
	if x.Until.IsZero() {
		wrong("Until", "ends", "a time", "none", "say when the rule holds again")
	} else if !now.Before(x.Until) {
		wrong("Until", "has not ended", "a time after "+now.UTC().Format(time.RFC3339), x.Until.UTC().Format(time.RFC3339),
			"remove it together with what it allows, or have somebody answer for another one")
	}
	return errs
}
