package envconfig_test

import (
	"fmt"
	"maps"
	"strings"
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

// What no field has is judged all the same where it is this program's: in a file
// or under an owned beginning, unless something else takes its place.
func TestValuesOfUnknownVariablesAreJudged(t *testing.T) {
	stg := envconfig.Staging()
	for _, c := range []struct {
		name, value, at string
	}{
		{"STRIPE_KEY", "sk_" + "live_kanaryQWZXJK", "STRIPE_KEY .env:2"},
		{"STRIPE_KEY", "sk_" + "test_kanaryQWZXJK", ""},
		{"stripe_key", "sk_" + "live_kanaryQWZXJK", " .env:2"},
		{"NODE_OPTIONS", "--inspect", "NODE_OPTIONS .env:2"},
		{"NODE_TLS_REJECT_UNAUTHORIZED", "0", "NODE_TLS_REJECT_UNAUTHORIZED .env:2"},
		{"OF_SOMEBODY", "http://example.com", ""},
		{"TAKEN", "http://example.com", ""},
	} {
		_, err := envconfig.Load[hostConfig](t.Context(), &envconfig.LoadOptions{
			Environment: &stg, Ignore: []string{"OF_SOMEBODY"},
			Inputs: []envconfig.Input{
				envconfig.FromMap("m", map[string]string{"NAME": "x", "TAKEN": "https://example.com", "PROXY": "http://example.com"}),
				envconfig.FromText(".env", "NAME=y\n"+c.name+"="+c.value+"\n", dotenv.Node, nil),
			},
		})
		if c.at == "" {
			require.NoError(t, err, c.name)
			continue
		}
		absent(t, err, c.name)
		require.Len(t, envconfig.Problems(err), 1, c.name)
		require.Equal(t, c.at, envconfig.Problems(err)[0].Variable+" "+envconfig.Problems(err)[0].Origin.String())
	}
	file := func(name string) envconfig.Input {
		return envconfig.FromText(name, "NAME=x\nSTRIPE_KEY=sk_live_1\n", dotenv.Node, nil)
	}
	_, err := envconfig.Load[hostConfig](t.Context(), &envconfig.LoadOptions{Environment: &stg, Inputs: []envconfig.Input{file("a"), file("b")}})
	require.Len(t, envconfig.Problems(err), 1)
	require.Equal(t, "a:2", envconfig.Problems(err)[0].Origin.String())
	_, err = envconfig.Load[hostConfig](t.Context(), &envconfig.LoadOptions{
		Environment: &stg, Owned: []string{"APP_"},
		Inputs: []envconfig.Input{envconfig.FromMap("m", map[string]string{"NAME": "x", "APP_Z": "http://a.org", "APP_A": "http://a.org", "B": "http://a.org"})},
	})
	require.Equal(t, []string{
		"APP_A: is encrypted where it is reachable from outside", "APP_Z: is encrypted where it is reachable from outside",
		"APP_A: is a variable that a field has", "APP_Z: is a variable that a field has",
	}, rules(t, err))
}

// One slip of the pen is one problem, wherever it would be found.
func TestAMisspeltVariableIsOneProblem(t *testing.T) {
	for _, opts := range []envconfig.LoadOptions{
		{Owned: []string{"POOL_"}}, {Prefix: ""}, {Inputs: []envconfig.Input{envconfig.FromText(".env", "POOL_MAX_IDEL=1\n", dotenv.Node, &envconfig.FileOptions{Closed: true})}},
	} {
		if opts.Inputs == nil {
			opts.Inputs = []envconfig.Input{envconfig.FromMap("test", map[string]string{"POOL_MAX_IDEL": "1"})}
		}
		_, err := envconfig.Load[poolConfig](t.Context(), &opts)
		require.Equal(t, []string{"POOL_MAX_IDLE Pool.MaxIdle: is set"}, rules(t, err))
		require.ErrorContains(t, err, "POOL_MAX_IDEL from ")
	}
	// In lists too, of which only so many are looked for.
	type config struct {
		Hosts []hostConfig `env:"HOSTS"`
	}
	variables := map[string]string{}
	for i := range 60 {
		variables[fmt.Sprintf("HOSTS_%d_PORT", i)] = "80"
		variables[fmt.Sprintf("HOSTS_%d_NAEM", i)] = "x"
	}
	_, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Owned: []string{"HOSTS_"}, Inputs: []envconfig.Input{envconfig.FromMap("test", variables)}})
	require.Equal(t, 40, strings.Count(err.Error(), "looks like it"))
	require.Len(t, envconfig.Problems(err), 60+20)

	// A name that cannot be printed is not.
	_, err = envconfig.Load[hostConfig](t.Context(), &envconfig.LoadOptions{
		Prefix: "APP", Inputs: []envconfig.Input{envconfig.FromMap("test", map[string]string{"APP_NAME": "x", "APP_PORT\x1b": "1"})},
	})
	require.Equal(t, []string{": is a variable that a field has"}, rules(t, err))
	require.NotContains(t, err.Error(), "\x1b")

	// What was set aside on purpose is no slip.
	_, err = envconfig.Load[poolConfig](t.Context(), &envconfig.LoadOptions{
		Ignore: []string{"POOL_MAX_IDEL"}, Inputs: []envconfig.Input{envconfig.FromMap("test", map[string]string{"POOL_MAX_IDEL": "1"})},
	})
	require.NotContains(t, err.Error(), "IDEL")
}

// A required variable that is missing names what may be meant to be it, also
// where nothing is owned.
func TestMissingVariableNamesItsLookalike(t *testing.T) {
	_, err := load[poolConfig](t, map[string]string{"POOL_MAX_IDEL": "1", "POOL_MAX_OPEN": "1"})
	require.Equal(t, []string{"POOL_MAX_IDLE Pool.MaxIdle: is set"}, rules(t, err))
	require.Contains(t, envconfig.Problems(err)[0].Fix, "POOL_MAX_IDEL from test, which no field has, looks like it")
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
