package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSSHDRunsCommandsAndIsKilled(t *testing.T) {
	t.Parallel()
	for _, root := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "root"}[root], func(t *testing.T) {
			t.Parallel()
			s := SSHD(t, SSHDOptions{Root: root})
			out, err := s.Command(t.Context(), `id -un; cd && pwd; exit 7`).Output()
			exit := new(exec.ExitError)
			require.ErrorAs(t, err, &exit)
			require.Equal(t, 7, exit.ExitCode())
			require.Equal(t, s.User+"\n"+filepath.Join(s.Dir(), "home")+"\n", string(out))
			require.Equal(t, root, s.User == "root")

			cmd := s.Command(t.Context(), "cat > file && wc -c < file")
			cmd.Stdin = strings.NewReader(strings.Repeat("x", 1<<20))
			out, err = cmd.Output()
			require.NoError(t, err)
			require.Equal(t, "1048576\n", string(out))

			daemon, err := daemonOver(t.Context(), s)
			require.NoError(t, err)
			require.NoError(t, s.Kill(syscall.SIGKILL))
			<-s.Gone()
			require.Error(t, s.Command(t.Context(), "true").Run())
			require.NoError(t, syscall.Kill(daemon, 0), "what it started lives on until the end")
			require.NoError(t, s.Close())
			requireNothingLeft(t, traces{PIDs: []int{daemon, s.PID(), s.guard.self}, Paths: []string{s.Dir()}})
		})
	}
}

func TestSSHDRefusesAnotherKey(t *testing.T) {
	t.Parallel()
	a, b := SSHD(t, SSHDOptions{}), SSHD(t, SSHDOptions{})
	key, err := os.ReadFile(b.IdentityFile)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(a.IdentityFile, key, 0o600))
	out, err := a.Command(t.Context(), "true").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "Permission denied")
}

func TestSSHClientRefusesAnotherServer(t *testing.T) {
	t.Parallel()
	a, b := SSHD(t, SSHDOptions{}), SSHD(t, SSHDOptions{})
	a.Port = b.Port
	require.NoError(t, os.WriteFile(a.ConfigFile, []byte(a.clientConfig()), 0o600))
	require.ErrorContains(t, a.ready(t.Context()), "Host key verification failed")
}
