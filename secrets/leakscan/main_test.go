package leakscan_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets/leakscan"
)

func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = leakscan.Main(context.Background(), args, strings.NewReader(stdin), &out, &problems)
	return code, out.String(), problems.String()
}

func TestMainOnATree(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "app.env")
	require.NoError(t, os.WriteFile(name, []byte("\nKEY="+key()+"\n"), 0o600))
	code, stdout, stderr := run(t, "", dir)
	require.Equal(t, leakscan.ExitFindings, code)
	require.Equal(t, "app.env:2:5: stripe-key: Stripe secret or restricted key\n", stdout)
	require.Empty(t, stderr)

	code, stdout, _ = run(t, "", "-json", dir)
	require.Equal(t, leakscan.ExitFindings, code)
	var f leakscan.Finding
	require.NoError(t, json.Unmarshal([]byte(stdout), &f))
	require.Equal(t, leakscan.Finding{Rule: "stripe-key", Name: "Stripe secret or restricted key", Path: "app.env", Line: 2, Column: 5, Offset: 5}, f)

	for _, args := range [][]string{{"-skip", "*.env", dir}, {"-disable", "stripe-key", "-disable", "assigned-secret", dir}} {
		code, stdout, _ = run(t, "", args...)
		require.Equal(t, leakscan.ExitClean, code, args)
		require.Empty(t, stdout)
	}

	baseline := filepath.Join(t.TempDir(), "baseline.json")
	code, _, _ = run(t, "", "-write-baseline", baseline, dir)
	require.Equal(t, leakscan.ExitClean, code)
	code, _, _ = run(t, "", "-baseline", baseline, dir)
	require.Equal(t, leakscan.ExitClean, code)
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	code, _, stderr = run(t, "", "-baseline", baseline, dir)
	require.Equal(t, leakscan.ExitClean, code)
	require.Contains(t, stderr, `the baseline has 1 more of stripe-key in "app.env"`)
}

func TestMainOnStdin(t *testing.T) {
	t.Setenv("LOADED_VALUE", "correct horse battery")
	code, stdout, _ := run(t, "x\ncorrect+horse+battery", "-stdin", "log", "-env", "LOADED_VALUE")
	require.Equal(t, leakscan.ExitFindings, code)
	require.Contains(t, stdout, "log:2:1: loaded-value")

	code, stdout, _ = run(t, "--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+"+key()+"\n", "-diff")
	require.Equal(t, leakscan.ExitFindings, code)
	require.Contains(t, stdout, "x:1:1: stripe-key")

	code, stdout, _ = run(t, "", "-rules")
	require.Equal(t, leakscan.ExitClean, code)
	require.Equal(t, len(leakscan.Rules()), strings.Count(stdout, "\n"))

	code, _, stderr := run(t, "", "-h")
	require.Equal(t, leakscan.ExitClean, code)
	require.Contains(t, stderr, "-write-baseline")
}

func TestMainFails(t *testing.T) {
	t.Setenv("SHORT", "abc")
	dir := t.TempDir()
	for _, args := range [][]string{
		{"-nothing"},
		{dir, dir},
		{"-diff", dir},
		{"-diff", "-stdin", "x"},
		{filepath.Join(dir, "missing")},
		{"-env", "NOT_SET_ANYWHERE", dir},
		{"-env", "SHORT", dir},
		{"-disable", "x", dir},
		{"-skip", "[", dir},
		{"-baseline", filepath.Join(dir, "missing"), dir},
	} {
		code, stdout, stderr := run(t, "", args...)
		require.Equal(t, leakscan.ExitError, code, args)
		require.Empty(t, stdout)
		require.NotEmpty(t, stderr)
	}
	code, _, stderr := run(t, "no diff", "-diff")
	require.Equal(t, leakscan.ExitError, code)
	require.Contains(t, stderr, "not a unified diff")
}

// TestMainSaysWhatIsWrong once, and what to do.
func TestMainSaysWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.env")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	code, _, stderr := run(t, "", file)
	require.Equal(t, leakscan.ExitError, code)
	require.Contains(t, stderr, "leakscan: ")
	require.Contains(t, stderr, "name the directory that it is in, or use -stdin")

	code, _, stderr = run(t, "", "-nothing")
	require.Equal(t, leakscan.ExitError, code)
	require.Equal(t, 1, strings.Count(stderr, "not defined: -nothing"))

	code, _, stderr = run(t, "", file+".missing")
	require.Equal(t, leakscan.ExitError, code)
	require.Equal(t, "leakscan: ", stderr[:len("leakscan: ")])
}
