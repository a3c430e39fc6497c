package envconfig_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
)

// leaf is one rule or setting, found by reflection, so that none is forgotten.
type leaf struct {
	path  string
	value reflect.Value
}

// leaves returns the fields of a struct and of those in it, but for the sets of
// names that users make up.
func leaves(v reflect.Value, prefix string) []leaf {
	var out []leaf
	for i := range v.NumField() {
		path, f := prefix+v.Type().Field(i).Name, v.Field(i)
		switch {
		case strings.HasPrefix(v.Type().Field(i).Name, "Release"):
			out = append(out, leaves(f, path+".")...)
		case f.Type() != reflect.TypeFor[envconfig.Allowed]() && f.Kind() != reflect.Slice:
			out = append(out, leaf{path, f})
		}
	}
	return out
}

// TestTheTiersAreThoseOfThePlatform writes them down once more.
func TestTheTiersAreThoseOfThePlatform(t *testing.T) {
	free := "off or on"
	want := map[string][3]string{
		"Payments":                {"off or sandbox", "sandbox", "live"},
		"Debug":                   {free, "off", "off"},
		"RateLimits":              {"relaxed or strict", "strict", "strict"},
		"SeedData":                {"generated or none", "realistic", "none"},
		"Mirrors":                 {"nothing or production", "production", "nothing"},
		"LogMasking":              {free, "on", "on"},
		"HTTPS":                   {"on", "on", "on"},
		"SecretsInCode":           {"off", "off", "off"},
		"Backups":                 {free, free, "on"},
		"Monitoring":              {free, free, "on"},
		"Alerts":                  {free, free, "on"},
		"Release.ZeroDowntime":    {free, free, "on"},
		"Release.Approval":        {free, free, "on"},
		"Release.Health":          {free, free, "on"},
		"Release.Watch":           {free, free, "on"},
		"Release.MigrationBackup": {free, free, "on"},
	}
	for i, env := range []envconfig.Environment{envconfig.Development(), envconfig.Staging(), envconfig.Production()} {
		require.NoError(t, env.Validate())
		got := map[string]string{}
		for _, l := range leaves(reflect.ValueOf(env.Rules), "") {
			got[l.path] = l.value.MethodByName("String").Call(nil)[0].String()
		}
		require.Len(t, got, len(want))
		for path, w := range want {
			require.Equal(t, w[i], got[path], "%s of %s", path, env.Name)
		}
		require.Equal(t, i == 0, env.Rules.FeatureFlags.Any)
		require.Empty(t, env.Rules.FeatureFlags.Names)
	}
}

// TestEveryRuleIsChecked takes each rule by reflection: an empty set, an
// unknown value and a laxer set are refused, by name, in each tier.
func TestEveryRuleIsChecked(t *testing.T) {
	for _, env := range []envconfig.Environment{envconfig.Development(), envconfig.Staging(), envconfig.Production()} {
		for i, l := range leaves(reflect.ValueOf(env.Rules), "") {
			set := func(json string) error {
				e := env
				target := leaves(reflect.ValueOf(&e.Rules).Elem(), "")[i].value.Addr()
				unmarshal := target.MethodByName("UnmarshalJSON")
				require.True(t, unmarshal.Call([]reflect.Value{reflect.ValueOf([]byte(json))})[0].IsNil())
				return e.Validate()
			}
			field := "Rules." + l.path
			for _, c := range []struct{ json, rule string }{{`[]`, "allows something"}, {`["On"]`, "holds known values"}, {`["on\n","live"]`, "holds known values"}} {
				err := set(c.json)
				require.Equal(t, []string{field}, fields(t, err), "%s in %s", c.json, env.Name)
				require.ErrorContains(t, err, c.rule)
			}
			for _, all := range []string{`["off","on"]`, `["off","sandbox","live"]`, `["relaxed","strict"]`, `["none","generated","realistic"]`, `["nothing","production"]`} {
				if err := set(all); err != nil && !strings.Contains(err.Error(), "holds known values") {
					require.Equal(t, []string{field}, fields(t, err))
					require.ErrorContains(t, err, "is no laxer than the "+env.Tier.String()+" tier")
				} else if err == nil {
					require.Equal(t, len(strings.Split(all, ",")), l.value.MethodByName("Values").Call(nil)[0].Len(), "%s of %s was widened in silence", l.path, env.Name)
				}
			}
		}
	}
}

// TestNoTierIsLaxerByHand edits the rules of an environment as a program could.
func TestNoTierIsLaxerByHand(t *testing.T) {
	prod := envconfig.Production()
	prod.Rules.Payments = envconfig.Allow(envconfig.PaymentsLive, envconfig.PaymentsSandbox)
	require.EqualError(t, prod.Validate(), "Rules.Payments: want nothing but live, got sandbox as well (rule: is no laxer than the production tier); "+
		"take it out; where it must be, Exempt records who allows it, why and until when")
	dev := envconfig.Development()
	dev.Rules.Payments = envconfig.Allow(envconfig.PaymentsLive)
	require.Equal(t, []string{"Rules.Payments"}, fields(t, dev.Validate()))
	relabelled := envconfig.Development()
	relabelled.Tier = envconfig.TierProduction
	require.Equal(t, []string{
		"Rules.Payments", "Rules.Debug", "Rules.RateLimits", "Rules.SeedData", "Rules.Mirrors", "Rules.LogMasking", "Rules.Backups", "Rules.Monitoring", "Rules.Alerts",
		"Rules.Release.ZeroDowntime", "Rules.Release.Approval", "Rules.Release.Health", "Rules.Release.Watch", "Rules.Release.MigrationBackup",
		"Rules.FeatureFlags.Any", "Rules.Opaque.Any",
	}, fields(t, relabelled.Validate()))
	stg := envconfig.Staging()
	stg.Rules.FeatureFlags = envconfig.Allowed{Any: true}
	require.Equal(t, []string{"Rules.FeatureFlags.Any"}, fields(t, stg.Validate()))
	stg.Rules.FeatureFlags = envconfig.Allowed{Names: []string{"new-checkout"}}
	require.NoError(t, stg.Validate())
}

func TestSet(t *testing.T) {
	s := envconfig.Allow(envconfig.PaymentsSandbox, envconfig.PaymentsOff, envconfig.PaymentsSandbox)
	require.Equal(t, envconfig.Allow(envconfig.PaymentsOff, envconfig.PaymentsSandbox), s)
	require.True(t, s == envconfig.Allow(envconfig.PaymentsOff, envconfig.PaymentsSandbox), "sets of the same values are not equal")
	require.Equal(t, []envconfig.Payments{envconfig.PaymentsOff, envconfig.PaymentsSandbox}, s.Values())
	require.True(t, s.Has(envconfig.PaymentsOff))
	require.False(t, s.Has(envconfig.PaymentsLive))
	require.False(t, s.Has(""))
	require.False(t, s.Has("off\nsandbox"))
	require.Equal(t, "off or sandbox", s.String())
	var zero envconfig.Set[envconfig.Payments]
	require.True(t, zero.IsZero())
	require.False(t, zero.Has(""), "the zero set allows something")
	require.Equal(t, "nothing", zero.String())
	require.Empty(t, zero.Values())
	raw, err := zero.MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, "[]", string(raw))
	one := envconfig.Allow(envconfig.Payments("off\nlive"))
	require.False(t, one.Has(envconfig.PaymentsLive), "a line feed made two values of one")
	require.Len(t, one.Values(), 1)
	require.True(t, envconfig.Allow(envconfig.Payments("")).Has(""))
	require.False(t, envconfig.Allow(envconfig.Payments("")).IsZero())
}
