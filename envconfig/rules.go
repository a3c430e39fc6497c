package envconfig

import (
	"errors"
	"fmt"
)

// Rules say what an environment allows. Each rule is a set of what is
// allowed, and the zero Rules allow nothing. [Settings] has the same fields,
// each with the one value that was chosen.
type Rules struct {
	// Payments are the modes that payments may run in.
	Payments Set[Payments] `json:"payments"`
	// Debug is for debug logs, stack traces shown to clients, and inspectors.
	Debug Set[Switch] `json:"debug"`
	// RateLimits are those of the API.
	RateLimits Set[Limits] `json:"rate_limits"`
	// FeatureFlags names the flags that may be on for what is not released.
	FeatureFlags Allowed `json:"feature_flags"`
	// SeedData is what databases are filled with besides what users enter.
	SeedData Set[Seed] `json:"seed_data"`
	// Mirrors is what the configuration is a mirror of; see [Diff].
	Mirrors Set[Mirror] `json:"mirrors"`
	// LogMasking removes what is sensitive from logs.
	LogMasking Set[Switch] `json:"log_masking"`
	// HTTPS is for everything that is reachable from outside.
	HTTPS Set[Switch] `json:"https"`
	// SecretsInCode tells whether code or committed files hold secrets.
	SecretsInCode Set[Switch] `json:"secrets_in_code"`
	// Backups tells whether backups are made and verified.
	Backups Set[Switch] `json:"backups"`
	// Monitoring and Alerts tell whether somebody would know.
	Monitoring Set[Switch] `json:"monitoring"`
	Alerts     Set[Switch] `json:"alerts"`
	// Release is about how a new version comes into use.
	Release ReleaseRules `json:"release"`
	// Opaque names the steps made of a Go function, whose content nobody can
	// read or compare before it runs.
	Opaque Allowed `json:"opaque"`
}

// ReleaseRules say what a release has to go through. A set that holds only
// [On] demands it.
type ReleaseRules struct {
	// ZeroDowntime: no client notices the switch to the new version.
	ZeroDowntime Set[Switch] `json:"zero_downtime"`
	// Approval: a person approves before the switch.
	Approval Set[Switch] `json:"approval"`
	// Health: the new version answers for itself before the switch.
	Health Set[Switch] `json:"health"`
	// Watch: after the switch it is watched, and taken back if it fails.
	Watch Set[Switch] `json:"watch"`
	// MigrationBackup: a verified backup is there before a migration that the
	// old version cannot live with, which is one that is not expand-only.
	MigrationBackup Set[Switch] `json:"migration_backup"`
}

// Payments is a mode that payments run in.
type Payments string

// The modes of payments.
const (
	PaymentsOff     Payments = "off"
	PaymentsSandbox Payments = "sandbox" // with the test keys of a provider
	PaymentsLive    Payments = "live"    // real money
)

// Switch is on or off.
type Switch string

// The positions of a Switch.
const (
	Off Switch = "off"
	On  Switch = "on"
)

// Limits is how strict rate limits are.
type Limits string

// The kinds of rate limits.
const (
	LimitsRelaxed Limits = "relaxed"
	LimitsStrict  Limits = "strict"
)

// Seed is what databases are filled with.
type Seed string

// The kinds of seed data.
const (
	SeedNone      Seed = "none"
	SeedGenerated Seed = "generated" // made up by a program
	SeedRealistic Seed = "realistic" // like that of production in size and shape, but of nobody
)

// Mirror is what a configuration is a mirror of.
type Mirror string

// What may be mirrored.
const (
	MirrorsNothing    Mirror = "nothing"
	MirrorsProduction Mirror = "production" // but for declared exceptions
)

// CheckOpaque reports each of the functions that the rules refuse: a joined
// error of [*Violation], or nil.
func (e Environment) CheckOpaque(names ...string) error {
	var errs []error
	for _, name := range names {
		if !e.Rules.Opaque.Has(name) {
			errs = append(errs, &Violation{
				Field: "Rules.Opaque", Rule: "allows the functions that steps are made of", Want: e.Rules.Opaque.describe(), Got: fmt.Sprintf("%q", name),
				Hint: fmt.Sprintf("make it an action that describes itself, or add the name to Rules.Opaque.Names of %s", e.Name),
			})
		}
	}
	return errors.Join(errs...)
}
