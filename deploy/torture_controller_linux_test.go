package deploy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/runlog/filelog"
)

// ordersVar holds the orders of a controller process, as JSON.
const ordersVar = "DEVOPS_TEST_TORTURE"

// orders are what a controller process is told.
type orders struct {
	Dir  string // holds everything
	Name string // of the controller in the ledger
	// At is the point at which it ends, 0 is none. How is the signal: KILL
	// comes from outside, STOP and KILL also from the command in the middle of
	// which the point is.
	At    int64
	How   string
	Bad   bool   // watch fails
	Meet  bool   // the branches wait for each other
	Limit uint64 // of the size of a file, in bytes; 0 is none
}

// points counts the places where a controller can end, and ends it at one.
type points struct {
	orders
	n atomic.Int64
}

func (p *points) reach(what string) {
	switch {
	case p.n.Add(1) != p.At:
	case p.How == "STOP":
		(&pauser{at: 1}).point()
	default:
		fmt.Println("stopped:", what)
		select {} // until the kill
	}
}

type pointsLog struct {
	deploy.Log
	*points
}

func (l *pointsLog) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	l.reach(fmt.Sprintf("before record %d of %s", seq, stream))
	err := l.Log.Append(ctx, stream, seq, rec)
	l.reach(fmt.Sprintf("after record %d of %s", seq, stream))
	return err
}

// pointsExecutor has points before and after each command, and one at which the
// command, half done, signals its controller and hangs.
type pointsExecutor struct {
	deploy.Executor
	*points
}

func (e *pointsExecutor) Run(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
	cmd.Env = maps.Clone(cmd.Env)
	cmd.Env["WHO"], cmd.Env["PATH"] = e.Name, os.Getenv("PATH")
	if e.Meet {
		cmd.Env["MEET"] = "1"
	}
	name := cmd.Argv[3]
	e.reach("before " + name)
	if e.n.Add(1) == e.At {
		cmd.Env["HOLD"] = e.How
	}
	res, err := e.Executor.Run(ctx, cmd)
	e.reach("after " + name)
	return res, err
}

func (e *pointsExecutor) Fence(ctx context.Context, name string, epoch uint64) (deploy.Executor, error) {
	e.reach("before the fence")
	fenced, err := e.Executor.(deploy.Fencer).Fence(ctx, name, epoch)
	e.reach("after the fence")
	return &pointsExecutor{fenced, e.points}, err
}

// scripted has an effect on the ledger of a folder, by a command. Its spec does
// not name the folder.
type scripted struct {
	Name string `json:"name"`
	Bad  bool   `json:"bad,omitempty"`
	dir  string
}

func (s *scripted) Spec() any { return s }

// script notes that it began and that it is done in one write each. In between
// it can be told to signal its controller and hang.
const script = `echo "$WHO begins $0" >> ledger
if test -n "$HOLD"; then kill -$HOLD $PPID; read x < never; fi
case "$0" in
build-a|pay-b|link-c)
	if test -n "$MEET"; then
		: > "here $0"; n=0
		until test -e "here build-a" && test -e "here pay-b" && test -e "here link-c"; do n=$((n+1)); test $n -lt 3000; sleep 0.01; done
	fi;;
esac
case "$0" in build-a|un-build-a) if ! test -e "failed $0"; then : > "failed $0"; echo "first attempt of $0" >&2; exit 1; fi;; esac
if test "$0 $BAD" = "watch yes"; then echo "it answers errors" >&2; exit 1; fi
echo "output of $0"
echo "$WHO did $0 $RELEASE" >> ledger
`

func (s *scripted) Run(ctx context.Context, c *deploy.Call) error {
	if s.Name == "is link-c" {
		if !isThere(s.dir, "link-c") {
			return deploy.ErrNotDone
		}
		return nil
	}
	env := map[string]string{}
	if s.Bad {
		env["BAD"] = "yes"
	}
	if strings.HasSuffix(s.Name, "link-c") {
		r, err := tortureOutput.Bind(c)
		if err != nil {
			return err
		}
		env["RELEASE"] = fmt.Sprintf("v%d", r.N)
	}
	err := (&deploy.Exec{Command: deploy.Command{
		Argv: []string{"/bin/sh", "-ec", script, s.Name}, Dir: s.dir, Env: env, Grace: time.Second,
	}}).Run(ctx, c)
	if err != nil || s.Name != "prepare" {
		return err
	}
	return provideRelease(c, len(toldOf(s.dir)))
}

