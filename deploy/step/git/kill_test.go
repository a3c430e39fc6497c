package git_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/step/git"
)

const (
	stateVar = "GIT_TEST_STATE"
	dirVar   = "GIT_TEST_DIR"
	urlVar   = "GIT_TEST_URL"
	hashVar  = "GIT_TEST_COMMIT"
	turnVar  = "GIT_TEST_TURN_BACK"
)

// TestMain is also the main function of the process that TestKill kills.
func TestMain(m *testing.M) {
	if os.Getenv(stateVar) == "" {
		os.Exit(m.Run())
	}
	if err := child(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// asking is an executor that asks before each command.
type asking struct {
	deploy.Executor
	in *bufio.Reader
}

func (a *asking) Run(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
	if _, err := fmt.Println("next", strings.Join(cmd.Argv, " ")); err != nil {
		return deploy.Result{}, err
	}
	if _, err := a.in.ReadByte(); err != nil {
		return deploy.Result{}, err
	}
	return a.Executor.Run(ctx, cmd)
}

func killedSteps(url, dir, commit string, back bool) []deploy.Step {
	steps := []deploy.Step{step(&git.Checkout{Repository: git.Repository{URL: url, Allow: []string{"file"}}, Commit: commit, Dir: dir})}
	if back {
		steps = append(steps, failing())
	}
	return steps
}

func child() error {
	ex, err := localexec.New(&localexec.Options{Inherit: []string{"PATH"}})
	if err != nil {
		return err
	}
	steps := killedSteps(os.Getenv(urlVar), os.Getenv(dirVar), os.Getenv(hashVar), os.Getenv(turnVar) != "")
	_, err = runIn(context.Background(), os.Getenv(stateVar), &asking{ex, bufio.NewReader(os.Stdin)}, "killed", steps...)
	if os.Getenv(turnVar) != "" {
		return nil // it failed, as it had to
	}
	return err
}

// TestKill kills a run before each of its commands, where an older checkout is
// in the way, and continues it. Dir is a whole checkout at each moment, old or
// new, or its way is free.
func TestKill(t *testing.T) {
	w := newWork(t, t.TempDir(), "api")
	first, second := w.commit("one"), w.commit("two")
	older := filepath.Join(t.TempDir(), "older")
	_, err := run(t, local(t), "older", killedSteps(w.bare, older, first, false)...)
	require.NoError(t, err)
	for _, back := range []bool{false, true} {
		stride, kills := 1, 0
		if os.Getenv("DEVOPS_EXHAUSTIVE") == "" {
			stride = 5
		}
		start := rand.IntN(stride)
		t.Logf("turned back: %t, kills before command %d, then each %d", back, start, stride)
		for n := start; ; n += stride {
			dir, state := filepath.Join(t.TempDir(), "api"), filepath.Join(t.TempDir(), "log")
			require.NoError(t, os.CopyFS(dir, os.DirFS(older)))
			last, killed := killBefore(t, n, back, stateVar+"="+state, dirVar+"="+dir, urlVar+"="+w.bare, hashVar+"="+second)
			if !killed {
				break
			}
			kills++
			if _, err := os.Lstat(dir); err == nil {
				head := gitIn(t, dir, "rev-parse", "HEAD")
				require.Equal(t, map[string]string{first: "one", second: "two"}[head], read(t, filepath.Join(dir, "app.txt")), last)
			}
			report, err := runIn(t.Context(), state, local(t), "killed", killedSteps(w.bare, dir, second, back)...)
			if back {
				require.Error(t, err, last)
				require.Equal(t, deploy.Undone, report.Outcome, last)
				requireAlone(t, dir)
				continue
			}
			require.NoError(t, err, last)
			require.Equal(t, second, gitIn(t, dir, "rev-parse", "HEAD"), last)
			require.Equal(t, "two", read(t, filepath.Join(dir, "app.txt")))
			requireAlone(t, dir, "api")
		}
		require.GreaterOrEqual(t, kills, 20/stride)
	}
}

// killBefore lets a process run n commands and kills it before the next.
func killBefore(t *testing.T, n int, back bool, env ...string) (last string, killed bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), env...)
	if back {
		cmd.Env = append(cmd.Env, turnVar+"=1")
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "next ") {
			continue
		}
		last = lines.Text()
		if n == 0 {
			killed = true
			require.NoError(t, cmd.Process.Kill())
			continue
		}
		n--
		_, err := io.WriteString(in, "\n")
		require.NoError(t, err)
	}
	if err := cmd.Wait(); !killed {
		require.NoError(t, err)
	}
	return last, killed
}

// What a kill in the middle of rm and git leaves is cleared away.
func TestHalfCommands(t *testing.T) {
	w := newWork(t, t.TempDir(), "api")
	first, second := w.commit("one"), w.commit("two")
	repo := git.Repository{URL: w.bare, Allow: []string{"file"}}
	for name, leave := range map[string]func(dir string){
		"half a fetch": func(dir string) {
			require.NoError(t, os.MkdirAll(dir+".checkout-new/.git/objects/pack", 0o700))
			require.NoError(t, os.WriteFile(dir+".checkout-new/.git/HEAD.lock", nil, 0o600))
		},
		"the old one aside": func(dir string) { require.NoError(t, os.Rename(dir, dir+".checkout-old")) },
		"half of the old one": func(dir string) {
			require.NoError(t, os.MkdirAll(dir+".checkout-old/src", 0o700))
		},
	} {
		dir := filepath.Join(t.TempDir(), "api")
		_, err := run(t, local(t), "1", step(&git.Checkout{Repository: repo, Commit: first, Dir: dir}))
		require.NoError(t, err)
		leave(dir)
		// A run that comes to nothing leaves the old one, with Undo and without.
		bad := &git.Checkout{Repository: repo, Commit: strings.Repeat("b", 40), Dir: dir}
		_, err = run(t, local(t), "2", deploy.Step{Name: "checkout", InFlight: deploy.Repeat, Do: bad})
		require.Error(t, err, name)
		require.Equal(t, "one", read(t, filepath.Join(dir, "app.txt")), name)
		leave(dir)
		_, err = run(t, local(t), "2", step(bad))
		require.Error(t, err, name)
		require.Equal(t, "one", read(t, filepath.Join(dir, "app.txt")), name)
		requireAlone(t, dir, "api")

		leave(dir)
		_, err = run(t, local(t), "3", step(&git.Checkout{Repository: repo, Commit: second, Dir: dir}))
		require.NoError(t, err, name)
		require.Equal(t, "two", read(t, filepath.Join(dir, "app.txt")), name)
		requireAlone(t, dir, "api")
	}
}
