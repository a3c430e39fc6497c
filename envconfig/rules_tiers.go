package envconfig

import (
	"fmt"
	"slices"
)

// tierRules returns the rules that the platform has for a tier. They are the
// most that an environment of the tier may allow without an [Exemption].
func tierRules(t Tier) Rules {
	free, on, off := Allow(Off, On), Allow(On), Allow(Off)
	r := Rules{
		Payments: Allow(PaymentsOff, PaymentsSandbox), Debug: free, RateLimits: Allow(LimitsRelaxed, LimitsStrict),
		FeatureFlags: Allowed{Any: true}, SeedData: Allow(SeedNone, SeedGenerated), Mirrors: Allow(MirrorsNothing, MirrorsProduction),
		LogMasking: free, HTTPS: on, SecretsInCode: off, Backups: free, Monitoring: free, Alerts: free,
		Release: ReleaseRules{ZeroDowntime: free, Approval: free, Health: free, Watch: free, MigrationBackup: free},
		Opaque:  Allowed{Any: true},
	}
	switch t {
	case TierDevelopment:
	case TierStaging:
		r.Payments, r.Debug, r.RateLimits = Allow(PaymentsSandbox), off, Allow(LimitsStrict)
		r.FeatureFlags, r.SeedData, r.Mirrors, r.LogMasking = Allowed{}, Allow(SeedRealistic), Allow(MirrorsProduction), on
	case TierProduction:
		r.Payments, r.Debug, r.RateLimits = Allow(PaymentsLive), off, Allow(LimitsStrict)
		r.FeatureFlags, r.SeedData, r.Mirrors, r.LogMasking = Allowed{}, Allow(SeedNone), Allow(MirrorsNothing), on
		r.Backups, r.Monitoring, r.Alerts, r.Opaque = on, on, on, Allowed{}
		r.Release = ReleaseRules{ZeroDowntime: on, Approval: on, Health: on, Watch: on, MigrationBackup: on}
	default:
		return Rules{}
	}
	return r
}

// never returns the members that no exemption brings into a rule: real money
// outside of production, and secrets in code.
func never(t Tier, rule string) string {
	switch {
	case rule == "Payments" && t != TierProduction:
		return Allow(PaymentsLive).members
	case rule == "SecretsInCode":
		return Allow(On).members
	}
	return ""
}

// ruleSet is one of the rules that are a Set.
type ruleSet struct {
	name    string  // path below Rules
	members *string // of the Set
	known   string  // all there are
}

// sets returns all of r that are a Set, to read and to change.
func (r *Rules) sets() []ruleSet {
	switches := Allow(Off, On).members
	return []ruleSet{
		{"Payments", &r.Payments.members, Allow(PaymentsOff, PaymentsSandbox, PaymentsLive).members},
		{"Debug", &r.Debug.members, switches},
		{"RateLimits", &r.RateLimits.members, Allow(LimitsRelaxed, LimitsStrict).members},
		{"SeedData", &r.SeedData.members, Allow(SeedNone, SeedGenerated, SeedRealistic).members},
		{"Mirrors", &r.Mirrors.members, Allow(MirrorsNothing, MirrorsProduction).members},
		{"LogMasking", &r.LogMasking.members, switches},
		{"HTTPS", &r.HTTPS.members, switches},
		{"SecretsInCode", &r.SecretsInCode.members, switches},
		{"Backups", &r.Backups.members, switches},
		{"Monitoring", &r.Monitoring.members, switches},
		{"Alerts", &r.Alerts.members, switches},
		{"Release.ZeroDowntime", &r.Release.ZeroDowntime.members, switches},
		{"Release.Approval", &r.Release.Approval.members, switches},
		{"Release.Health", &r.Release.Health.members, switches},
		{"Release.Watch", &r.Release.Watch.members, switches},
		{"Release.MigrationBackup", &r.Release.MigrationBackup.members, switches},
	}
}

// set returns the rule of that path below Rules, such as "Payments".
func (r *Rules) set(name string) (ruleSet, bool) {
	all := r.sets()
	i := slices.IndexFunc(all, func(s ruleSet) bool { return s.name == name })
	if i < 0 {
		return ruleSet{}, false
	}
	return all[i], true
}

// validateRules tells what is wrong with the rules, and where they are laxer
// than the tier and the exemptions let them be.
func (e Environment) validateRules() []error {
	var errs []error
	most := tierRules(e.Tier)
	for i, s := range e.Rules.sets() {
		field := "Rules." + s.name
		if *s.members == "" {
			errs = append(errs, &Violation{
				Field: field, Rule: "allows something", Want: "one or more of " + describeMembers(s.known), Got: "the empty set",
				Hint: "begin with the rules of envconfig.Development(), envconfig.Staging() or envconfig.Production()",
			})
			continue
		}
		if unknown := without(*s.members, s.known); unknown != "" {
			errs = append(errs, &Violation{
				Field: field, Rule: "holds known values", Want: "some of " + describeMembers(s.known), Got: fmt.Sprintf("%.80q", split(unknown)),
				Hint: "use the constants of this package",
			})
			continue
		}
		may := union(*most.sets()[i].members, e.exempted(s.name))
		if more := without(*s.members, may); more != "" && e.Tier.known() {
			errs = append(errs, &Violation{
				Field: field, Rule: "is no laxer than the " + e.Tier.String() + " tier", Want: "nothing but " + describeMembers(may), Got: describeMembers(more) + " as well",
				Hint: "take it out; where it must be, Exempt records who allows it, why and until when",
			})
		}
	}
	errs = append(errs, e.Rules.FeatureFlags.validate("Rules.FeatureFlags", e.Tier, e.Tier >= TierStaging)...)
	return append(errs, e.Rules.Opaque.validate("Rules.Opaque", e.Tier, e.Tier == TierProduction)...)
}
