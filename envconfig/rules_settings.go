package envconfig

import (
	"errors"
	"fmt"
	"slices"
)

// Settings are the choices that were made for one environment, to be checked
// against its [Rules]. A field that is not chosen is refused, but for the
// flags, of which none is on.
type Settings struct {
	Payments      Payments        `json:"payments"`
	Debug         Switch          `json:"debug"`
	RateLimits    Limits          `json:"rate_limits"`
	FeatureFlags  []string        `json:"feature_flags,omitempty"` // those that are on
	SeedData      Seed            `json:"seed_data"`
	Mirrors       Mirror          `json:"mirrors"`
	LogMasking    Switch          `json:"log_masking"`
	HTTPS         Switch          `json:"https"`
	SecretsInCode Switch          `json:"secrets_in_code"`
	Backups       Switch          `json:"backups"`
	Monitoring    Switch          `json:"monitoring"`
	Alerts        Switch          `json:"alerts"`
	Release       ReleaseSettings `json:"release"`
}

// ReleaseSettings are what releases go through; see [ReleaseRules].
type ReleaseSettings struct {
	ZeroDowntime    Switch `json:"zero_downtime"`
	Approval        Switch `json:"approval"`
	Health          Switch `json:"health"`
	Watch           Switch `json:"watch"`
	MigrationBackup Switch `json:"migration_backup"`
}

// Settings returns what there is no choice about, to be filled in with what the
// program chose: the value of each rule that allows only one, and of the others
// what the platform names for the development tier (debug logs, relaxed rate
// limits, generated seed data). Nothing is chosen in a field that is left empty.
//
// A setting says what is so. To take one from here means to promise it, such as
// backups in production.
func (e Environment) Settings() Settings {
	r := &e.Rules
	s := Settings{
		Payments: sole(r.Payments), Debug: sole(r.Debug), RateLimits: sole(r.RateLimits), SeedData: sole(r.SeedData), Mirrors: sole(r.Mirrors),
		LogMasking: sole(r.LogMasking), HTTPS: sole(r.HTTPS), SecretsInCode: sole(r.SecretsInCode), Backups: sole(r.Backups),
		Monitoring: sole(r.Monitoring), Alerts: sole(r.Alerts),
		Release: ReleaseSettings{
			ZeroDowntime: sole(r.Release.ZeroDowntime), Approval: sole(r.Release.Approval), Health: sole(r.Release.Health),
			Watch: sole(r.Release.Watch), MigrationBackup: sole(r.Release.MigrationBackup),
		},
	}
	if e.Tier == TierDevelopment {
		s.Debug, s.RateLimits, s.SeedData = prefer(On, r.Debug), prefer(LimitsRelaxed, r.RateLimits), prefer(SeedGenerated, r.SeedData)
	}
	return s
}

// sole returns the member of a set that has one, or "".
func sole[T ~string](s Set[T]) T {
	if members := split(s.members); len(members) == 1 {
		return T(members[0])
	}
	return ""
}

// prefer returns word if the rule allows it, and its only member or "" if not.
func prefer[T ~string](word T, rule Set[T]) T {
	if rule.Has(word) {
		return word
	}
	return sole(rule)
}

// chosen returns the settings by the path of their rule below Rules.
func (s Settings) chosen() map[string]string {
	return map[string]string{
		"Payments": string(s.Payments), "Debug": string(s.Debug), "RateLimits": string(s.RateLimits),
		"SeedData": string(s.SeedData), "Mirrors": string(s.Mirrors), "LogMasking": string(s.LogMasking),
		"HTTPS": string(s.HTTPS), "SecretsInCode": string(s.SecretsInCode), "Backups": string(s.Backups),
		"Monitoring": string(s.Monitoring), "Alerts": string(s.Alerts),
		"Release.ZeroDowntime": string(s.Release.ZeroDowntime), "Release.Approval": string(s.Release.Approval),
		"Release.Health": string(s.Release.Health), "Release.Watch": string(s.Release.Watch),
		"Release.MigrationBackup": string(s.Release.MigrationBackup),
	}
}

// Check reports each setting that the rules of e refuse, and what is wrong
// with e itself: a joined error of [*Violation], or nil.
func (e Environment) Check(s Settings) error {
	if err := e.Validate(); err != nil {
		return err // its rules say nothing
	}
	var errs []error
	chosen := s.chosen()
	for _, rule := range e.Rules.sets() {
		got := chosen[rule.name]
		if slices.Contains(split(*rule.members), got) {
			continue
		}
		v := &Violation{
			Field: "Settings." + rule.name, Rule: "is one that " + e.Name + " allows", Want: describeMembers(*rule.members), Got: fmt.Sprintf("%.40q", got),
			Hint: "choose one that is allowed; where that cannot be, see Environment.Exempt",
		}
		if got == "" {
			v.Got, v.Hint = "nothing", "choose one"
		}
		errs = append(errs, v)
	}
	for i, flag := range s.FeatureFlags {
		if !e.Rules.FeatureFlags.Has(flag) {
			errs = append(errs, &Violation{
				Field: fmt.Sprintf("Settings.FeatureFlags[%d]", i), Rule: "is one that " + e.Name + " allows", Want: e.Rules.FeatureFlags.describe(), Got: fmt.Sprintf("%.80q", flag),
				Hint: fmt.Sprintf("turn it off, or add the name to Rules.FeatureFlags.Names of %s", e.Name),
			})
		}
	}
	return errors.Join(errs...)
}
