package envconfig_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/envconfig/dotenv"
	"github.com/masaruk/devops/secrets"
)

var update = flag.Bool("update", false, "write the golden files anew")

type described struct {
	Port    int           `env:"PORT" default:"8080" min:"1" max:"65535" desc:"the port that the API listens on"`
	Mode    string        `env:"PAYMENT_MODE" oneof:"off,sandbox,live" desc:"what payments do\nin this place | *bold* <b>"`
	Timeout time.Duration `env:"TIMEOUT" default:"30s"`
	Greet   string        `env:"GREETING" default:"it's #1 for $5 | \"ok\""`
	DSN     string        `env:"SENTRY_DSN,optional,secret" desc:"where errors go"`
	Labels  []string      `env:"LABELS,empty" default:"" pattern:"[a-z]+"`
	DB      struct {
		Password secrets.Value `env:"PASSWORD,file,ref" default:"secret:db/password" desc:"the password of the database"`
		Key      secrets.Value `env:"KEY" min:"16"`
	} `env:"DB"`
	TLS   *tls         `env:"TLS"`
	Hosts []hostConfig `env:"HOSTS"`
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestDescribe(t *testing.T) {
	l, err := envconfig.NewLoader[described](&envconfig.LoadOptions{Prefix: "APP"})
	require.NoError(t, err)
	d := l.Describe()
	example, err := d.EnvExample()
	require.NoError(t, err)
	golden(t, "describe.env.example", example)
	golden(t, "describe.md", d.Markdown())
	raw, err := json.MarshalIndent(d, "", "  ")
	require.NoError(t, err)
	golden(t, "describe.json", string(raw)+"\n")
	for range 20 {
		again, err := l.Describe().EnvExample()
		require.NoError(t, err)
		require.Equal(t, example, again)
	}
}

// An example of which the blanks are filled in loads, and gives the defaults.
func TestFilledExampleLoads(t *testing.T) {
	l, err := envconfig.NewLoader[described](nil)
	require.NoError(t, err)
	example, err := l.Describe().EnvExample()
	require.NoError(t, err)
	source := secrets.Static(map[string]secrets.Value{"db/password": secrets.New("looked up")})
	load := func(text string) (*envconfig.Loaded[described], error) {
		return envconfig.Load[described](t.Context(), &envconfig.LoadOptions{Secrets: source, Inputs: []envconfig.Input{
			envconfig.FromText(".env.example", text, dotenv.Node, &envconfig.FileOptions{Closed: true}),
		}})
	}
	_, err = load(example)
	require.Equal(t, []string{"PAYMENT_MODE Mode: is not empty", "DB_KEY DB.Key: is not empty", "HOSTS_0_NAME Hosts[0].Name: is not empty"}, rules(t, err))
	for name, text := range map[string]string{"PAYMENT_MODE": "off", "DB_KEY": "0123456789abcdef", "HOSTS_0_NAME": "h"} {
		example = strings.Replace(example, "\n"+name+"=\n", "\n"+name+"="+text+"\n", 1)
	}
	got, err := load(example)
	require.NoError(t, err)
	require.Equal(t, `it's #1 for $5 | "ok"`, got.Value.Greet)
	require.Equal(t, []string{}, got.Value.Labels)
	require.Equal(t, "looked up", got.Value.DB.Password.Reveal())
	require.Nil(t, got.Value.TLS)
}

func TestCheckGenerated(t *testing.T) {
	want := "# a\nA=\n\n# b\nB=1\n"
	require.NoError(t, envconfig.CheckGenerated(".env.example", want, want))
	require.NoError(t, envconfig.CheckGenerated(".env.example", strings.ReplaceAll(want, "\n", "\r\n"), want))
	require.NoError(t, envconfig.CheckGenerated(".env.example", strings.TrimSuffix(want, "\n"), want))
	for _, c := range []struct {
		committed string
		lines     []string
	}{
		{"", []string{"+ 1: # a", "+ 1: A=", "+ 1: ", "+ 1: # b", "+ 1: B=1"}},
		{"# a\nA=\n\n# b\n", []string{"+ 5: B=1"}},
		{"# a\nA=kanaryQWZXJK\n\n# b\nB=1\n", []string{"- 2: A ...", "+ 3: A="}},
		{"# a\nA=\n\n# b\nB=1\nOLD=x\n# kanaryQWZXJK\nkanaryQWZXJK==\n| `NEW` | kanaryQWZXJK |\n", []string{"- 6: OLD ...", "- 7: ...", "- 8: ...", "- 9: NEW ..."}},
		{"# b\nB=1\n", []string{"+ 1: # a", "+ 1: A=", "+ 1: "}},
	} {
		err := envconfig.CheckGenerated(".env.example", c.committed, want)
		var stale *envconfig.StaleError
		require.True(t, errors.As(err, &stale), c.committed)
		require.Equal(t, c.lines, stale.Lines, c.committed)
		require.ErrorContains(t, err, ".env.example is stale")
		require.NotContains(t, err.Error(), loadCanary)
	}
	huge := strings.Repeat("x\n", 3000)
	require.Error(t, envconfig.CheckGenerated("f", huge, strings.Repeat("y\n", 3000)))
}

func TestExplain(t *testing.T) {
	l, err := envconfig.Load[described](t.Context(), &envconfig.LoadOptions{
		Secrets: secrets.Static(map[string]secrets.Value{"db/password": secrets.New("looked up")}),
		Inputs: []envconfig.Input{
			envconfig.FromMap("flags", map[string]string{"PORT": "81", "DB_KEY": "0123456789abcdef", "HOSTS_0_NAME": "a\nb"}),
			envconfig.FromText(".env", "PAYMENT_MODE=live\nPORT=82\n", dotenv.Node, nil),
		},
	})
	require.NoError(t, err)
	golden(t, "explain.txt", l.Explain().String())
	raw, err := json.MarshalIndent(l, "", "  ")
	require.NoError(t, err)
	golden(t, "explain.json", string(raw)+"\n")
	var back envconfig.Explanation
	require.NoError(t, json.Unmarshal(raw, &back))
	require.Equal(t, l.Explain(), back)

	require.Equal(t, "[]", func() string { raw, _ := json.Marshal(envconfig.Loaded[described]{}); return string(raw) }())
	require.Empty(t, envconfig.Loaded[described]{}.Snapshot(envconfig.Staging(), nil).Entries)
}

func TestSnapshotOfALoad(t *testing.T) {
	key, err := secrets.NewFingerprinter(secrets.New(strings.Repeat("k", 32)))
	require.NoError(t, err)
	snapshot := func(password string) envconfig.Snapshot {
		l, err := envconfig.Load[described](t.Context(), &envconfig.LoadOptions{Inputs: []envconfig.Input{envconfig.FromMap("m", map[string]string{
			"DB_PASSWORD": password, "DB_KEY": "0123456789abcdef", "HOSTS_0_NAME": "h", "PAYMENT_MODE": "live",
		})}})
		require.NoError(t, err)
		return l.Snapshot(envconfig.Production(), key)
	}
	one, same, other := snapshot("one one"), snapshot("one one"), snapshot("two two")
	require.NoError(t, one.Validate())
	require.Equal(t, one, same)
	require.NotEqual(t, one, other)
	raw, err := json.Marshal(one)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "one one")
	byName := map[string]envconfig.Entry{}
	for _, e := range one.Entries {
		byName[e.Variable] = e
	}
	require.Equal(t, envconfig.Entry{
		Variable: "PORT", Field: "Port", Type: "int", Rules: "has a default; is at least 1; is at most 65535", Set: true, Value: "8080",
	}, byName["PORT"])
	require.False(t, byName["SENTRY_DSN"].Set)
	require.True(t, byName["SENTRY_DSN"].Secret)
	require.False(t, byName["DB_PASSWORD"].Fingerprint.IsZero())
	require.Equal(t, "Hosts[0].Name", byName["HOSTS_0_NAME"].Field)
}
