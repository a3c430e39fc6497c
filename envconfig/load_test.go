package envconfig_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/envconfig/dotenv"
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

type kinds struct {
	String   string                   `env:"STRING"`
	Bool     bool                     `env:"BOOL"`
	Int      int                      `env:"INT"`
	Int8     int8                     `env:"INT8"`
	Int64    int64                    `env:"INT64"`
	Uint     uint                     `env:"UINT"`
	Uint64   uint64                   `env:"UINT64"`
	Float32  float32                  `env:"FLOAT32"`
	Float64  float64                  `env:"FLOAT64"`
	Duration time.Duration            `env:"DURATION"`
	Size     envconfig.Size           `env:"SIZE"`
	URL      url.URL                  `env:"URL"`
	URLp     *url.URL                 `env:"URLP"`
	Time     time.Time                `env:"TIME"`
	Day      time.Time                `env:"DAY" layout:"2006-01-02"`
	Zone     *time.Location           `env:"ZONE"`
	Bytes    []byte                   `env:"BYTES"`
	Secret   secrets.Value            `env:"SECRET"`
	Level    slog.Level               `env:"LEVEL"`
	Addr     netip.AddrPort           `env:"ADDR"`
	Named    named                    `env:"NAMED"`
	Pointer  *int                     `env:"POINTER"`
	None     *int                     `env:"NONE"`
	List     []string                 `env:"LIST"`
	Ports    []uint16                 `env:"PORTS" sep:";"`
	Times    []time.Duration          `env:"TIMES" sep:" "`
	Secrets  []secrets.Value          `env:"SECRETS"`
	Map      map[string]string        `env:"MAP"`
	Limits   map[string]int           `env:"LIMITS"`
	Zones    map[string]time.Duration `env:"ZONES"`
}

type named string

func kindTexts() map[string]string {
	return map[string]string{
		"STRING": "a b $HOME ${HOME} #x", "BOOL": "true", "INT": "9223372036854775807", "INT8": "-128", "INT64": "-9223372036854775808",
		"UINT": "18446744073709551615", "UINT64": "18446744073709551615", "FLOAT32": "0.5", "FLOAT64": "-1e300", "DURATION": "1h30m",
		"SIZE": "64MiB", "URL": "https://user:pw@example.com:8443/p?q=1#f", "URLP": "file:./dev.db", "TIME": "2026-01-31T22:15:00+03:00", "DAY": "2026-02-01",
		"ZONE": "UTC", "BYTES": "AAH/", "SECRET": "hunter22", "LEVEL": "WARN", "ADDR": "[::1]:80", "NAMED": "n", "POINTER": "7",
		"LIST": " a , b,c ", "PORTS": "80; 443", "TIMES": "1s 2m", "SECRETS": "one1,two2", "MAP": "a:b:c, url: http://x:1 ", "LIMITS": "x:1,y:2", "ZONES": "a:1s",
	}
}

func TestLoadKinds(t *testing.T) {
	got, err := load[kinds](t, kindTexts())
	require.NoError(t, err)
	seven := 7
	require.Equal(t, "hunter22", got.Secret.Reveal())
	require.Equal(t, "two2", got.Secrets[1].Reveal())
	require.Len(t, got.Secrets, 2)
	require.True(t, got.Time.Equal(time.Date(2026, 1, 31, 19, 15, 0, 0, time.UTC)))
	got.Secret, got.Secrets, got.Time = secrets.Value{}, nil, time.Time{}
	require.Equal(t, kinds{
		String: "a b $HOME ${HOME} #x", Bool: true, Int: math.MaxInt64, Int8: -128, Int64: math.MinInt64, Uint: math.MaxUint64, Uint64: math.MaxUint64,
		Float32: 0.5, Float64: -1e300, Duration: 90 * time.Minute, Size: 64 << 20,
		URL:  url.URL{Scheme: "https", User: url.UserPassword("user", "pw"), Host: "example.com:8443", Path: "/p", RawQuery: "q=1", Fragment: "f"},
		URLp: &url.URL{Scheme: "file", Opaque: "./dev.db"}, Day: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), Zone: time.UTC, Bytes: []byte{0, 1, 255},
		Level: slog.LevelWarn, Addr: netip.MustParseAddrPort("[::1]:80"), Named: "n", Pointer: &seven,
		List: []string{"a", "b", "c"}, Ports: []uint16{80, 443}, Times: []time.Duration{time.Second, 2 * time.Minute},
		Map: map[string]string{"a": "b:c", "url": "http://x:1"}, Limits: map[string]int{"x": 1, "y": 2}, Zones: map[string]time.Duration{"a": time.Second},
	}, got)
}

