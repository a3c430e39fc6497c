package deploy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/internal/hashlog"
)

// The pause matrix of the torture plan. A controller is stopped with SIGSTOP at
// a point, with the commands of its other branches running on. Another one takes
// the run up and brings it to its end; then the first one wakes.

func TestTorturePauseMatrix(t *testing.T) {
	for _, bad := range []bool{false, true} {
		t.Run(fmt.Sprintf("bad %t", bad), func(t *testing.T) {
			t.Parallel()
			all := unkilled(t, bad)
			t.Logf("%d points", all)
			acted, points := 0, sample(t, all, 4)
			for _, at := range points {
				if tortureTakeover(t, orders{At: int64(at), How: "STOP", Bad: bad}) {
					acted++
				}
			}
			t.Logf("%d of %d times the other one could act at once", acted, len(points))
			require.Positive(t, acted)
		})
	}
}

// tortureTakeover is one cell of the matrix. It tells whether the other
// controller could act while the first one was stopped.
func tortureTakeover(t *testing.T, o orders) (acted bool) {
	t.Helper()
	o.Dir, o.Name = tortureHost(t), "first"
	where := fmt.Sprintf("bad %t, stopped at point %d", o.Bad, o.At)
	v := newVoter(t, o.Dir)
	first, ended := pausedController(t, o, v)
	pid := first.Process.Pid
	require.Eventually(t, func() bool { return stateOf(pid) == "T" }, time.Minute, 2*time.Millisecond, where)
	next := orders{Dir: o.Dir, Name: "second", Bad: o.Bad}
	if writes(t, o.Dir, pid) {
		where += ", while another branch wrote a record" // nobody gets past the lock
	} else {
		v.vote() // what was asked before
		said, _ := control(t, next, v.asked)
		if acted = said["outcome"] != string(deploy.Interrupted); acted {
			judgeRun(t, o.Dir, o.Bad, where)
		} else {
			where += ", while another branch was about to start a command" // no takeover sees through that
			require.Contains(t, said["error"], "is perhaps stopped", where)
			require.Zero(t, linesOf(o.Dir, "second"), where)
		}
	}
	before := allThatChanges(t, o.Dir)
	require.NoError(t, first.Process.Signal(syscall.SIGCONT))
	if acted {
		require.NoError(t, <-ended, where)
		require.Equal(t, before, allThatChanges(t, o.Dir), "%s: the first controller acted after it had lost its place", where)
	} else { // both are awake now
		next.Name = "third"
		said, _ := control(t, next, v.asked)
		require.NotEmpty(t, said["outcome"], "%s: %v", where, said)
		require.NoError(t, <-ended, where)
		judgeRun(t, o.Dir, o.Bad, where)
	}
	require.Empty(t, afterItsPlace(t, o.Dir), where)
	return acted
}

// writes tells whether a process holds the lock of a file of the log.
func writes(t *testing.T, dir string, pid int) bool {
	t.Helper()
	locks, err := os.ReadFile("/proc/locks")
	require.NoError(t, err)
	for _, name := range []string{"log/dev/api.jsonl", "log/approvals/dev/api.jsonl"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			continue // nothing was written yet
		}
		holder := fmt.Sprintf(" %d ", pid)
		inode := fmt.Sprintf(":%d ", info.Sys().(*syscall.Stat_t).Ino)
		for line := range strings.Lines(string(locks)) {
			if strings.Contains(line, holder) && strings.Contains(line, inode) {
				return true
			}
		}
	}
	return false
}

// pausedController starts a controller that votes are cast for until it is
// stopped; the channel gets how it ended.
func pausedController(t *testing.T, o orders, v *voter) (c *exec.Cmd, ended <-chan error) {
	t.Helper()
	c, out := launchController(t, o)
	end := make(chan error, 1)
	go func() {
		var failed error
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "waits: ") && failed == nil {
				failed = voteOn(context.Background(), v.desk)
			}
		}
		if err := c.Wait(); failed == nil {
			failed = err
		}
		end <- failed
	}()
	return c, end
}

func linesOf(dir, who string) (n int) {
	for _, l := range toldOf(dir) {
		if l.who == who {
			n++
		}
	}
	return n
}

// allThatChanges is what a controller can change.
func allThatChanges(t *testing.T, dir string) string {
	t.Helper()
	var all []byte
	for _, name := range []string{"ledger", "log/dev/api.jsonl", "log/approvals/dev/api.jsonl"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if !errors.Is(err, fs.ErrNotExist) {
			require.NoError(t, err)
		}
		all = append(all, raw...)
	}
	return string(all)
}

// afterItsPlace returns the records that a controller wrote after one that took
// its place.
func afterItsPlace(t *testing.T, dir string) (late []uint64) {
	t.Helper()
	log, err := filelog.New(filepath.Join(dir, "log"), nil)
	require.NoError(t, err)
	chain := hashlog.NewChain("dev/api")
	var over []string
	last := ""
	for line, err := range log.Read(t.Context(), "dev/api", 1) {
		require.NoError(t, err)
		var r struct{ Kind, Controller string }
		body, err := chain.Open(line)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(body, &r))
		if slices.Contains(over, r.Controller) {
			late = append(late, chain.Head().Seq)
		}
		if r.Kind == "started" || r.Kind == "continued" {
			over, last = append(over, last), r.Controller
		}
	}
	return late
}
