package envconfig_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

// load loads a T from a map.
func load[T any](t *testing.T, variables map[string]string) (T, error) {
	t.Helper()
	l, err := envconfig.Load[T](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{envconfig.FromMap("test", variables)}})
	if err != nil {
		var zero T
		return zero, err
	}
	return l.Value, nil
}

// rules returns variable, field and rule of each problem in err.
func rules(t *testing.T, err error) []string {
	t.Helper()
	require.Error(t, err)
	var out []string
	for _, p := range envconfig.Problems(err) {
		require.NotEmpty(t, p.Rule)
		require.NotEmpty(t, p.Fix, "what to do about %s", p.Variable)
		require.NotContains(t, p.Error(), "\n")
		out = append(out, strings.TrimSpace(p.Variable+" "+p.Field)+": "+p.Rule)
	}
	require.NotEmpty(t, out, "%v", err)
	return out
}

type hostConfig struct {
	Name string   `env:"NAME"`
	Port int      `env:"PORT" default:"443" min:"1" max:"65535"`
	Tags []string `env:"TAGS,optional"`
}

type tls struct {
	Cert string `env:"CERT"`
	Key  string `env:"KEY,secret"`
}

type base struct {
	Region string `env:"REGION"`
}

type nested struct {
	base
	Hosts []hostConfig `env:"HOSTS" max:"3"`
	TLS   *tls         `env:"TLS"`
	DB    struct {
		Pool struct {
			Max int `env:"MAX"`
		} `env:"POOL"`
	} `env:"DB"`
	Ignored func() `env:"-"`
	private int
}

func TestLoadNested(t *testing.T) {
	got, err := load[nested](t, map[string]string{
		"REGION": "me", "DB_POOL_MAX": "5", "HOSTS_0_NAME": "a", "HOSTS_1_NAME": "b", "HOSTS_1_PORT": "80", "HOSTS_1_TAGS": "x,y",
		"MAX": "6", "POOL_MAX": "7", "NAME": "no", "HOSTS_NAME": "no",
	})
	require.NoError(t, err)
	want := nested{base: base{"me"}, Hosts: []hostConfig{{Name: "a", Port: 443}, {Name: "b", Port: 80, Tags: []string{"x", "y"}}}}
	want.DB.Pool.Max = 5
	require.Equal(t, want, got)
	require.Zero(t, got.private)

	_, err = load[nested](t, map[string]string{"REGION": "me", "DB_POOL_MAX": "5", "HOSTS_0_NAME": "a", "TLS_KEY": "k"})
	require.Equal(t, []string{"TLS_CERT TLS.Cert: is set"}, rules(t, err))
	got, err = load[nested](t, map[string]string{"REGION": "me", "DB_POOL_MAX": "5", "HOSTS_0_NAME": "a", "TLS_KEY": "k", "TLS_CERT": "c"})
	require.NoError(t, err)
	require.Equal(t, &tls{"c", "k"}, got.TLS)
}

// A variable without the prefix is somebody else's.
func TestPrefixNeverFallsBack(t *testing.T) {
	inputs := []envconfig.Input{envconfig.FromMap("test", map[string]string{"MAX": "1", "DB_POOL_MAX": "2", "POOL_MAX": "3", "REGION": "x", "HOSTS_0_NAME": "x"})}
	_, err := envconfig.Load[nested](t.Context(), &envconfig.LoadOptions{Prefix: "APP", Inputs: inputs})
	require.Equal(t, []string{"APP_REGION base.Region: is set", "APP_HOSTS_0 Hosts: has at least one element", "APP_DB_POOL_MAX DB.Pool.Max: is set"}, rules(t, err))
}

func TestLists(t *testing.T) {
	type config struct {
		Hosts []hostConfig `env:"HOSTS,optional" min:"2" max:"3"`
	}
	for _, c := range []struct {
		names string
		rules []string
	}{
		{"HOSTS_0_NAME HOSTS_1_NAME", nil},
		{"HOSTS_0_NAME", []string{"HOSTS_0 Hosts: has at least 2 items"}},
		{"HOSTS_0_NAME HOSTS_1_NAME HOSTS_2_NAME HOSTS_3_NAME", []string{"HOSTS_0 Hosts: has at most 3 items"}},
		{"HOSTS_0_NAME HOSTS_2_NAME", []string{"HOSTS_1 Hosts: is numbered from 0 without a gap"}},
		{"HOSTS_1_NAME HOSTS_2_NAME", []string{"HOSTS_0 Hosts: is numbered from 0 without a gap"}},
		{"HOSTS_0_NAME HOSTS_999999999_NAME", []string{"HOSTS_1 Hosts: is numbered from 0 without a gap"}},
		{"HOSTS_0_NAME HOSTS_1_TAGS", []string{"HOSTS_1_NAME Hosts[1].Name: is set"}},
		{"HOSTS_0_NAME HOSTS_1_NAME HOSTS_01_NAME HOSTS_x_NAME HOSTS_-1_NAME HOSTS_2_OTHER", nil},
	} {
		variables := map[string]string{}
		for name := range strings.FieldsSeq(c.names) {
			variables[name] = "v"
		}
		_, err := load[config](t, variables)
		if c.rules == nil {
			require.NoError(t, err, c.names)
			continue
		}
		require.Equal(t, c.rules, rules(t, err), c.names)
	}
}

