package backup

import (
	"fmt"

	"github.com/masaruk/devops/envconfig"
)

// CheckOperators tells whether the recipients are enough for the environment: in
// production at least two are wanted, the identities of which are in separate
// custody, one of them offline. Whether they are no program can see, so it is said
// here and asked of people. Recipients that are none are refused in every
// environment. The error holds the [*envconfig.Violation].
func CheckOperators(env envconfig.Environment, recipients []string) error {
	if err := env.Validate(); err != nil {
		return err
	}
	if _, err := operators(recipients); err != nil {
		return err
	}
	if env.Tier == envconfig.TierProduction && len(recipients) < 2 {
		return &envconfig.Violation{
			Field: "Operators", Rule: "the loss of one identity does not lose the backups", Want: "at least 2 recipients",
			Got: fmt.Sprint(len(recipients)), Hint: "make another identity with age-keygen on another machine, keep it offline and with another person, and give its recipient",
		}
	}
	return nil
}
