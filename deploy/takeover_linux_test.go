package deploy_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/runlog/filelog"
)

// TestTakeOverEndsWhatAControllerLeft: the controller was killed, or is stopped,
// while its command runs. When TakeOver has returned, the command is gone, and
// the controller has no effect when it wakes.
func TestTakeOverEndsWhatAControllerLeft(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "stopped": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "gate of first"), 0o600))
			first, out := begin(t, dir, "first", 0)
			require.Eventually(t, func() bool { return ledger(t, dir)["first build"] == 1 }, time.Minute, 2*time.Millisecond)
			orphans, err := localexec.Marked("api@dev/r1")
			require.NoError(t, err)
			orphans = inDir(orphans, dir)
			require.NotEmpty(t, orphans)
			require.NoError(t, first.Process.Signal(signal))
			if signal == syscall.SIGKILL {
				require.Error(t, first.Wait())
			} else {
				require.Eventually(t, func() bool { return stateOf(first.Process.Pid) == "T" }, time.Minute, 2*time.Millisecond)
			}

			log, err := filelog.New(filepath.Join(dir, "log"), nil)
			require.NoError(t, err)
			local, err := localexec.New(&localexec.Options{Fence: filepath.Join(dir, "fence")})
			require.NoError(t, err)
			ops, err := deploy.New(log, &deploy.Options{Executor: local, Initiator: "olga"})
			require.NoError(t, err)
			rep, err := ops.TakeOver(t.Context(), ledgerPlan(dir).Ref("r1"))
			require.NoError(t, err)
			require.Equal(t, deploy.Interrupted, rep.Outcome)
			for _, p := range orphans {
				require.False(t, localexec.Alive(p))
			}
			before, err := os.ReadFile(filepath.Join(dir, "ledger"))
			require.NoError(t, err)
			if signal == syscall.SIGSTOP {
				require.NoError(t, first.Process.Signal(syscall.SIGCONT))
				require.Contains(t, said(t, first, out)["error"], "another controller")
			}
			after, err := os.ReadFile(filepath.Join(dir, "ledger"))
			require.NoError(t, err)
			require.Equal(t, string(before), string(after))
			require.Equal(t, string(deploy.Undone), complete(t, dir, "second"))
			require.Equal(t, 1, paid(t, dir))
		})
	}
}