func TestLoadRefuses(t *testing.T) {
	for name, texts := range map[string][]string{
		"BOOL":     {"", "yes", "TRUE", "t", " true", "on", "2"},
		"INT":      {"", "9223372036854775808", "1.5", "0x10", "1_000", " 1", "1e3", "one"},
		"INT8":     {"128", "-129"},
		"UINT64":   {"-1", "18446744073709551616"},
		"FLOAT32":  {"1e39", "NaN", "Inf", "-inf"},
		"FLOAT64":  {"1e309", "1,5"},
		"DURATION": {"", "5", "5 s", "1d"},
		"SIZE":     {"64", "64M", "-1MiB", "1.5MiB", "8EiB", "1 mib", "MiB", "9223372036854775808B"},
		"URL":      {"", "example.com", "localhost:8080", "/path", "http://[::1", "http://a b/", "%zz"},
		"TIME":     {"2026-01-31", "yesterday"},
		"DAY":      {"2026-01-32", "2026-01-31T00:00:00Z"},
		"ZONE":     {"", "Local", "Mars/Olympus", "../UTC"},
		"BYTES":    {"", "AAH", "AA H/", "-_-_", "AAH/\n\n="},
		"SECRET":   {"", "[redacted]", "x[redacted]y"},
		"LEVEL":    {"LOUD"},
		"POINTER":  {"", "x"},
		"LIST":     {"", "a,,b", ",", "a,"},
		"PORTS":    {"80,443", "65536", "80;"},
		"MAP":      {"a", "a:1,a:2", ":1", "a:"},
		"LIMITS":   {"x:1:2", "x:one"},
	} {
		for _, text := range texts {
			variables := kindTexts()
			variables[name] = text
			_, err := load[kinds](t, variables)
			require.Error(t, err, "%s=%q", name, text)
			require.Len(t, rules(t, err), 1, "%s=%q", name, text)
			require.Equal(t, name, envconfig.Problems(err)[0].Variable)
			require.Equal(t, envconfig.Origin{Input: "test"}, envconfig.Problems(err)[0].Origin)
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]envconfig.Size{
		"0": 0, "0B": 0, "1B": 1, "1KiB": 1 << 10, "1kB": 1000, "1KB": 1000, "3 MB": 3e6, "64MiB": 64 << 20, "7EiB": 7 << 60, "9223372036854775807B": math.MaxInt64,
	} {
		var s envconfig.Size
		require.NoError(t, s.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, s, text)
		var back envconfig.Size
		require.NoError(t, back.UnmarshalText([]byte(s.String())), s.String())
		require.Equal(t, s, back)
	}
	require.Equal(t, "1536KiB", envconfig.Size(1536<<10).String())
	require.Equal(t, "5MB", envconfig.Size(5e6).String())
	require.Error(t, new(envconfig.Size).UnmarshalText([]byte("64 M")))
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

func TestInputsInOrder(t *testing.T) {
	type config struct {
		A, B, C, D string `env:"-"`
		One        string `env:"ONE"`
		Two        string `env:"TWO"`
		Three      string `env:"THREE"`
		Four       string `env:"FOUR" default:"default"`
	}
	t.Setenv("ONE", "process")
	path := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, os.WriteFile(path, []byte("# c\nONE=file\nTWO=file\n\nTHREE='fi le' # c\n"), 0o600))
	l, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{
		envconfig.FromProcess(), envconfig.FromMap("overrides", map[string]string{"ONE": "map", "TWO": "map"}), envconfig.FromFile(path, dotenv.Node, nil),
	}})
	require.NoError(t, err)
	require.Equal(t, config{One: "process", Two: "map", Three: "fi le", Four: "default"}, l.Value)
	var origins []string
	for _, s := range l.Explain() {
		origins = append(origins, strings.ReplaceAll(s.Origin.String(), path, ".env"))
	}
	require.Equal(t, []string{"environment", "overrides", ".env:5", "default"}, origins)
}

func TestNoInputGivesDefaultsOnly(t *testing.T) {
	t.Setenv("PORT", "1")
	type config struct {
		Port int `env:"PORT" default:"2"`
	}
	l, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{}})
	require.NoError(t, err)
	require.Equal(t, 2, l.Value.Port)
	l, err = envconfig.Load[config](t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, 1, l.Value.Port)
}

