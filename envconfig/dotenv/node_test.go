package dotenv_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig/dotenv"
	"github.com/masaruk/devops/internal/testenv"
)

// oracleVersion is that of the npm package which dotenv.Node promises to be.
const oracleVersion = "17.4.2"

// reading is what the readers of Node.js make of a text.
type reading struct {
	// NPM is what the npm package dotenv reads.
	NPM map[string]string
	// EnvFile is what node --env-file reads; nil where Node.js is too old to
	// tell, before 20.12.
	EnvFile map[string]string
}

const oracleProgram = `
const {parseEnv} = require('util'), {parse} = require(process.argv[1])
const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'))
process.stdout.write(JSON.stringify(texts.map(t => ({NPM: parse(t), EnvFile: parseEnv && parseEnv(t)}))))
`

// readByNode has one Node.js process read all texts.
func readByNode(t *testing.T, texts []string) []reading {
	t.Helper()
	in, err := json.Marshal(texts)
	require.NoError(t, err)
	node, err := testenv.Node()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), node, "-e", oracleProgram, oraclePackage(t))
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &errs
	out, err := cmd.Output()
	require.NoError(t, err, "%s", errs.String())
	var readings []reading
	require.NoError(t, json.Unmarshal(out, &readings))
	require.Len(t, readings, len(texts))
	return readings
}

// oraclePackage returns the folder of the npm package. A test without it is
// skipped, unless everything was promised.
func oraclePackage(t *testing.T) string {
	t.Helper()
	tools, err := testenv.ToolsDir()
	require.NoError(t, err)
	dir := filepath.Join(tools, "npm", "node_modules", "dotenv")
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if os.IsNotExist(err) && os.Getenv(testenv.RequireAll) != "1" {
		t.Skipf("the npm package dotenv is missing; `go run ./internal/cmd/check` at the root of the checkout installs it")
	}
	require.NoError(t, err)
	var pkg struct{ Version string }
	require.NoError(t, json.Unmarshal(text, &pkg))
	require.Equal(t, oracleVersion, pkg.Version)
	return dir
}

// variables returns what a process would get: of one name the last value.
func variables(entries []dotenv.Entry) map[string]string {
	out := map[string]string{}
	for _, e := range entries {
		out[e.Name] = e.Value
	}
	return out
}
