package envconfig_test

import (
	"errors"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/envconfig/dotenv"
	"github.com/masaruk/devops/secrets"
)

type pool struct {
	Min    int           `env:"MIN" default:"1"`
	Max    int           `env:"MAX" default:"5"`
	Secret secrets.Value `env:"SECRET,optional"`
}

func (p pool) Validate() error {
	if p.Min > p.Max {
		return errors.Join(errors.New("MIN is above MAX"), errors.New("secret is "+p.Secret.Reveal()+"."))
	}
	return nil
}

type Base struct {
	Limit int `env:"LIMIT" default:"1"`
}

func (b *Base) Validate() error {
	if b.Limit > 1 {
		return errors.New("LIMIT is above 1")
	}
	return nil
}

type withBase struct {
	Base
	Inner struct {
		Base
		Own int `env:"OWN" default:"1"`
	} `env:"INNER"`
}

type withPool struct {
	pool
	Pool pool   `env:"POOL"`
	More []pool `env:"MORE,optional"`
}

func TestValidateMethod(t *testing.T) {
	_, err := load[withPool](t, nil)
	require.NoError(t, err)
	_, err = load[withPool](t, map[string]string{"POOL_MIN": "9", "POOL_SECRET": "hunter22", "MORE_0_MIN": "7", "MIN": "9", "SECRET": "abc"})
	require.Equal(t, []string{
		"Pool: passes its method Validate", "Pool: passes its method Validate", "More[0]: passes its method Validate", "More[0]: passes its method Validate",
		"envconfig_test.withPool: passes its method Validate", "envconfig_test.withPool: passes its method Validate",
	}, rules(t, err))
	require.NotContains(t, err.Error(), "hunter22")
	require.NotContains(t, err.Error(), "abc", "a secret too short to remove takes the text with it")

	// The method of an embedded struct is that of the outer one too.
	_, err = load[withBase](t, map[string]string{"LIMIT": "2", "INNER_LIMIT": "2"})
	require.Equal(t, []string{"Base: passes its method Validate", "Inner.Base: passes its method Validate"}, rules(t, err))

	// A struct is not asked about fields that were not loaded.
	_, err = load[withPool](t, map[string]string{"POOL_MIN": "9", "POOL_MAX": "x"})
	require.Equal(t, []string{"POOL_MAX Pool.Max: is a whole number of 64 bits"}, rules(t, err))
}

func TestEnvironmentJudgesValues(t *testing.T) {
	type config struct {
		Key  secrets.Value `env:"STRIPE_KEY"`
		URL  url.URL       `env:"PUBLIC_URL"`
		Mode string        `env:"NODE_ENV" default:"development"`
		Port int           `env:"PORT"`
	}
	fake := "sk_" + "test_" + "kanaryQWZXJK0123"
	load := func(env envconfig.Environment) error {
		_, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Environment: &env, Inputs: []envconfig.Input{
			envconfig.FromText(".env", "STRIPE_KEY="+fake+"\nPUBLIC_URL=http://api.example.com\nPORT=x\n", dotenv.Node, nil),
		}})
		return err
	}
	err := load(envconfig.Production())
	absent(t, err, "rules")
	var at []string
	for _, p := range envconfig.Problems(err) {
		at = append(at, p.Variable+" "+p.Field+" "+p.Origin.String())
	}
	require.ElementsMatch(t, []string{"PORT Port .env:3", "STRIPE_KEY Key .env:1", "PUBLIC_URL URL .env:2", "NODE_ENV Mode default"}, at)
	require.ErrorContains(t, load(envconfig.Environment{}), "LoadOptions.Environment")

	l, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{
		envconfig.FromMap("m", map[string]string{"STRIPE_KEY": fake, "PUBLIC_URL": "https://x.example.com", "PORT": "1", "NODE_ENV": "production"}),
	}})
	require.NoError(t, err)
	require.Len(t, l.Variables(), 4)
	require.NoError(t, envconfig.Staging().CheckValues(l.Variables()))
	require.Error(t, envconfig.Production().CheckValues(l.Variables()))
}

// An exemption may end between two loads of one Loader.
func TestAnExemptionEndsBetweenLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lax, err := envconfig.Staging().Exempt(envconfig.Exemption{
			Field: "Rules.Debug", Allow: []string{"on"}, By: "Ada", Reason: "incident 42", Until: time.Now().Add(time.Hour),
		})
		require.NoError(t, err)
		l, err := envconfig.NewLoader[hostConfig](&envconfig.LoadOptions{
			Environment: &lax, Inputs: []envconfig.Input{envconfig.FromText(".env", "NAME=x\nDEBUG=1\n", dotenv.Node, nil)},
		})
		require.NoError(t, err)
		_, err = l.Load(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Hour) // of the bubble's clock
		_, err = l.Load(t.Context())
		require.ErrorContains(t, err, "has not ended")
	})
}
