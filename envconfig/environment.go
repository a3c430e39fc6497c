package envconfig

import (
	"errors"
	"fmt"
	"regexp"
)

// Environment is a place that software runs in, and the rules that hold there.
// It is data; the zero Environment is refused everywhere. Begin with
// [Development], [Staging] or [Production] and change what differs.
type Environment struct {
	// Name tells environments apart, also those of one tier: 1 to 40
	// lower-case letters, digits and "-", beginning with a letter.
	Name  string `json:"name"`
	Tier  Tier   `json:"tier"`
	Rules Rules  `json:"rules"`
}

// Development returns the environment "dev": what one person tries out.
func Development() Environment {
	return Environment{Name: "dev", Tier: TierDevelopment, Rules: Rules{Opaque: Allowed{Any: true}}}
}

// Staging returns the environment "stg": the rehearsal of production.
func Staging() Environment {
	return Environment{Name: "stg", Tier: TierStaging, Rules: Rules{Opaque: Allowed{Any: true}}}
}

// Production returns the environment "prod": what customers use. It allows
// nothing that its rules do not name.
func Production() Environment {
	return Environment{Name: "prod", Tier: TierProduction}
}

var nameRE = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// Validate reports everything that is wrong with e: a joined error of
// [*Violation], or nil.
func (e Environment) Validate() error {
	if e.Name == "" && e.Tier == 0 {
		return &Violation{
			Field: "Environment", Rule: "is chosen on purpose", Want: "an environment", Got: "the zero one",
			Hint: "begin with envconfig.Development(), envconfig.Staging() or envconfig.Production()",
		}
	}
	var errs []error
	if !nameRE.MatchString(e.Name) {
		errs = append(errs, &Violation{
			Field: "Name", Rule: "is a name", Want: `1 to 40 of a-z, 0-9 and "-", a letter first`, Got: fmt.Sprintf("%q", e.Name),
			Hint: `such as "stg" or "qa-2"`,
		})
	}
	if !e.Tier.known() {
		errs = append(errs, &Violation{
			Field: "Tier", Rule: "is one of the three", Want: "development, staging or production", Got: e.Tier.String(),
			Hint: "set envconfig.TierStaging, for example",
		})
	}
	errs = append(errs, e.Rules.validate(e.Tier)...)
	return errors.Join(errs...)
}
