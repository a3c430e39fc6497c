package envconfig_test

import (
	"log/slog"
	"math"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

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
		"URL":      {"", "example.com", "localhost:8080", "/path", "https://", "http:", "http:///path", "wss://:443/", "http://[::1", "http://a b/", "%zz"},
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
