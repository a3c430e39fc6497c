package envconfig

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Environment is a place that software runs in, and the rules that hold there.
// It is data; the zero Environment is refused everywhere. Begin with
// [Development], [Staging] or [Production] and narrow what differs, by hand or
// with [Environment.Derive].
type Environment struct {
	// Name tells environments apart, also those of one tier: 1 to 40
	// lower-case letters, digits and "-", beginning with a letter.
	Name  string `json:"name"`
	Tier  Tier   `json:"tier"`
	Rules Rules  `json:"rules"`
	// Exemptions are the departures from the rules of the tier. Exempt adds
	// them.
	Exemptions []Exemption `json:"exemptions,omitempty"`
}

// Development returns the environment "dev": what one person tries out.
// Payments are never live; nearly everything else is open.
func Development() Environment {
	return Environment{Name: "dev", Tier: TierDevelopment, Rules: tierRules(TierDevelopment)}
}

// Staging returns the environment "stg": the rehearsal of production, for
// quality assurance, user acceptance, validation of API contracts, and
// performance tests. Its configuration mirrors that of production.
func Staging() Environment {
	return Environment{Name: "stg", Tier: TierStaging, Rules: tierRules(TierStaging)}
}

// Production returns the environment "prod": what customers use. It allows
// nothing that its rules do not name.
func Production() Environment {
	return Environment{Name: "prod", Tier: TierProduction, Rules: tierRules(TierProduction)}
}

var nameRE = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// Validate reports everything that is wrong with e now: a joined error of
// [*Violation], or nil. Rules that are laxer than those of the tier are, unless
// an exemption that has not ended allows it; so what begins a run calls this,
// and what has to end one calls [Environment.ValidateAt] with the time at which
// it began.
func (e Environment) Validate() error { return e.ValidateAt(time.Now()) }

// ValidateAt is like [Environment.Validate] at another time.
func (e Environment) ValidateAt(now time.Time) error {
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
	errs = append(errs, e.validateRules()...)
	errs = append(errs, e.validateExemptions(now)...)
	return errors.Join(errs...)
}