func TestFiles(t *testing.T) {
	type config struct {
		Port int `env:"PORT" default:"1"`
	}
	load := func(in envconfig.Input) error {
		_, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{in}})
		return err
	}
	missing := filepath.Join(t.TempDir(), "none.env")
	err := load(envconfig.FromFile(missing, dotenv.Node, nil))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, missing, envconfig.Problems(err)[0].Origin.Input)
	require.NoError(t, load(envconfig.FromFile(missing, dotenv.Node, &envconfig.FileOptions{Optional: true})))

	require.ErrorContains(t, load(envconfig.FromFile(t.TempDir(), dotenv.Node, nil)), "not a regular file")
	require.ErrorContains(t, load(envconfig.FromText("text", "PORT=2", 0, nil)), "dialect")
	err = load(envconfig.FromText("text", "PORT=2\nOTHER='x\n", dotenv.Node, nil))
	require.Equal(t, 2, envconfig.Problems(err)[0].Origin.Line, "%v", err)

	big := fstest.MapFS{"big.env": &fstest.MapFile{Data: make([]byte, secrets.MaxSize+1)}}
	require.ErrorContains(t, load(envconfig.FromFile("big.env", dotenv.Node, &envconfig.FileOptions{Open: big.Open})), "larger than")
}

func TestDuplicatesInAFile(t *testing.T) {
	type config struct {
		Port int `env:"PORT"`
	}
	_, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{
		envconfig.FromText(".env", "PORT=1\nOTHER=1\nOTHER=2\nPORT=2\n", dotenv.Node, nil),
	}})
	require.Equal(t, []string{"PORT Port: stands in a file once"}, rules(t, err))
	require.Equal(t, 1, envconfig.Problems(err)[0].Origin.Line)
	require.ErrorContains(t, err, ".env:4")
}

func TestValueFromFile(t *testing.T) {
	type config struct {
		Key  secrets.Value `env:"KEY,file"`
		Note string        `env:"NOTE,file,optional"`
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(path, []byte("secret one\r\n\n"), 0o600))
	l, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{envconfig.FromMap("m", map[string]string{"KEY_FILE": path})}})
	require.NoError(t, err)
	require.Equal(t, "secret one\r\n", l.Value.Key.Reveal(), "one line ending, not two")
	require.Equal(t, "m by KEY_FILE", l.Explain()[0].Origin.String())

	_, err = load[config](t, map[string]string{"KEY_FILE": filepath.Join(dir, "none"), "NOTE": "n"})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, []string{"KEY_FILE Key: is the path of a file that can be read"}, rules(t, err))
	_, err = load[config](t, map[string]string{"KEY_FILE": dir})
	require.ErrorContains(t, err, "not a regular file")
	_, err = load[config](t, map[string]string{"KEY_FILE": path, "KEY": "x"})
	require.Equal(t, []string{"KEY Key: is given in one way"}, rules(t, err))
	_, err = load[config](t, map[string]string{"NOTE_FILE": ""})
	require.Equal(t, []string{"KEY Key: is set", "NOTE_FILE Note: is the path of a file that can be read"}, rules(t, err))

	require.NoError(t, os.WriteFile(path, make([]byte, secrets.MaxSize+1), 0o600))
	_, err = load[config](t, map[string]string{"KEY_FILE": path})
	require.ErrorContains(t, err, "larger than")

	// An earlier input wins, whichever way it gives the value.
	l, err = envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{
		envconfig.FromMap("one", map[string]string{"KEY": "direct"}), envconfig.FromMap("two", map[string]string{"KEY_FILE": path}),
	}})
	require.NoError(t, err)
	require.Equal(t, "direct", l.Value.Key.Reveal())
	_, err = envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{
		envconfig.FromMap("one", map[string]string{"KEY_FILE": path}), envconfig.FromMap("two", map[string]string{"KEY": "direct"}),
	}})
	require.ErrorContains(t, err, "larger than")
}

func TestExpansion(t *testing.T) {
	type config struct {
		Password secrets.Value `env:"PASSWORD,optional"`
		URL      string        `env:"URL,expand" default:"http://${HOST}/"`
		Plain    string        `env:"PLAIN,optional"`
	}
	for text, want := range map[string]string{
		"${A}${B}": "1${A}", "pa$$word $A $": "pa$$word $A $", "$${A}": "${A}", "$$${A}": "$${A}", "x${A}y$${": "x1y${", "": "http://1/",
	} {
		variables := map[string]string{"A": "1", "B": "${A}", "HOST": "1", "PLAIN": "${A}"}
		if text != "" {
			variables["URL"] = text
		}
		got, err := load[config](t, variables)
		require.NoError(t, err, text)
		require.Equal(t, want, got.URL, text)
		require.Equal(t, "${A}", got.Plain)
	}
	for _, text := range []string{"${", "${A", "${}", "${A:-x}", "${A }", "${$(id)}", "${NOPE}", "${A}${NOPE}"} {
		_, err := load[config](t, map[string]string{"A": "1", "URL": text})
		require.Len(t, rules(t, err), 1, text)
	}
	l, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{
		envconfig.FromMap("m", map[string]string{"PASSWORD": "hunter22", "URL": "x/${PASSWORD}"}),
	}})
	require.NoError(t, err)
	require.NotContains(t, l.Explain().String(), "hunter22")
}