// told is a line of the ledger.
type told struct{ who, verb, effect, more string }

func toldOf(dir string) (lines []told) {
	raw, _ := os.ReadFile(filepath.Join(dir, "ledger")) // nothing was done where there is none
	for line := range strings.Lines(string(raw)) {
		words := append(strings.Fields(line), "", "", "", "")
		lines = append(lines, told{words[0], words[1], words[2], words[3]})
	}
	return lines
}

func timesTold(lines []told, verb, effect string) (n int) {
	for _, l := range lines {
		if l.verb == verb && l.effect == effect {
			n++
		}
	}
	return n
}

func isThere(dir, step string) bool {
	lines := toldOf(dir)
	return timesTold(lines, "did", step) > timesTold(lines, "did", "un-"+step)
}

// TestTortureController is a controller where a test has started it as one.
func TestTortureController(t *testing.T) {
	raw := os.Getenv(ordersVar)
	if raw == "" {
		return
	}
	p := &points{}
	require.NoError(t, json.Unmarshal([]byte(raw), &p.orders))
	if p.Limit > 0 {
		signal.Ignore(syscall.SIGXFSZ)
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: p.Limit, Max: p.Limit}))
	}
	files, err := filelog.New(filepath.Join(p.Dir, "log"), nil)
	require.NoError(t, err)
	local, err := localexec.New(&localexec.Options{Fence: filepath.Join(p.Dir, "fence")})
	require.NoError(t, err)
	log := &pointsLog{files, p}
	r := newRunner(t, log, &deploy.Options{Executor: &pointsExecutor{local, p}, Initiator: starter, Handle: p.say})
	desk := newDesk(t, log, 5*time.Millisecond)
	rep, err := person(t.Context(), r, scriptedPlan(t, p.orders, desk), func(step string) bool { return isThere(p.Dir, step) })
	if rep != nil {
		fmt.Println("outcome:", rep.Outcome)
	}
	fmt.Printf("error: %q\npoints: %d\n", fmt.Sprint(err), p.n.Load())
}

func scriptedPlan(t *testing.T, o orders, desk *approval.Desk) deploy.Plan {
	return torturePlan(func(name string) deploy.Action { return &scripted{name, o.Bad, o.Dir} }, approveStep(t, desk))
}

// say tells the parent what it waits for.
func (p *points) say(e deploy.Event) {
	switch e := e.(type) {
	case deploy.StepFinished:
		if !e.Retry {
			fmt.Printf("finished: %s %d\n", e.Step, p.n.Load())
		}
	case deploy.StepOutput:
		if strings.Contains(e.Line, "waits until") {
			fmt.Printf("waits: gate %d\n", p.n.Load())
		}
	}
}

// control runs a controller until it ends or dies, and returns what it said.
// The controller is killed where it stops at a point, and where until says that
// it is enough; until is called with each line.
func control(t *testing.T, o orders, until func(key, value string) bool) (said map[string]string, killed bool) {
	t.Helper()
	c, out := launchController(t, o)
	said = map[string]string{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		said[key] = value
		if key == "stopped" || until != nil && until(key, value) {
			_ = c.Process.Kill() // the command in its middle may have been faster
		}
	}
	err := c.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return said, true
	}
	require.NoError(t, err, "%v", said)
	return said, false
}

func launchController(t *testing.T, o orders) (*exec.Cmd, io.Reader) {
	t.Helper()
	raw, err := json.Marshal(o)
	require.NoError(t, err)
	c := exec.Command(os.Args[0], "-test.run=^TestTortureController$", "-test.timeout=3m")
	c.Env = append(os.Environ(), ordersVar+"="+string(raw), "GORACE=atexit_sleep_ms=0") // else each waits a second at its end
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill() // again, where it has ended
		_ = c.Wait()
	})
	return c, out
}

// tortureHost makes the folder of a run. What hangs reads the pipe "never".
func tortureHost(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	never := filepath.Join(dir, "never")
	require.NoError(t, syscall.Mkfifo(never, 0o600))
	t.Cleanup(func() { // lets go what a failed test has left hanging
		f, err := os.OpenFile(never, os.O_RDWR, 0)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	})
	return dir
}
