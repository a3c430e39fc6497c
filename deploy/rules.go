package deploy

import (
	"fmt"

	"github.com/masaruk/devops/envconfig"
)

// validateRules checks the kinds of the steps against what the environment
// demands of a release. It believes the plan that a step is what its Kind says:
// that is for those who approve it.
func (p Plan) validateRules() []error {
	rules, index := p.Env.Rules.Release, p.index()
	demands := func(s envconfig.Set[envconfig.Switch]) bool { return s.Has(envconfig.On) && !s.Has(envconfig.Off) }
	var errs []error
	breach := func(i int, rule, want, hint string) {
		errs = append(errs, &envconfig.Violation{
			Field: fmt.Sprintf("Steps[%d] %q", i, p.Steps[i].Name), Rule: "Rules.Release." + rule + " of " + p.Env.Name,
			Want: want, Got: "none", Hint: hint,
		})
	}
	for i, s := range p.Steps {
		before := func(kind Kind) bool {
			return p.hasKind(kind, s.When, func(j int) bool { return p.waitsFor(i, j, index) })
		}
		after := func(kind Kind) bool {
			return p.hasKind(kind, s.When, func(j int) bool { return p.waitsFor(j, i, index) })
		}
		if s.Kind == KindMigrate && !s.ExpandOnly && demands(rules.MigrationBackup) && !before(KindBackup) {
			breach(i, "MigrationBackup", "a step of kind backup before a migration that the old release cannot live with",
				"add one that the migration needs, or set ExpandOnly where the migration only adds")
		}
		if s.Kind != KindSwitch {
			continue
		}
		if demands(rules.Approval) && !before(KindApproval) {
			breach(i, "Approval", "a step of kind approval before the switch", "add one that the switch needs")
		}
		if demands(rules.Health) && !before(KindHealth) && !after(KindHealth) {
			breach(i, "Health", "a step of kind health before or after the switch", "add one, such as deploy.Health")
		}
		if demands(rules.Watch) && !after(KindWatch) {
			breach(i, "Watch", "a step of kind watch after the switch", "add one that needs the switch, such as deploy.Watch")
		}
		if demands(rules.ZeroDowntime) && p.Availability == nil {
			breach(i, "ZeroDowntime", "failed requests counted from the first step to the last", "set Availability to the public address")
		}
	}
	return errs
}

// hasKind tells whether a step of the kind is among those that where picks. One
// with a condition counts only for a step with the same.
func (p Plan) hasKind(kind Kind, when *When, where func(i int) bool) bool {
	for i, s := range p.Steps {
		if sure := s.When == nil || when != nil && *when == *s.When; s.Kind == kind && sure && where(i) {
			return true
		}
	}
	return false
}
