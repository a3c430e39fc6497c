package envconfig_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/envconfig/dotenv"
	"github.com/masaruk/devops/secrets"
)

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
