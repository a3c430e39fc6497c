package envconfig_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
)

func TestDerive(t *testing.T) {
	dev := envconfig.Development()
	rules := dev.Rules
	rules.Payments = envconfig.Allow(envconfig.PaymentsSandbox, envconfig.PaymentsLive)
	rules.Opaque = envconfig.Allowed{Names: []string{"b", "a", "b"}}
	qa, err := dev.Derive("qa-2", rules)
	require.NoError(t, err)
	require.NoError(t, qa.Validate())
	require.Equal(t, "qa-2", qa.Name)
	require.Equal(t, dev.Tier, qa.Tier)
	require.Equal(t, envconfig.Allow(envconfig.PaymentsSandbox), qa.Rules.Payments, "live came with it")
	require.Equal(t, []string{"a", "b"}, qa.Rules.Opaque.Names)
	require.Equal(t, dev.Rules.Debug, qa.Rules.Debug)

	prod := envconfig.Production()
	rules = prod.Rules
	rules.Payments, rules.Release.Watch = envconfig.Allow(envconfig.PaymentsOff, envconfig.PaymentsSandbox), envconfig.Allow(envconfig.Off)
	_, err = prod.Derive("prod-eu", rules)
	require.Equal(t, []string{"Rules.Payments", "Rules.Release.Watch"}, fields(t, err))
	require.ErrorContains(t, err, "Rules.Payments: want some of live, which prod allows, got off or sandbox")

	_, err = prod.Derive("prod-eu", envconfig.Rules{})
	require.Len(t, fields(t, err), len(leaves(reflect.ValueOf(prod.Rules), "")), "the zero rules allow something")
	_, err = prod.Derive("Prod EU", prod.Rules)
	require.Equal(t, []string{"Name"}, fields(t, err))
	_, err = envconfig.Environment{}.Derive("x", prod.Rules)
	require.Equal(t, []string{"Environment"}, fields(t, err))
}

// TestDeriveSharesNothing with what it was made of.
func TestDeriveSharesNothing(t *testing.T) {
	stg := envconfig.Staging()
	rules := stg.Rules
	rules.Opaque = envconfig.Allowed{Names: []string{"a", "b"}}
	one, err := stg.Derive("one", rules)
	require.NoError(t, err)
	one.Rules.Opaque.Names[0] = "z"
	require.Equal(t, []string{"a", "b"}, rules.Opaque.Names)
}

// randomSet returns a set of some texts.
func randomSet(r *rand.Rand) envconfig.Set[envconfig.Payments] {
	var some []envconfig.Payments
	for _, p := range []envconfig.Payments{envconfig.PaymentsOff, envconfig.PaymentsSandbox, envconfig.PaymentsLive, "other", ""} {
		if r.IntN(2) == 0 {
			some = append(some, p)
		}
	}
	r.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	return envconfig.Allow(some...)
}

func TestIntersectionLaws(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		a, b, c := randomSet(r), randomSet(r), randomSet(r)
		both := envconfig.Intersect(a, b)
		require.Equal(t, both, envconfig.Intersect(b, a), "commutative")
		require.Equal(t, envconfig.Intersect(both, c), envconfig.Intersect(a, envconfig.Intersect(b, c)), "associative")
		require.Equal(t, a, envconfig.Intersect(a, a), "idempotent")
		for _, v := range []envconfig.Payments{envconfig.PaymentsOff, envconfig.PaymentsSandbox, envconfig.PaymentsLive, "other", ""} {
			require.Equal(t, a.Has(v) && b.Has(v), both.Has(v), "%q in %q and %q", v, a, b)
		}
	}
}

// randomRules returns rules of which each set holds some of its values, more
// often all.
func randomRules(r *rand.Rand) envconfig.Rules {
	rules := envconfig.Rules{}
	for _, l := range leaves(reflect.ValueOf(&rules).Elem(), "") {
		var texts string
		switch l.value.Interface().(type) {
		case envconfig.Set[envconfig.Payments]:
			texts = pick(r, "off", "sandbox", "live")
		case envconfig.Set[envconfig.Switch]:
			texts = pick(r, "off", "on")
		case envconfig.Set[envconfig.Limits]:
			texts = pick(r, "relaxed", "strict")
		case envconfig.Set[envconfig.Seed]:
			texts = pick(r, "none", "generated", "realistic")
		case envconfig.Set[envconfig.Mirror]:
			texts = pick(r, "nothing", "production")
		}
		l.value.Addr().MethodByName("UnmarshalJSON").Call([]reflect.Value{reflect.ValueOf([]byte(texts))})
	}
	for _, a := range []*envconfig.Allowed{&rules.Opaque, &rules.FeatureFlags} {
		if a.Any = r.IntN(2) == 0; !a.Any {
			for _, n := range []string{"a", "b", "c"} {
				if r.IntN(3) > 0 {
					a.Names = append(a.Names, n)
				}
			}
		}
	}
	return rules
}

