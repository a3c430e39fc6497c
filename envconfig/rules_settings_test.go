package envconfig_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
)

// production returns the settings that production allows, all chosen.
func production() envconfig.Settings {
	return envconfig.Settings{
		Payments: envconfig.PaymentsLive, Debug: envconfig.Off, RateLimits: envconfig.LimitsStrict, SeedData: envconfig.SeedNone, Mirrors: envconfig.MirrorsNothing,
		LogMasking: envconfig.On, HTTPS: envconfig.On, SecretsInCode: envconfig.Off, Backups: envconfig.On, Monitoring: envconfig.On, Alerts: envconfig.On,
		Release: envconfig.ReleaseSettings{ZeroDowntime: envconfig.On, Approval: envconfig.On, Health: envconfig.On, Watch: envconfig.On, MigrationBackup: envconfig.On},
	}
}

// TestEverySettingHasItsRule: the two structs have the same fields, and each
// setting that is left out or is none of the rule is refused by its name.
func TestEverySettingHasItsRule(t *testing.T) {
	prod := envconfig.Production()
	require.NoError(t, prod.Check(production()))
	rules, chosen := leaves(reflect.ValueOf(prod.Rules), ""), leaves(reflect.ValueOf(production()), "")
	require.Len(t, chosen, len(rules))
	for i := range rules {
		require.Equal(t, rules[i].path, chosen[i].path)
		for _, value := range []string{"", "other", "on\noff"} {
			s := production()
			leaves(reflect.ValueOf(&s).Elem(), "")[i].value.SetString(value)
			err := prod.Check(s)
			require.Equal(t, []string{"Settings." + rules[i].path}, fields(t, err), "value %q", value)
		}
	}
	require.Len(t, fields(t, prod.Check(envconfig.Settings{})), len(rules), "not every violation at once")
}

func TestCheckOfSettings(t *testing.T) {
	s := production()
	s.FeatureFlags = []string{"new-checkout"}
	prod := envconfig.Production()
	require.Equal(t, []string{"Settings.FeatureFlags[0]"}, fields(t, prod.Check(s)))
	prod.Rules.FeatureFlags.Names = []string{"new-checkout"}
	require.NoError(t, prod.Check(s))
	require.NoError(t, envconfig.Development().Check(envconfig.Settings{
		Payments: envconfig.PaymentsOff, Debug: envconfig.On, RateLimits: envconfig.LimitsRelaxed, FeatureFlags: []string{"anything"},
		SeedData: envconfig.SeedGenerated, Mirrors: envconfig.MirrorsNothing, LogMasking: envconfig.Off, HTTPS: envconfig.On, SecretsInCode: envconfig.Off,
		Backups: envconfig.Off, Monitoring: envconfig.Off, Alerts: envconfig.Off,
		Release: envconfig.ReleaseSettings{ZeroDowntime: envconfig.Off, Approval: envconfig.Off, Health: envconfig.Off, Watch: envconfig.Off, MigrationBackup: envconfig.Off},
	}))

	s = production()
	s.Payments = envconfig.PaymentsSandbox
	require.EqualError(t, envconfig.Production().Check(s),
		`Settings.Payments: want live, got "sandbox" (rule: is one that prod allows); choose one that is allowed; where that cannot be, see Environment.Exempt`)
	require.Equal(t, []string{"Environment"}, fields(t, envconfig.Environment{}.Check(production())))
	lax := envconfig.Production()
	lax.Rules.Payments = envconfig.Allow(envconfig.PaymentsSandbox)
	require.Equal(t, []string{"Rules.Payments"}, fields(t, lax.Check(s)), "settings were checked against rules that do not hold")
}

// What leaves no choice is chosen, and what the platform says of development.
func TestSettingsOfAnEnvironment(t *testing.T) {
	require.Equal(t, production(), envconfig.Production().Settings())
	stg := envconfig.Staging().Settings()
	require.Equal(t, envconfig.Settings{
		Payments: envconfig.PaymentsSandbox, Debug: envconfig.Off, RateLimits: envconfig.LimitsStrict, SeedData: envconfig.SeedRealistic,
		Mirrors: envconfig.MirrorsProduction, LogMasking: envconfig.On, HTTPS: envconfig.On, SecretsInCode: envconfig.Off,
	}, stg)
	dev := envconfig.Development()
	require.Equal(t, envconfig.Settings{
		Debug: envconfig.On, RateLimits: envconfig.LimitsRelaxed, SeedData: envconfig.SeedGenerated, HTTPS: envconfig.On, SecretsInCode: envconfig.Off,
	}, dev.Settings())
	dev.Rules.Debug, dev.Rules.SeedData = envconfig.Allow(envconfig.Off), envconfig.Allow(envconfig.SeedNone)
	require.Equal(t, envconfig.Off, dev.Settings().Debug)
	require.Equal(t, envconfig.SeedNone, dev.Settings().SeedData)
	require.Empty(t, envconfig.Environment{}.Settings())

	// What an exemption allows besides is a choice, and nobody made it.
	lax, err := envconfig.Production().Exempt(sandboxed())
	require.NoError(t, err)
	require.Empty(t, lax.Settings().Payments)
}

func TestViolations(t *testing.T) {
	require.Empty(t, envconfig.Violations(nil))
	require.Empty(t, envconfig.Violations(errors.New("another")))
	var zero envconfig.Rules
	_, one := envconfig.Production().Derive("x", zero)
	two := &envconfig.Violation{Field: "Two"}
	all := envconfig.Violations(errors.Join(fmt.Errorf("first: %w", one), nil, errors.New("another"), fmt.Errorf("%w and %w", two, two)))
	require.Len(t, all, 18)
	require.Equal(t, "Rules.Payments", all[0].Field)
	require.Equal(t, two, all[17])
}
