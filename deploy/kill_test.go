package deploy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
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
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/runlog/filelog"
)

// The kill matrix: a controller process runs a plan whose effects go into a
// ledger that the engine knows nothing of. It is killed with SIGKILL, from
// this process, at every append and command in turn, and run again.

func TestMain(m *testing.M) {
	if os.Getenv("DEVOPS_TEST_DIGEST") != "" {
		tellDigest()
		return
	}
	if dir := os.Getenv("DEVOPS_TEST_CONTROLLER"); dir != "" {
		controller(dir)
		return
	}
	os.Exit(m.Run())
}

// released is the plan of the matrix. "pay" must never run twice. With bad the
// watch fails.
func released(dir string, bad bool) deploy.Plan {
	sh := func(script string) *deploy.Exec {
		return &deploy.Exec{Command: deploy.Command{Argv: []string{"/bin/sh", "-ec", script}, Dir: dir, Env: map[string]string{"PATH": os.Getenv("PATH")}}}
	}
	watch := "echo watch >> ledger"
	if bad {
		watch += "; exit 1"
	}
	link := "echo %[1]s >> ledger; ln -sfn %[1]s next; mv -T next live"
	build := "if test -p gate; then echo begun >> ledger; read x < gate; echo ended >> ledger; fi; echo build >> ledger"
	return plan(
		deploy.Step{Name: "build", InFlight: deploy.Repeat, Do: sh(build), Undo: sh("echo unbuild >> ledger")},
		deploy.Step{Name: "pay", Do: sh("echo pay >> ledger")},
		deploy.Step{
			Name: "switch", InFlight: deploy.Verify, Do: sh(fmt.Sprintf(link, "new")), Undo: sh(fmt.Sprintf(link, "old")),
			Verify: &looksAt{Path: filepath.Join(dir, "live"), Want: "new"},
		},
		deploy.Step{Name: "watch", InFlight: deploy.Repeat, Do: sh(watch)},
		deploy.Step{Name: "prove", InFlight: deploy.Repeat, Do: sh("echo new > proven.next; mv proven.next proven")},
	)
}

// looksAt verifies where a symbolic link points.
type looksAt struct{ Path, Want string }

func (l *looksAt) Spec() any { return l }

func (l *looksAt) Run(context.Context, *deploy.Call) error {
	got, err := os.Readlink(l.Path)
	if err == nil && got != l.Want {
		return fmt.Errorf("%s points to %s: %w", l.Path, got, deploy.ErrNotDone)
	}
	return err
}

// controller is the process that gets killed. It stops for good at the point
// whose number it is given, says so, and waits for the kill.
func controller(dir string) {
	at, _ := strconv.Atoi(os.Getenv("DEVOPS_TEST_STOP_AT"))
	stop := &stopper{at: int64(at)}
	fatal := func(err error) {
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	left, err := localexec.Marked("api@dev/" + runOf(dir))
	fatal(err)
	fatal(localexec.End(context.Background(), left, time.Second))
	log, err := filelog.New(filepath.Join(dir, "log"), nil)
	fatal(err)
	local, err := localexec.New(nil)
	fatal(err)
	r, err := deploy.New(&stoppingLog{log, stop}, &deploy.Options{Executor: stoppingExecutor{local, stop}})
	fatal(err)
	p := released(dir, os.Getenv("DEVOPS_TEST_BAD") != "")
	if answer := os.Getenv("DEVOPS_TEST_ANSWER"); answer != "" {
		fatal(r.Decide(context.Background(), p.Ref(deploy.RunID(runOf(dir))), "pay", deploy.Decision{Answer: deploy.Answer(answer), By: "test"}))
	}
	rep, err := r.Run(context.Background(), deploy.RunID(runOf(dir)), p)
	if rep == nil {
		fatal(err)
	}
	fmt.Printf("outcome: %s\npoints: %d\n", rep.Outcome, stop.n.Load())
}

// runOf makes run ids, and so markers, of tests that run at once differ.
func runOf(dir string) string { return strings.ToLower(filepath.Base(filepath.Dir(dir))) + "-r1" }

// stopper counts kill points and stops the process at one of them.
type stopper struct {
	n  atomic.Int64
	at int64
}

func (s *stopper) point(what string) {
	if s.n.Add(1) == s.at {
		fmt.Println("stopped:", what)
		select {}
	}
}

type stoppingLog struct {
	deploy.Log
	stop *stopper
}

func (l *stoppingLog) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	l.stop.point(fmt.Sprintf("before record %d", seq))
	err := l.Log.Append(ctx, stream, seq, rec)
	l.stop.point(fmt.Sprintf("after record %d", seq))
	return err
}

func (l *stoppingLog) Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	return l.Log.Read(ctx, stream, from)
}

type stoppingExecutor struct {
	deploy.Executor
	stop *stopper
}

