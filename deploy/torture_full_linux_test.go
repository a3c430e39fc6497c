package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/internal/testenv"
)

// TestTortureFullLog lets the log of the torture plan end at a random byte. It
// needs no rights: the controller limits the size of its files.
func TestTortureFullLog(t *testing.T) {
	dir := tortureHost(t)
	_, killed := control(t, orders{Dir: dir, Name: "only"}, newVoter(t, dir).asked)
	require.False(t, killed)
	info, err := os.Stat(filepath.Join(dir, "log/dev/api.jsonl"))
	require.NoError(t, err)
	seed := tortureSeed(t)
	rnd := rand.New(rand.NewPCG(seed, 5))
	ends := map[string]int{}
	for n := range tortureTries(60, 4) {
		// Below one page not even the plan fits; the last record has some 300 bytes.
		limit := uint64(rnd.Int64N(info.Size()-500)) + 100
		if n == 0 {
			limit = uint64(info.Size()) - 500
		}
		ends[fullLog(t, limit, fmt.Sprintf("DEVOPS_TEST_SEED=%d, log of %d bytes", seed, limit))]++
	}
	t.Log(ends)
	require.NotZero(t, ends[string(deploy.Interrupted)])
}

// fullLog runs with the limit until nothing fits any more, and without it to
// the end. It returns how the first controller left the run.
func fullLog(t *testing.T, limit uint64, where string) (left string) {
	t.Helper()
	dir := tortureHost(t)
	v := newVoter(t, dir)
	said, killed := control(t, orders{Dir: dir, Name: "first", Limit: limit}, v.asked)
	require.False(t, killed, where)
	require.Contains(t, said["error"], syscall.EFBIG.Error(), "%s: %v", where, said)
	require.Contains(t, said["error"], "make room and run again", where)
	ended, _ := control(t, orders{Dir: dir, Name: "second"}, v.asked)
	if ended["outcome"] == string(deploy.Undone) {
		// The request of the approval did not fit, which is the step's failure.
		require.Contains(t, ended["error"], `step \"approve\"`, where)
		require.Contains(t, ended["error"], syscall.EFBIG.Error(), where)
		for _, step := range []string{"prepare", "build-a", "pay-b", "link-c", "docs-e"} {
			require.False(t, isThere(dir, step), "%s: %s", where, step)
		}
		return said["outcome"]
	}
	require.Equal(t, string(deploy.Succeeded), ended["outcome"], "%s: %v", where, ended)
	judgeRun(t, dir, false, where)
	return said["outcome"]
}

// fillsDisk writes until nothing fits any more, unless somebody has made room
// for it.
func fillsDisk(dir string) deploy.Plan {
	sh := func(script string) *deploy.Exec {
		return &deploy.Exec{Command: deploy.Command{
			Argv: []string{"/bin/sh", "-ec", script}, Dir: dir, Env: map[string]string{"PATH": os.Getenv("PATH")},
		}}
	}
	return plan(
		deploy.Step{Name: "before", InFlight: deploy.Repeat, Do: sh("echo before > before"), Undo: sh("rm -f before")},
		deploy.Step{
			Name: "fill", InFlight: deploy.Repeat, Undo: sh("rm -f big"),
			// So much output that its outcome does not fit into what is left of the
			// last page of the log.
			Do: sh("printf '%08000d\\n' 0; if ! test -e room; then cat /dev/zero > big; fi"),
		},
	)
}

// smallDisk mounts one, where that is allowed.
func smallDisk(t *testing.T) (dir string, ok bool) {
	t.Helper()
	dir = t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k")
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		require.Empty(t, os.Getenv(testenv.RequireAll), "this user may not mount a small disk, and everything was asked for")
		t.Log("no mount for this user: only TestTortureFullLog fills a disk")
		return "", false
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return dir, true
}

// TestTortureFullDisk: a step fills the disk that it works on. With the log on
// it too, the run is left as it is, and goes on when there is room; with the log
// elsewhere the run is undone.
func TestTortureFullDisk(t *testing.T) {
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprintf("with the log: %t", shared), func(t *testing.T) {
			dir, ok := smallDisk(t)
			if !ok {
				return
			}
			at := filepath.Join(dir, "log")
			if !shared {
				at = t.TempDir()
			}
			log, err := filelog.New(at, nil)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, log.Close()) })
			local, err := localexec.New(nil)
			require.NoError(t, err)
			r := newRunner(t, log, &deploy.Options{Executor: local})

			rep, err := r.Run(t.Context(), "r1", fillsDisk(dir))
			require.ErrorContains(t, err, `step "fill"`, "who filled it")
			require.ErrorContains(t, err, "No space left on device", "what the step said")
			if shared {
				require.ErrorIs(t, err, syscall.ENOSPC)
				require.ErrorContains(t, err, "make room and run again")
				require.Equal(t, deploy.Interrupted, rep.Outcome)
				require.FileExists(t, filepath.Join(dir, "before"), "who cannot write down what he does undoes nothing")
				require.NoError(t, os.Remove(filepath.Join(dir, "big")))
			} else {
				require.Equal(t, deploy.Undone, rep.Outcome)
				require.Contains(t, rep.Reason, "No space left on device")
				require.NoFileExists(t, filepath.Join(dir, "before"))
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "room"), nil, 0o600))
			id := map[bool]deploy.RunID{true: "r1", false: "r2"}[shared]
			rep, err = r.Run(t.Context(), id, fillsDisk(dir))
			require.NoError(t, err)
			require.Equal(t, deploy.Succeeded, rep.Outcome)
		})
	}
}

// TestTheFailureOfAStepIsToldBesideThatOfTheLog: of the outcome, and of the
// record that turns back.
func TestTheFailureOfAStepIsToldBesideThatOfTheLog(t *testing.T) {
	for name, n := range map[string]int{"outcome": 2, "undo": 3} {
		t.Run(name, func(t *testing.T) {
			var did []string
			log := newMemLog()
			crashAt(log, n)
			p := three(&did)
			p.Steps[0].Do = &effect{Name: "do a", did: &did, fn: fails("declined")}
			rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
			require.ErrorIs(t, err, errCrash)
			require.ErrorContains(t, err, "declined")
			require.Equal(t, deploy.Interrupted, rep.Outcome)
			require.Equal(t, []string{"do a"}, did, "nothing is undone without a record")

			did, log.before = nil, nil
			rep, err = newRunner(t, log, nil).Run(context.Background(), "r1", p)
			require.ErrorContains(t, err, "declined")
			require.Equal(t, deploy.Undone, rep.Outcome)
		})
	}
}

// TestALogThatFailsOnceTurnsNothingBack: that the outcome of a step could not be
// written is no failure of the step, whether there is room again or not.
func TestALogThatFailsOnceTurnsNothingBack(t *testing.T) {
	for failing := range uint64(10) {
		var did []string
		log := newMemLog()
		log.before = func(_ string, seq uint64, _ []byte) error {
			if seq == failing+1 {
				log.before = nil
				return syscall.ENOSPC
			}
			return nil
		}
		rep, err := newRunner(t, log, &deploy.Options{Parallel: 1}).Run(t.Context(), "r1", branches(&did, nil, nil))
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.Len(t, log.streams["dev/api"], int(failing), "nothing comes behind it")
		if rep != nil {
			require.Equal(t, deploy.Interrupted, rep.Outcome)
		}
		rep, err = newRunner(t, log, nil).Run(t.Context(), "r1", branches(&did, nil, nil))
		require.NoError(t, err)
		require.Equal(t, deploy.Succeeded, rep.Outcome)
	}
}