// pick returns the JSON of a list of some of the values, more often all.
func pick(r *rand.Rand, values ...string) string {
	values = slices.DeleteFunc(values, func(string) bool { return r.IntN(16) == 0 })
	if len(values) == 0 {
		return "[]"
	}
	return `["` + strings.Join(values, `","`) + `"]`
}

// allows returns everything that an environment allows, as "path=value".
func allows(env envconfig.Environment) map[string]bool {
	out := map[string]bool{}
	for _, l := range leaves(reflect.ValueOf(env.Rules), "") {
		values := l.value.MethodByName("Values").Call(nil)[0]
		for i := range values.Len() {
			out[l.path+"="+values.Index(i).String()] = true
		}
	}
	for _, n := range []string{"a", "b", "c", "d"} {
		out["Opaque="+n], out["FeatureFlags="+n] = env.Rules.Opaque.Has(n), env.Rules.FeatureFlags.Has(n)
	}
	return out
}

// listed tells whether an exemption of env allows the "path=value".
func listed(env envconfig.Environment, what string) bool {
	return slices.ContainsFunc(env.Exemptions, func(x envconfig.Exemption) bool {
		return slices.ContainsFunc(x.Allow, func(a string) bool {
			return "Rules."+what == x.Field+"="+a
		})
	})
}

// TestChainsNeverAllowWhatAParentRefused but for what an exemption lists.
func TestChainsNeverAllowWhatAParentRefused(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	derived, exempted, refused := 0, 0, 0
	for range 300 {
		env := []envconfig.Environment{envconfig.Development(), envconfig.Staging(), envconfig.Production()}[r.IntN(3)]
		for range 6 {
			var next envconfig.Environment
			var err error
			if r.IntN(3) == 0 {
				l := leaves(reflect.ValueOf(env.Rules), "")
				x := sandboxed()
				x.Field, x.Allow = "Rules."+l[r.IntN(len(l))].path, []string{[]string{"off", "on", "sandbox", "live", "relaxed", "generated"}[r.IntN(6)]}
				if next, err = env.Exempt(x); err == nil {
					exempted++
				}
			} else if next, err = env.Derive("next", randomRules(r)); err == nil {
				derived++
			}
			if err != nil {
				refused++
				continue
			}
			require.NoError(t, next.Validate())
			before := allows(env)
			for what, ok := range allows(next) {
				require.False(t, ok && !before[what] && !listed(next, what), "%s appeared in %+v", what, next)
			}
			env = next
		}
	}
	require.Positive(t, derived)
	require.Positive(t, exempted)
	require.Positive(t, refused)
}

// TestTheOrderOfDerivationsMakesNoDifference, and neither does repeating them.
func TestTheOrderOfDerivationsMakesNoDifference(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	compared := 0
	chain := func(rules ...envconfig.Rules) (env envconfig.Environment, err error) {
		env = envconfig.Development()
		for _, one := range rules {
			if env, err = env.Derive("next", one); err != nil {
				return env, err
			}
		}
		return env, nil
	}
	for range 500 {
		a, b := randomRules(r), randomRules(r)
		one, err1 := chain(a, b)
		other, err2 := chain(b, a)
		twice, err3 := chain(a, b, b, a)
		require.Equal(t, err1 == nil, err2 == nil)
		require.Equal(t, err1 == nil, err3 == nil)
		require.Equal(t, one, other)
		require.Equal(t, one, twice)
		if err1 == nil {
			compared++
		}
	}
	require.Positive(t, compared)
}

// TestDeriveKeepsWhatIsLeftOfAnExemption and drops what is not.
func TestDeriveKeepsWhatIsLeftOfAnExemption(t *testing.T) {
	x := sandboxed()
	x.Allow = []string{"off", "sandbox"}
	lax, err := envconfig.Production().Exempt(x)
	require.NoError(t, err)
	rules := lax.Rules
	rules.Payments = envconfig.Allow(envconfig.PaymentsLive, envconfig.PaymentsOff)
	less, err := lax.Derive("less", rules)
	require.NoError(t, err)
	require.Len(t, less.Exemptions, 1)
	require.Equal(t, []string{"off"}, less.Exemptions[0].Allow)
	require.Equal(t, "Ada", less.Exemptions[0].By)
	require.Equal(t, []string{"off", "sandbox"}, lax.Exemptions[0].Allow)
	rules.Payments = envconfig.Allow(envconfig.PaymentsLive)
	strict, err := less.Derive("strict", rules)
	require.NoError(t, err)
	require.Empty(t, strict.Exemptions)
	rules.Payments = envconfig.Allow(envconfig.PaymentsOff)
	strict.Rules.Payments = rules.Payments
	require.Error(t, strict.Validate())
}