func TestRequiredEmptyAndDefault(t *testing.T) {
	type config struct {
		Required string   `env:"REQUIRED"`
		Optional string   `env:"OPTIONAL,optional"`
		Empty    string   `env:"EMPTY,empty"`
		List     []string `env:"LIST,empty,optional"`
		Default  string   `env:"DEFAULT" default:"d"`
		Blank    string   `env:"BLANK,empty" default:""`
		Pointer  *string  `env:"POINTER,empty"`
	}
	_, err := load[config](t, nil)
	require.Equal(t, []string{"REQUIRED Required: is set", "EMPTY Empty: is set"}, rules(t, err))

	got, err := load[config](t, map[string]string{"REQUIRED": "r", "EMPTY": "", "LIST": "", "POINTER": ""})
	require.NoError(t, err)
	none := ""
	require.Equal(t, config{Required: "r", Default: "d", List: []string{}, Pointer: &none}, got)

	// Set but empty is not unset: neither a default nor optional hides it.
	_, err = load[config](t, map[string]string{"REQUIRED": "", "EMPTY": "", "OPTIONAL": "", "DEFAULT": ""})
	require.Equal(t, []string{"REQUIRED Required: is not empty", "OPTIONAL Optional: is not empty", "DEFAULT Default: is not empty"}, rules(t, err))
}

func TestRules(t *testing.T) {
	type config struct {
		Int    int            `env:"INT" default:"5" min:"-1" max:"10"`
		Uint   *uint8         `env:"UINT" min:"2"`
		Float  float64        `env:"FLOAT" default:"1" max:"1.5"`
		Wait   time.Duration  `env:"WAIT" default:"1m" min:"1s" max:"1h"`
		Body   envconfig.Size `env:"BODY" default:"1MiB" max:"10MB"`
		From   time.Time      `env:"FROM,optional" min:"2026-01-01T00:00:00Z"`
		Name   string         `env:"NAME" default:"abc" min:"2" max:"3"`
		Mode   string         `env:"MODE" default:"off" oneof:"off, sandbox,live"`
		ID     string         `env:"ID" default:"a1" pattern:"[a-z][0-9]|x"`
		Key    secrets.Value  `env:"KEY,optional" min:"8" pattern:"k_.*"`
		Raw    []byte         `env:"RAW,optional" min:"2" max:"2"`
		List   []string       `env:"LIST,optional" min:"2" max:"3" oneof:"a,b,c"`
		Ports  []int          `env:"PORTS,optional" pattern:"[0-9]{2}"`
		Labels map[string]int `env:"LABELS,optional" max:"1" oneof:"1,2"`
	}
	good, err := load[config](t, map[string]string{
		"INT": "-1", "UINT": "2", "FLOAT": "1.5", "WAIT": "1h", "BODY": "10MB", "FROM": "2026-01-01T00:00:00Z", "NAME": "äöü", "MODE": "live", "ID": "x",
		"KEY": "k_345678", "RAW": "AAA=", "LIST": "a,b", "PORTS": "80", "LABELS": "x:2",
	})
	require.NoError(t, err)
	require.Equal(t, uint8(2), *good.Uint)

	_, err = load[config](t, map[string]string{
		"INT": "11", "UINT": "1", "FLOAT": "1.6", "WAIT": "999ms", "BODY": "10MiB", "FROM": "2025-12-31T23:59:59Z", "NAME": "ä", "MODE": "Live", "ID": "a1x",
		"KEY": "k_34567", "RAW": "AAAA", "LIST": "a,d", "PORTS": "80,8", "LABELS": "x:3",
	})
	require.Equal(t, []string{
		"INT Int: is at most 10", "UINT Uint: is at least 2", "FLOAT Float: is at most 1.5", "WAIT Wait: is at least 1s", "BODY Body: is at most 10MB",
		"FROM From: is at least 2026-01-01T00:00:00Z", "NAME Name: has a length of at least 2", "MODE Mode: is one of off, sandbox, live", "ID ID: matches [a-z][0-9]|x",
		"KEY Key: has a length of at least 8", "RAW Raw: has a length of at most 2", "LIST List: has only items of which each is one of a, b, c",
		"PORTS Ports: has only items of which each matches [0-9]{2}", "LABELS Labels: has only items of which each is one of 1, 2",
	}, rules(t, err))
	_, err = load[config](t, map[string]string{"LIST": "a", "LABELS": "x:1,y:1", "KEY": "x_345678"})
	require.Equal(t, []string{"KEY Key: matches k_.*", "LIST List: has at least 2 items", "LABELS Labels: has at most 1 items"}, rules(t, err))
}

// Every problem is told at once, each with its own field though two structs
// have a field of the same name.
func TestEveryProblemAtOnce(t *testing.T) {
	type config struct {
		A pool   `env:"A"`
		B pool   `env:"B"`
		C string `env:"C"`
	}
	_, err := load[config](t, map[string]string{"A_MAX": "x", "B_MAX": "y", "B_MIN": ""})
	require.Equal(t, []string{
		"A_MAX A.Max: is a whole number of 64 bits", "B_MIN B.Min: is not empty", "B_MAX B.Max: is a whole number of 64 bits", "C C: is set",
	}, rules(t, err))
	var p *envconfig.Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, "A_MAX", p.Variable)
}

func TestLoaderIsSafeForConcurrentUse(t *testing.T) {
	l, err := envconfig.NewLoader[kinds](&envconfig.LoadOptions{Inputs: []envconfig.Input{envconfig.FromMap("m", kindTexts())}})
	require.NoError(t, err)
	done := make(chan error)
	for range 8 {
		go func() {
			for range 20 {
				one, err := l.Load(context.Background())
				if err == nil {
					_ = one.Explain().String()
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		require.NoError(t, <-done)
	}
}
