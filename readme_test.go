package devops_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheProgramInTheReadmeCompiles builds it as a user would: in a module of
// its own, outside this one.
func TestTheProgramInTheReadmeCompiles(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(readme), "```go\n")
	require.True(t, found)
	program, _, found := strings.Cut(after, "```")
	require.True(t, found)
	root, err := os.Getwd()
	require.NoError(t, err)
	dir := t.TempDir()
	mod := "module readme\n\ngo 1.26\n\nrequire github.com/masaruk/devops v0.0.0\n\nreplace github.com/masaruk/devops => " + root + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600))
	build := exec.Command("go", "vet", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
}