func (e stoppingExecutor) Run(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
	e.stop.point("before " + cmd.Argv[2])
	res, err := e.Executor.Run(ctx, cmd)
	e.stop.point("after " + cmd.Argv[2])
	return res, err
}

// runController starts a controller and returns what it said. It kills the controller
// when that stops at a point.
func runController(t *testing.T, dir string, stopAt int, env ...string) (killed bool, said map[string]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "DEVOPS_TEST_CONTROLLER="+dir, "DEVOPS_TEST_STOP_AT="+strconv.Itoa(stopAt))...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	said = map[string]string{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		said[key] = value
		if key == "stopped" {
			killed = true
			require.NoError(t, cmd.Process.Kill())
		}
	}
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); !killed {
		require.NoError(t, err, "%v", said)
	}
	return killed, said
}

func ledger(t *testing.T, dir string) map[string]int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "ledger"))
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
	counts := map[string]int{}
	for line := range strings.Lines(string(raw)) {
		counts[strings.TrimSpace(line)]++
	}
	return counts
}

func newServer(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.Symlink("old", filepath.Join(dir, "live")))
	return dir
}

func TestKillMatrix(t *testing.T) {
	for name, c := range map[string]struct {
		env    []string
		want   deploy.Outcome
		live   string
		points int // of an unkilled run; it must not fall
	}{
		"good release": {nil, deploy.Succeeded, "new", 34},
		"bad release":  {[]string{"DEVOPS_TEST_BAD=1"}, deploy.Undone, "old", 42},
	} {
		t.Run(name, func(t *testing.T) {
			_, said := runController(t, newServer(t), 0, c.env...)
			require.Equal(t, string(c.want), said["outcome"])
			points, err := strconv.Atoi(said["points"])
			require.NoError(t, err)
			t.Logf("%d kill points", points)
			require.GreaterOrEqual(t, points, c.points)
			for _, at := range sample(t, points, 6) {
				killAndRunAgain(t, at, c.env, c.want, c.live)
			}
		})
	}
}

// killAndRunAgain is one cell of the matrix.
func killAndRunAgain(t *testing.T, at int, env []string, want deploy.Outcome, live string) {
	t.Helper()
	dir := newServer(t)
	killed, said := runController(t, dir, at, env...)
	require.True(t, killed, "the kill at point %d never fired", at)
	where := fmt.Sprintf("killed at point %d, %s", at, said["stopped"])
	_, err := os.Readlink(filepath.Join(dir, "live"))
	require.NoError(t, err, where)

	_, said = runController(t, dir, 0, env...)
	if said["outcome"] == string(deploy.Held) {
		require.LessOrEqual(t, ledger(t, dir)["pay"], 1, where)
		answer := deploy.AnswerRepeat
		if ledger(t, dir)["pay"] == 1 {
			answer = deploy.AnswerDone
		}
		_, said = runController(t, dir, 0, append(env, "DEVOPS_TEST_ANSWER="+string(answer))...)
	}
	require.Equal(t, string(want), said["outcome"], where)
	got, err := os.Readlink(filepath.Join(dir, "live"))
	require.NoError(t, err, where)
	require.Equal(t, live, got, where)
	require.Equal(t, 1, ledger(t, dir)["pay"], where)
	_, err = os.Stat(filepath.Join(dir, "proven"))
	require.Equal(t, want == deploy.Succeeded, err == nil, where)
}

// sample picks n of the points by a seed that it prints, or all of them in an
// exhaustive run.
func sample(t *testing.T, points, n int) []int {
	t.Helper()
	all := make([]int, points)
	for i := range all {
		all[i] = i + 1
	}
	if os.Getenv("DEVOPS_EXHAUSTIVE") != "" {
		return all
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("DEVOPS_TEST_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("DEVOPS_TEST_SEED=%d", seed)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(n, points)]
}

// TestAnOrphanedCommandIsEndedBeforeTheRunGoesOn kills the controller while
// its command runs on.
func TestAnOrphanedCommandIsEndedBeforeTheRunGoesOn(t *testing.T) {
	dir := newServer(t)
	require.NoError(t, exec.Command("mkfifo", filepath.Join(dir, "gate")).Run())
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DEVOPS_TEST_CONTROLLER="+dir)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return ledger(t, dir)["begun"] == 1 }, 30*time.Second, 5*time.Millisecond)
	orphans, err := localexec.Marked("api@dev/" + runOf(dir))
	require.NoError(t, err)
	require.NotEmpty(t, orphans)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.True(t, localexec.Alive(orphans[0]), "nobody has ended the command yet")

	require.NoError(t, os.Rename(filepath.Join(dir, "gate"), filepath.Join(dir, "no gate")))
	_, said := runController(t, dir, 0)
	require.Equal(t, string(deploy.Succeeded), said["outcome"])
	for _, p := range orphans {
		require.False(t, localexec.Alive(p))
	}
	require.Zero(t, ledger(t, dir)["ended"])
}
