package envconfig_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
)

func TestTheThreeEnvironments(t *testing.T) {
	for _, c := range []struct {
		env    envconfig.Environment
		name   string
		tier   envconfig.Tier
		opaque bool
	}{
		{envconfig.Development(), "dev", envconfig.TierDevelopment, true},
		{envconfig.Staging(), "stg", envconfig.TierStaging, true},
		{envconfig.Production(), "prod", envconfig.TierProduction, false},
	} {
		require.NoError(t, c.env.Validate(), c.name)
		require.Equal(t, c.name, c.env.Name)
		require.Equal(t, c.tier, c.env.Tier)
		require.Equal(t, c.opaque, c.env.Rules.Opaque.Has("anything"), c.name)
		require.Equal(t, c.opaque, c.env.CheckOpaque("anything") == nil, c.name)
	}
}

func TestTheConstructorsShareNothing(t *testing.T) {
	one := envconfig.Production()
	one.Rules.Opaque.Names = append(one.Rules.Opaque.Names, "warm-cache")
	require.False(t, envconfig.Production().Rules.Opaque.Has("warm-cache"))
	require.True(t, one.Rules.Opaque.Has("warm-cache"))
	require.False(t, one.Rules.Opaque.Has("warm-cach"))
	require.False(t, one.Rules.Opaque.Has(""))
}

func TestValidate(t *testing.T) {
	prod := envconfig.Production
	for _, c := range []struct {
		name   string
		change func(*envconfig.Environment)
		fields []string
	}{
		{"zero", func(e *envconfig.Environment) { *e = envconfig.Environment{} }, []string{"Environment"}},
		{"rules without an environment", func(e *envconfig.Environment) { e.Name, e.Tier = "", 0 }, []string{"Environment"}},
		{"no name", func(e *envconfig.Environment) { e.Name = "" }, []string{"Name"}},
		{"upper case", func(e *envconfig.Environment) { e.Name = "PROD" }, []string{"Name"}},
		{"a path", func(e *envconfig.Environment) { e.Name = "../prod" }, []string{"Name"}},
		{"a line", func(e *envconfig.Environment) { e.Name = "prod\n" }, []string{"Name"}},
		{"digit first", func(e *envconfig.Environment) { e.Name = "2prod" }, []string{"Name"}},
		{"long", func(e *envconfig.Environment) { e.Name = strings.Repeat("p", 41) }, []string{"Name"}},
		{"no tier", func(e *envconfig.Environment) { e.Tier = 0 }, []string{"Tier"}},
		{"unknown tier", func(e *envconfig.Environment) { e.Tier = 9 }, []string{"Tier"}},
		{"any in production", func(e *envconfig.Environment) { e.Rules.Opaque.Any = true }, []string{"Rules.Opaque.Any"}},
		{"everything", func(e *envconfig.Environment) {
			e.Name, e.Rules.Opaque.Any, e.Rules.Opaque.Names = "P", true, []string{"a", "", "a"}
		}, []string{"Name", "Rules.Opaque", "Rules.Opaque.Names[1]", "Rules.Opaque.Names[2]", "Rules.Opaque.Any"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := prod()
			c.change(&env)
			require.Equal(t, c.fields, fields(t, env.Validate()))
		})
	}
	long := prod()
	long.Name = strings.Repeat("p", 40)
	require.NoError(t, long.Validate())
}

// fields returns the Field of each violation that err joins.
func fields(t *testing.T, err error) []string {
	require.Error(t, err)
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	var out []string
	for _, e := range list {
		var v *envconfig.Violation
		require.True(t, errors.As(e, &v), "%v", e)
		require.NotEmpty(t, v.Rule)
		require.NotEmpty(t, v.Want)
		require.NotEmpty(t, v.Got)
		require.NotEmpty(t, v.Hint, "what to do about %s", v.Field)
		require.NotContains(t, v.Error(), "\n")
		out = append(out, v.Field)
	}
	return out
}

func TestCheckOpaqueNamesEachViolation(t *testing.T) {
	env := envconfig.Production()
	env.Rules.Opaque.Names = []string{"allowed"}
	err := env.CheckOpaque("first", "allowed", "second")
	require.Equal(t, []string{"Rules.Opaque", "Rules.Opaque"}, fields(t, err))
	require.ErrorContains(t, err, `got "first"`)
	require.ErrorContains(t, err, `got "second"`)
	require.ErrorContains(t, err, "prod")
	require.NoError(t, env.CheckOpaque())
}

func TestEnvironmentAsJSON(t *testing.T) {
	env := envconfig.Production()
	env.Rules.Opaque.Names = []string{"warm-cache"}
	raw, err := json.Marshal(env)
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"prod","tier":"production","rules":{
		"payments":["live"], "debug":["off"], "rate_limits":["strict"], "feature_flags":{}, "seed_data":["none"], "mirrors":["nothing"],
		"log_masking":["on"], "https":["on"], "secrets_in_code":["off"], "backups":["on"], "monitoring":["on"], "alerts":["on"],
		"release":{"zero_downtime":["on"], "approval":["on"], "health":["on"], "watch":["on"], "migration_backup":["on"]},
		"opaque":{"names":["warm-cache"]}}}`, string(raw))
	for _, env := range []envconfig.Environment{env, envconfig.Development(), envconfig.Staging()} {
		raw, err := json.Marshal(env)
		require.NoError(t, err)
		var back envconfig.Environment
		require.NoError(t, json.Unmarshal(raw, &back))
		require.Equal(t, env, back)
		require.NoError(t, back.Validate())
	}
	for _, bad := range []string{`{"payments":"live"}`, `{"payments":[1]}`, `{"debug":{"any":true}}`} {
		require.Error(t, json.Unmarshal([]byte(bad), new(envconfig.Rules)), bad)
	}
}

func TestTierText(t *testing.T) {
	for tier, want := range map[envconfig.Tier]string{
		envconfig.TierDevelopment: "development", envconfig.TierStaging: "staging", envconfig.TierProduction: "production",
	} {
		text, err := tier.MarshalText()
		require.NoError(t, err)
		require.Equal(t, want, string(text))
		require.Equal(t, want, tier.String())
		var back envconfig.Tier
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, tier, back)
	}
	for _, tier := range []envconfig.Tier{0, -1, 4} {
		_, err := tier.MarshalText()
		require.Error(t, err)
	}
	require.Equal(t, "unset", envconfig.Tier(0).String())
	require.Equal(t, "Tier(4)", envconfig.Tier(4).String())
	for _, bad := range []string{"", "unset", "Production", "prod", "production ", "development,staging"} {
		tier := envconfig.TierStaging
		require.ErrorContains(t, tier.UnmarshalText([]byte(bad)), "development, staging, production")
		require.Equal(t, envconfig.TierStaging, tier, "a refused text changed the tier")
	}
}
