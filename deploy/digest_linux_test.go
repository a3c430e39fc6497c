package deploy_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheDigestIsOfTheProgramThatRuns, whatever file has its name by now: a
// program that was replaced is not the newer build.
func TestTheDigestIsOfTheProgramThatRuns(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	content, err := os.ReadFile(self)
	require.NoError(t, err)
	for name, replace := range map[string]func(program string) error{
		"replaced": func(program string) error {
			if err := os.WriteFile(program+".new", []byte("another build"), 0o700); err != nil {
				return err
			}
			return os.Rename(program+".new", program)
		},
		"removed": os.Remove,
	} {
		program := filepath.Join(t.TempDir(), "ops")
		require.NoError(t, os.WriteFile(program, content, 0o700))
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = append(os.Environ(), "DEVOPS_TEST_DIGEST=1")
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		require.NoError(t, cmd.Start())
		require.NoError(t, replace(program))
		_, err = in.Write([]byte("\n"))
		require.NoError(t, err)
		require.NoError(t, cmd.Wait())
		require.Equal(t, fmt.Sprintf("sha256:%x\n", sha256.Sum256(content)), out.String(), name)
	}
}
