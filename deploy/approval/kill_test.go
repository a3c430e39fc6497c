//go:build unix

package approval_test

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/envconfig"
)

// A controller process waits at a gate. It is killed with SIGKILL before and
// after every record that it writes, the votes come in while nobody runs, and
// it is run again.

const (
	dirVar  = "APPROVAL_TEST_CONTROLLER"
	stopVar = "APPROVAL_TEST_STOP_AT"
	whoVar  = "APPROVAL_TEST_INITIATOR" // ada where it is not set
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(dirVar); dir != "" {
		controller(dir)
		return
	}
	os.Exit(m.Run())
}

// append1 adds a line to a file outside the log.
type append1 struct{ Name string }

func (a *append1) Spec() any { return "ship" }

func (a *append1) Run(context.Context, *deploy.Call) error {
	f, err := os.OpenFile(a.Name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, "ship\n"); err != nil {
		return err
	}
	return f.Close()
}

func controller(dir string) {
	fatal := func(err error) {
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	files, err := filelog.New(filepath.Join(dir, "log"), nil)
	fatal(err)
	at, _ := strconv.Atoi(os.Getenv(stopVar))
	log := &stopping{Log: files, at: int64(at)}
	desk, err := approval.New(log, deploy.SigningKey{Name: "desk", Key: key("desk")}, &approval.Options{Poll: 5 * time.Millisecond})
	fatal(err)
	runner, err := deploy.New(log, &deploy.Options{
		Initiator: cmp.Or(os.Getenv(whoVar), ada.ID), Executable: "sha256:test",
		Handle: func(e deploy.Event) {
			if o, ok := e.(deploy.StepOutput); ok {
				fmt.Println("output:", o.Line)
			}
		},
	})
	fatal(err)
	gate, err := desk.Gate(approval.Policy{Quorums: []approval.Quorum{{Role: "ops", N: 2}}})
	fatal(err)
	rep, err := runner.Run(context.Background(), "r1", deploy.Plan{Service: "api", Env: envconfig.Staging(), Steps: []deploy.Step{
		gate.Step("approve"),
		{Name: "ship", InFlight: deploy.Repeat, Do: &append1{filepath.Join(dir, "ledger")}},
	}})
	fatal(err)
	fmt.Printf("points: %d\noutcome: %s\n", log.n.Load(), rep.Outcome)
}

// stopping stops the process for good at one of its appends.
type stopping struct {
	deploy.Log
	n  atomic.Int64
	at int64
}

func (s *stopping) point() {
	if s.n.Add(1) == s.at {
		fmt.Println("stopped: here")
		select {}
	}
}

func (s *stopping) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	s.point()
	err := s.Log.Append(ctx, stream, seq, rec)
	s.point()
	return err
}

// process runs a controller to its end, or until it stops at a point or
// until says that it is enough; then it kills it.
func process(t *testing.T, dir string, at int, until func(key, value string) bool) (said map[string]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), dirVar+"="+dir, stopVar+"="+strconv.Itoa(at))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	said = map[string]string{}
	killed := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		said[name] = value
		if name == "stopped" || until(name, value) {
			killed = true
			require.NoError(t, cmd.Process.Kill())
		}
	}
	err = cmd.Wait()
	if !killed {
		require.NoError(t, err, "%v", said)
	}
	return said
}

// onlooker is this process: it votes and reads the log.
type onlooker struct {
	t    *testing.T
	dir  string
	log  deploy.Log
	desk *approval.Desk
}

func newOnlooker(t *testing.T) *onlooker {
	t.Helper()
	dir := t.TempDir()
	log, err := filelog.New(filepath.Join(dir, "log"), nil)
	require.NoError(t, err)
	desk, err := approval.New(log, deploy.SigningKey{Name: "desk", Key: key("desk")}, nil)
	require.NoError(t, err)
	return &onlooker{t, dir, log, desk}
}

// vote approves what waits.
func (o *onlooker) vote(who approval.Identity) {
	for s, err := range o.desk.Requests(o.t.Context(), deploy.Ref{Service: "api", Environment: "stg"}) {
		require.NoError(o.t, err)
		if s.State == approval.Waiting {
			_, err = o.desk.Vote(o.t.Context(), s.Request, yes(who))
			require.NoError(o.t, err)
		}
	}
}

