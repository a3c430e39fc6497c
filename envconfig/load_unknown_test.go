package envconfig_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/envconfig/dotenv"
)

type poolConfig struct {
	Host string `env:"HOST,file" default:"h"`
	Pool struct {
		MaxOpen int `env:"MAX_OPEN" default:"1"`
		MaxIdle int `env:"MAX_IDLE"`
	} `env:"POOL"`
	Hosts []hostConfig `env:"HOSTS,optional"`
}

func TestUnknownVariables(t *testing.T) {
	for _, c := range []struct {
		name, rule, fix string
	}{
		{"DB_POOL_MAX_OPEN", "", ""},
		{"DB_HOST_FILE", "is given in one way", ""},
		{"DB_HOSTS_0_PORT", "", ""},
		{"HOST", "", ""},
		{"OTHER", "", ""},
		{"DB_POOL_MAX_OPNE", "is a variable that a field has", "did you mean DB_POOL_MAX_OPEN?"},
		{"DB_POOL_MAXOPEN", "is a variable that a field has", "did you mean DB_POOL_MAX_OPEN?"},
		{"db_pool_max_open", "is a variable that a field has", "did you mean DB_POOL_MAX_OPEN?"},
		{"DB_HOTS", "is a variable that a field has", "did you mean DB_HOST?"},
		{"DB_HOST_FIEL", "is a variable that a field has", "did you mean DB_HOST_FILE?"},
		{"DB_SOMETHING_ELSE", "is a variable that a field has", "remove it, or list it"},
		{"DB_HOSTS_00_PORT", "is a variable that a field has", "remove it"},
		{"DB_HOSTS_1_PROT", "is a variable that a field has", "remove it"},
		{"BD_POOL_MAX_OPEN", "is a variable that a field has", "did you mean DB_POOL_MAX_OPEN?"},
		{"DBB_POOL_MAX_OPEN", "is a variable that a field has", "did you mean DB_POOL_MAX_OPEN?"},
		{"DBPOOL_MAX_OPEN", "is a variable that a field has", "did you mean DB_POOL_MAX_OPEN?"},
		// The one that it looks like is set, so it is another.
		{"XB_POOL_MAX_IDLE", "", ""},
		{"DB_IGNORED", "", ""},
	} {
		variables := map[string]string{"DB_POOL_MAX_IDLE": "1", "DB_HOST": "h", "DB_HOSTS_0_NAME": "x"}
		if c.name == "DB_HOTS" || c.name == "DB_HOST_FIEL" {
			delete(variables, "DB_HOST")
		}
		variables[c.name] = "80"
		_, err := envconfig.Load[poolConfig](t.Context(), &envconfig.LoadOptions{
			Prefix: "DB", Ignore: []string{"DB_IGNORED"}, Inputs: []envconfig.Input{envconfig.FromMap("m", variables)},
		})
		if c.rule == "" {
			require.NoError(t, err, c.name)
			continue
		}
		require.Error(t, err, c.name)
		p := envconfig.Problems(err)
		require.Len(t, p, 1, "%v", err)
		require.Equal(t, c.rule, p[0].Rule)
		require.Contains(t, p[0].Fix, c.fix, c.name)
		require.Equal(t, "m", p[0].Origin.Input)
	}
}

// A required variable that is missing names what may be meant to be it, also
// where nothing is owned.
func TestMissingVariableNamesItsLookalike(t *testing.T) {
	_, err := load[poolConfig](t, map[string]string{"POOL_MAX_IDEL": "1", "POOL_MAX_OPEN": "1"})
	require.Equal(t, []string{"POOL_MAX_IDLE Pool.MaxIdle: is set"}, rules(t, err))
	require.Contains(t, envconfig.Problems(err)[0].Fix, "POOL_MAX_IDEL from test looks like it")
	_, err = load[poolConfig](t, map[string]string{"POOL_MAX_OPEN": "1"})
	require.NotContains(t, err.Error(), "looks like")
}

func TestClosedFile(t *testing.T) {
	text := "POOL_MAX_IDLE=1\nPOOL_MAX_OPNE=2\nHOME=x\n"
	opts := func(closed bool) *envconfig.LoadOptions {
		return &envconfig.LoadOptions{Inputs: []envconfig.Input{
			envconfig.FromMap("m", map[string]string{"WHATEVER": "x"}), envconfig.FromText(".env", text, dotenv.Node, &envconfig.FileOptions{Closed: closed}),
		}}
	}
	_, err := envconfig.Load[poolConfig](t.Context(), opts(false))
	require.NoError(t, err)
	_, err = envconfig.Load[poolConfig](t.Context(), opts(true))
	require.Equal(t, []string{"HOME: is a variable that a field has", "POOL_MAX_OPNE: is a variable that a field has"}, rules(t, err))
	require.Equal(t, envconfig.Origin{Input: ".env", Line: 2}, envconfig.Problems(err)[1].Origin)
	require.Contains(t, envconfig.Problems(err)[1].Fix, "POOL_MAX_OPEN")
}

// A line of a value that lacks quotes looks like a variable.
func TestAPieceOfAValueIsNotNamed(t *testing.T) {
	_, err := envconfig.Load[poolConfig](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{
		envconfig.FromText(".env", "POOL_MAX_IDLE=1\nHOST=a\nkanaryQWZXJK==\n", dotenv.Node, &envconfig.FileOptions{Closed: true}),
	}})
	absent(t, err, "a closed file")
	require.Equal(t, 3, envconfig.Problems(err)[0].Origin.Line)
}

func TestOwnedWithoutPrefix(t *testing.T) {
	variables := map[string]string{"POOL_MAX_IDLE": "1", "POOL_X": "1", "HOST_X": "1"}
	before := maps.Clone(variables)
	_, err := envconfig.Load[poolConfig](t.Context(), &envconfig.LoadOptions{
		Owned: []string{"POOL_"}, Inputs: []envconfig.Input{envconfig.FromMap("m", variables), envconfig.FromProcess()},
	})
	require.Equal(t, []string{"POOL_X: is a variable that a field has"}, rules(t, err))
	require.Equal(t, before, variables)
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"A", "", 1}, {"", "AB", 2}, {"ABC", "abc", 0}, {"ABC", "ACB", 1}, {"ABC", "CA", 3}, {"KITTEN", "SITTING", 3}, {"DB_URL", "BD_URL", 1},
	} {
		require.Equal(t, c.want, envconfig.Distance(c.a, c.b), "%s %s", c.a, c.b)
		require.Equal(t, c.want, envconfig.Distance(c.b, c.a), "%s %s", c.b, c.a)
	}
}