func TestUnset(t *testing.T) {
	type config struct {
		Key   secrets.Value `env:"UNSET_KEY,unset,file"`
		Other int           `env:"UNSET_OTHER"`
	}
	t.Setenv("UNSET_KEY", "secret")
	t.Setenv("UNSET_OTHER", "x")
	_, err := envconfig.Load[config](t.Context(), nil)
	require.Error(t, err)
	require.Equal(t, "secret", os.Getenv("UNSET_KEY"), "nothing is removed by a load that failed")

	t.Setenv("UNSET_OTHER", "1")
	// What comes from elsewhere is not the environment's.
	inputs := []envconfig.Input{envconfig.FromMap("m", map[string]string{"UNSET_KEY": "m"}), envconfig.FromProcess()}
	l, err := envconfig.Load[config](t.Context(), &envconfig.LoadOptions{Inputs: inputs})
	require.NoError(t, err)
	require.Equal(t, "m", l.Value.Key.Reveal())
	require.Equal(t, "secret", os.Getenv("UNSET_KEY"))

	l, err = envconfig.Load[config](t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "secret", l.Value.Key.Reveal())
	_, still := os.LookupEnv("UNSET_KEY")
	require.False(t, still)
	require.Equal(t, "1", os.Getenv("UNSET_OTHER"))
}

func TestReferences(t *testing.T) {
	type config struct {
		Key    secrets.Value `env:"KEY,ref" default:"secret:db/password"`
		Plain  string        `env:"PLAIN" default:"secret:db/password"`
		Direct string        `env:"DIRECT,ref,optional"`
	}
	asked := 0
	source := secrets.SourceFunc(func(_ context.Context, name string) (secrets.Value, error) {
		asked++
		if name == "down" {
			return secrets.Value{}, errors.New("source down is away")
		}
		if name != "db/password" {
			return secrets.Value{}, &secrets.SourceError{Source: "test", Name: name, Err: fs.ErrNotExist}
		}
		return secrets.New("hunter22"), nil
	})
	opts := func(variables map[string]string) *envconfig.LoadOptions {
		return &envconfig.LoadOptions{Secrets: source, Inputs: []envconfig.Input{envconfig.FromMap("m", variables)}}
	}
	l, err := envconfig.Load[config](t.Context(), opts(map[string]string{"DIRECT": "value secret:db/password"}))
	require.NoError(t, err)
	require.Equal(t, "hunter22", l.Value.Key.Reveal())
	require.Equal(t, "secret:db/password", l.Value.Plain, "a field that does not say so was looked up")
	require.Equal(t, "value secret:db/password", l.Value.Direct)
	require.Equal(t, 1, asked)
	require.Equal(t, "default by secret source", l.Explain()[0].Origin.String())
	require.NotContains(t, l.Explain().String(), "hunter22")

	_, err = envconfig.Load[config](t.Context(), opts(map[string]string{"KEY": "secret:other", "DIRECT": "secret:down"}))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, []string{"KEY Key: is a secret that can be looked up", "DIRECT Direct: is a secret that can be looked up"}, rules(t, err))
	require.NotContains(t, err.Error(), "other", "what stands in the variable may be the secret itself")
	require.ErrorContains(t, err, "is away")
	require.False(t, errors.As(err, new(*secrets.SourceError)), "a wrapped error has the text of the variable")

	_, err = load[config](t, nil)
	require.ErrorContains(t, err, "LoadOptions.Secrets")

	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("stopped")
	o := opts(nil)
	o.Secrets = secrets.SourceFunc(func(ctx context.Context, _ string) (secrets.Value, error) {
		cancel(cause)
		return secrets.Value{}, ctx.Err()
	})
	_, err = envconfig.Load[config](ctx, o)
	require.ErrorIs(t, err, cause)
	_, err = envconfig.Load[config](ctx, o)
	require.ErrorIs(t, err, cause)
}

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
