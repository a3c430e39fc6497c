package envconfig_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
)

// sandboxed is an exemption that lets production take sandbox payments too.
func sandboxed() envconfig.Exemption {
	return envconfig.Exemption{
		Field: "Rules.Payments", Allow: []string{"sandbox"}, By: "Ada", Reason: "the provider moves its servers", Until: time.Now().Add(time.Hour),
	}
}

func TestExempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		prod := envconfig.Production()
		lax, err := prod.Exempt(sandboxed())
		require.NoError(t, err)
		require.True(t, lax.Rules.Payments.Has(envconfig.PaymentsSandbox))
		require.False(t, prod.Rules.Payments.Has(envconfig.PaymentsSandbox), "the environment itself changed")
		require.Empty(t, prod.Exemptions)
		require.NoError(t, lax.Validate())
		s := production()
		s.Payments = envconfig.PaymentsSandbox
		require.NoError(t, lax.Check(s))

		raw, err := json.Marshal(lax)
		require.NoError(t, err)
		require.Contains(t, string(raw), `"exemptions":[{"field":"Rules.Payments","allow":["sandbox"],"by":"Ada","reason":"the provider moves its servers","until":`)
		var back envconfig.Environment
		require.NoError(t, json.Unmarshal(raw, &back))
		require.NoError(t, back.Validate())

		forgotten := lax
		forgotten.Exemptions = nil
		require.Equal(t, []string{"Rules.Payments"}, fields(t, forgotten.Validate()), "without its record the exemption still holds")

		began := time.Now()
		time.Sleep(time.Hour - time.Nanosecond) // of the bubble
		require.NoError(t, lax.Validate())
		time.Sleep(time.Nanosecond)
		require.Equal(t, []string{"Exemptions[0].Until"}, fields(t, lax.Validate()), "it has ended")
		require.Equal(t, []string{"Exemptions[0].Until"}, fields(t, lax.Check(s)))
		require.Error(t, lax.CheckValues(nil))
		require.NoError(t, lax.ValidateAt(began))
		_, err = lax.Derive("prod", lax.Rules)
		require.Error(t, err, "an exemption that has ended was taken along")
	})
}

// TestExemptionsAddUp, each with its own record.
func TestExemptionsAddUp(t *testing.T) {
	one, err := envconfig.Production().Exempt(sandboxed())
	require.NoError(t, err)
	x := sandboxed()
	x.Field, x.Allow = "Rules.Debug", []string{"on"}
	two, err := one.Exempt(x)
	require.NoError(t, err)
	require.Equal(t, []envconfig.Exemption{one.Exemptions[0], x}, two.Exemptions)
	require.Len(t, one.Exemptions, 1)
	require.True(t, two.Rules.Debug.Has(envconfig.On) && two.Rules.Payments.Has(envconfig.PaymentsSandbox))
	two.Exemptions = two.Exemptions[:1]
	require.Equal(t, []string{"Rules.Debug"}, fields(t, two.Validate()))
}

func TestExemptRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*envconfig.Exemption)
		fields []string
	}{
		{"nobody", func(x *envconfig.Exemption) { x.By = " " }, []string{"Exemptions[0].By"}},
		{"no reason", func(x *envconfig.Exemption) { x.Reason = "\t" }, []string{"Exemptions[0].Reason"}},
		{"no end", func(x *envconfig.Exemption) { x.Until = time.Time{} }, []string{"Exemptions[0].Until"}},
		{"ended", func(x *envconfig.Exemption) { x.Until = time.Now().Add(-time.Second) }, []string{"Exemptions[0].Until"}},
		{"unknown rule", func(x *envconfig.Exemption) { x.Field = "Rules.Payment" }, []string{"Exemptions[0].Field"}},
		{"bare rule", func(x *envconfig.Exemption) { x.Field = "Payments" }, []string{"Rules.Payments", "Exemptions[0].Field"}},
		{"names", func(x *envconfig.Exemption) { x.Field = "Rules.Opaque" }, []string{"Exemptions[0].Field"}},
		{"nothing", func(x *envconfig.Exemption) { x.Allow = nil }, []string{"Exemptions[0].Allow"}},
		{"unknown value", func(x *envconfig.Exemption) { x.Allow = []string{"Sandbox"} }, []string{"Rules.Payments", "Exemptions[0].Allow"}},
		{"not needed", func(x *envconfig.Exemption) { x.Allow = []string{"live", "off"} }, []string{"Rules.Payments"}},
		{"secrets in code", func(x *envconfig.Exemption) { x.Field, x.Allow = "Rules.SecretsInCode", []string{"on"} }, []string{"Rules.SecretsInCode", "Exemptions[0].Allow"}},
		{"all at once", func(x *envconfig.Exemption) { *x = envconfig.Exemption{} }, []string{
			"Exemptions[0].Field", "Exemptions[0].Allow", "Exemptions[0].By", "Exemptions[0].Reason", "Exemptions[0].Until",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := sandboxed()
			c.change(&x)
			got, err := envconfig.Production().Exempt(x)
			require.Equal(t, c.fields, fields(t, err))
			require.Equal(t, envconfig.Environment{}, got)
		})
	}
	_, err := envconfig.Environment{}.Exempt(sandboxed())
	require.Equal(t, []string{"Environment"}, fields(t, err))
}

// TestLivePaymentsAreForProduction whatever somebody signs.
func TestLivePaymentsAreForProduction(t *testing.T) {
	for _, env := range []envconfig.Environment{envconfig.Development(), envconfig.Staging()} {
		x := sandboxed()
		x.Allow = []string{"live"}
		_, err := env.Exempt(x)
		require.Equal(t, []string{"Rules.Payments", "Exemptions[0].Allow"}, fields(t, err))
		env.Rules.Payments = envconfig.Allow(envconfig.PaymentsLive)
		env.Exemptions = []envconfig.Exemption{x}
		require.Equal(t, []string{"Rules.Payments", "Exemptions[0].Allow"}, fields(t, env.Validate()), "written by hand")
	}
}