func waits(name, value string) bool {
	return name == "output" && strings.Contains(value, "waits until")
}

// voteAsAsked votes as soon as the controller says who is missing.
func (o *onlooker) voteAsAsked(name, value string) (enough bool) {
	switch {
	case !waits(name, value):
	case strings.Contains(value, "for 2 of"):
		o.vote(ben)
	case strings.Contains(value, "for 1 of"):
		o.vote(dana)
	}
	return false
}

// proveOnce checks that each vote counted once and the effect was had once.
func (o *onlooker) proveOnce() {
	for kind, n := range map[string]int{"opened": 1, "voted": 2, "closed": 1} {
		require.Len(o.t, bodies(o.t, o.log, "approvals/stg/api", kind), n, kind)
	}
	runner, err := deploy.New(o.log, nil)
	require.NoError(o.t, err)
	rep, err := runner.Report(o.t.Context(), deploy.Ref{Service: "api", Environment: "stg", Run: "r1"})
	require.NoError(o.t, err)
	require.Equal(o.t, deploy.Succeeded, rep.Outcome)
	require.Len(o.t, passed(o.t, rep).By, 2)
	ledger, err := os.ReadFile(filepath.Join(o.dir, "ledger"))
	require.NoError(o.t, err)
	require.Equal(o.t, "ship\n", string(ledger))
}

func TestAnApprovalBetweenKillAndContinuingCountsOnce(t *testing.T) {
	// An unkilled run appends started, intent, opened, closed, outcome, intent,
	// outcome, finished, with a point before and after each. Those around the
	// gate's own are killed at here, the others in the tests of the engine.
	const points = 16
	for _, at := range []int{0, 4, 5, 6, 7, 8, 9, 10} {
		t.Run(strconv.Itoa(at), func(t *testing.T) {
			t.Parallel()
			o := newOnlooker(t)
			if at == 0 { // killed while it waits
				process(t, o.dir, 0, waits)
			} else {
				said := process(t, o.dir, at, o.voteAsAsked)
				require.Contains(t, said, "stopped", "point %d was not reached: %v", at, said)
			}
			o.vote(ben) // while nobody runs, where it is waited for
			o.vote(dana)
			process(t, o.dir, 0, o.voteAsAsked)
			o.proveOnce()
		})
	}
	t.Run("unkilled", func(t *testing.T) {
		o := newOnlooker(t)
		said := process(t, o.dir, 0, o.voteAsAsked)
		require.Equal(t, strconv.Itoa(points), said["points"], "the numbers above are those of the gate")
		o.proveOnce()
	})
}

// TestWhoContinuesIsNotForgottenByAKill: ben, who has approved, continues the
// run and is killed at each point up to where the gate waits again. As soon as
// the log of the run has him, he has approved nothing.
func TestWhoContinuesIsNotForgottenByAKill(t *testing.T) {
	eve := approval.Identity{ID: "eve@example.com", Roles: []string{"ops"}}
	for at := 1; at <= 6; at++ { // around continued, intent and joined
		o := newOnlooker(t)
		process(t, o.dir, 0, waits)
		o.vote(ben)
		t.Setenv(whoVar, ben.ID)
		require.Contains(t, process(t, o.dir, at, waits), "stopped", at)
		t.Setenv(whoVar, ada.ID)
		said := process(t, o.dir, 0, waits)
		if at == 1 { // he has not continued it
			require.Contains(t, said["output"], "for 1 of")
			continue
		}
		require.Contains(t, said["output"], "for 2 of")
		require.Len(t, bodies(t, o.log, "approvals/stg/api", "joined"), 1)
		o.vote(dana)
		o.vote(eve)
		require.Equal(t, string(deploy.Succeeded), process(t, o.dir, 0, func(string, string) bool { return false })["outcome"])
		ledger, err := os.ReadFile(filepath.Join(o.dir, "ledger"))
		require.NoError(t, err)
		require.Equal(t, "ship\n", string(ledger))
	}
}
