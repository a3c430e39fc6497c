//go:build unix

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestArguments(t *testing.T) {
	opts, err := parse([]string{"-require-all", "-exhaustive", "-only", "^go"}, io.Discard)
	require.NoError(t, err)
	require.True(t, opts.requireAll && opts.exhaustive && !opts.list)
	require.True(t, opts.only.MatchString("go vet"))
	for _, args := range [][]string{{"-only", "("}, {"-nonsense"}, {"extra"}} {
		require.Equal(t, 2, run(t.Context(), args, io.Discard, io.Discard), args)
	}
	require.Zero(t, run(t.Context(), []string{"-h"}, io.Discard, io.Discard))
}

func TestListPrintsTheStepsAndRunsNone(t *testing.T) {
	t.Chdir(tree(t, map[string]string{"go.mod": "module " + rootModule, "nested/go.mod": "module n"}))
	var out bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-list"}, &out, io.Discard))
	require.Contains(t, out.String(), "\ngo test\nnested module nested\n")
	require.NotContains(t, out.String(), "benchmarks")
	require.NoDirExists(t, ".tools")
}

func TestOutsideOfTheCheckoutNothingRuns(t *testing.T) {
	t.Chdir(t.TempDir())
	var errs bytes.Buffer
	require.Equal(t, 2, run(t.Context(), nil, io.Discard, &errs))
	require.Contains(t, errs.String(), "checkout")
}

// checkout is a tree with the root module's name and one package of tests.
func checkout(t *testing.T, tests string) string {
	t.Helper()
	return tree(t, map[string]string{
		"go.mod":    "module " + rootModule + "\n\ngo 1.26\n",
		"x_test.go": "package x\n\n" + tests,
	})
}

// TestRealRunsOfGoTest runs the real go command on trees of which the outcome
// is known.
func TestRealRunsOfGoTest(t *testing.T) {
	for name, c := range map[string]struct {
		tests, last, says string
		code              int
	}{
		"good": {
			`import "testing"
func TestA(t *testing.T) { t.Run("sub", func(t *testing.T) { t.Skip("no moon") }) }
func TestB(t *testing.T) {}`, "2 passed, 0 failed, 1 skipped", "no moon", 0,
		},
		"bad": {
			`import "testing"
func TestA(t *testing.T) { t.Error("the cause") }
func TestB(t *testing.T) {}`, "1 passed, 1 failed, 0 skipped", "the cause", 1,
		},
		"does not compile": {`func x() { undefined() }`, "0 passed, 1 failed, 0 skipped", "undefined: undefined", 1},
		"lies": {
			`import ("os"; "testing")
func TestMain(*testing.M) { os.Exit(0) }
func TestA(t *testing.T) {}`, "0 passed, 1 failed, 0 skipped", "no test ran", 1,
		},
		"leaves in the middle": {
			`import ("os"; "testing")
func TestA(t *testing.T) { os.Exit(0) }`, "0 passed, 1 failed, 0 skipped", "unexpected call to os.Exit(0)", 1,
		},
		"is killed": {
			`import ("os"; "testing")
func TestA(t *testing.T) { p, _ := os.FindProcess(os.Getpid()); p.Kill(); select {} }`,
			"0 passed, 1 failed, 0 skipped", "signal: killed", 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(checkout(t, c.tests))
			var out bytes.Buffer
			code := run(t.Context(), []string{"-only", "^go test$"}, &out, io.Discard)
			require.Equal(t, c.last, lastLine(out.String()), out.String())
			require.Equal(t, c.code, code)
			require.Contains(t, out.String(), c.says)
		})
	}
}

func TestInterruptEndsTheTestsAndStillSummarises(t *testing.T) {
	root := checkout(t, `import ("os"; "strconv"; "testing")
func TestA(t *testing.T) {
	os.WriteFile("new", []byte(strconv.Itoa(os.Getpid())), 0o644)
	os.Rename("new", "pid")
	select {}
}`)
	program := filepath.Join(t.TempDir(), "check")
	build, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(build))
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, "-only", "^go (test|vet)$")
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	pid := filepath.Join(root, "pid")
	require.Eventually(t, func() bool { return exists(pid) }, 2*time.Minute, 10*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	err = cmd.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode(), out.String())
	require.Equal(t, "1 passed, 1 failed, 0 skipped", lastLine(out.String()), out.String())
	require.Contains(t, out.String(), "interrupted")
	requireGone(t, pid)
}
