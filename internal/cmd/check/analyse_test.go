package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree writes files below a new folder and returns it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return root
}

func TestOutputIsAFindingEvenWithExitStatusZero(t *testing.T) {
	b := testBench(t)
	require.NoError(t, b.silent(t.Context(), io.Discard, ".", "sh", "-c", "echo downloading >&2"))
	err := b.silent(t.Context(), io.Discard, ".", "sh", "-c", "echo bad.go; echo worse.go")
	require.EqualError(t, err, "sh has something to say (2 lines)")
	require.Error(t, b.silent(t.Context(), io.Discard, ".", "sh", "-c", "printf x"))
	require.EqualError(t, b.silent(t.Context(), io.Discard, ".", "sh", "-c", "exit 2"), "sh: exit status 2")
}

func TestSourceIsFoundAndFoldersOfOthersAreNot(t *testing.T) {
	root := tree(t, map[string]string{
		"go.mod": "module x", "a.go": "", "deploy/b.go": "", "deploy/testdata/c.go": "", "deploy/testdata/go.mod": "module bad",
		".tools/d.go": "", ".tools/go.mod": "module bad", "_old/e.go": "", "nested/go.mod": "module x/nested", "nested/f.go": "",
		"web/node_modules/p/g.go": "", "web/node_modules/p/package-lock.json": "{}", "web/package-lock.json": "{}",
		"deploy/testdata/app/package-lock.json": "{}",
	})
	files, err := goFiles(root)
	require.NoError(t, err)
	require.Equal(t, []string{"a.go", "deploy/b.go", "nested/f.go"}, files)
	modules, err := findModules(root)
	require.NoError(t, err)
	require.Equal(t, []string{".", "nested"}, modules)
	locks, err := lockFiles(root)
	require.NoError(t, err)
	require.Equal(t, []string{"deploy/testdata/app/package-lock.json", "web/package-lock.json"}, locks)
	require.Equal(t, []string{"./deploy/..."}, corePatterns(root))
}

func TestRootModuleComesFirstWhateverItsPlace(t *testing.T) {
	modules, err := findModules(tree(t, map[string]string{"a/go.mod": "", "go.mod": "", "z/go.mod": ""}))
	require.NoError(t, err)
	require.Equal(t, []string{".", "a", "z"}, modules)
	_, err = findModules(tree(t, map[string]string{"a/go.mod": ""}))
	require.ErrorContains(t, err, "no go.mod")
}

func TestLockFilesNameNoAddresses(t *testing.T) {
	for name, c := range map[string]struct{ text, problem string }{
		"clean":      {`{"packages":{"":{},"node_modules/a":{"integrity":"sha512-x","funding":{"url":"https://example.org"}}}}`, ""},
		"a link":     {`{"packages":{"node_modules/a":{"resolved":"packages/a","link":true}}}`, ""},
		"an address": {`{"packages":{"node_modules/a":{"resolved":"https://example.org/a.tgz","integrity":"sha512-x"}}}`, "node_modules/a names an address"},
		"no digest":  {`{"packages":{"node_modules/a":{"version":"1.0.0"}}}`, "node_modules/a has no digest"},
		"version 1":  {`{"dependencies":{"a":{"resolved":"https://example.org/a.tgz"}}}`, "npm 7"},
		"not JSON":   {`<html>`, "invalid character"},
	} {
		t.Run(name, func(t *testing.T) {
			err := lockProblem([]byte(c.text))
			if c.problem == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.problem)
		})
	}
}

func TestEveryExampleIsListed(t *testing.T) {
	runs := []example{{dir: "examples/a"}}
	require.NoError(t, unlisted([]string{rootModule + "/examples/a", rootModule + "/examples/a/releases/v1"}, runs))
	require.ErrorContains(t, unlisted([]string{rootModule + "/examples/a", rootModule + "/examples/b"}, runs), "nothing runs examples/b")
	require.ErrorContains(t, unlisted(nil, runs), "no program examples/a")
}

func TestAnExampleLeavesAReport(t *testing.T) {
	e := example{dir: "examples/a", args: []string{"-report", reportArg, "-to", folderArg + "/x"}}
	require.Equal(t, []string{"go", "run", "./examples/a", "-report", "/r.json", "-to", "/f/x"}, exampleArgs(e, "/r.json", "/f"))

	b := testBench(t)
	report := b.tools("logs", "examples-a.json")
	b.exec = (&installer{}).exec
	require.Contains(t, exampleStep(b, e).run(t.Context(), io.Discard).reason, "left no report")
	b.exec = (&installer{leave: []string{report}}).exec
	require.Equal(t, "its report is no JSON", exampleStep(b, e).run(t.Context(), io.Discard).reason)
	b.exec = (&installer{}).exec
	require.Contains(t, exampleStep(b, e).run(t.Context(), io.Discard).reason, "left no report", "one of an earlier run does not count")
}

func TestFuzzTargetsAreFound(t *testing.T) {
	root := tree(t, map[string]string{"x_test.go": `package x
func FuzzOne(f *testing.F) {}
func FuzzTwo(f *testing.F) {}
func Fuzzy() {}
func (r recv) FuzzMethod(f *testing.F) {}
func helperFuzz(f *testing.F) {}
`})
	names, err := fuzzNames(filepath.Join(root, "x_test.go"))
	require.NoError(t, err)
	require.Equal(t, []string{"FuzzOne", "FuzzTwo"}, names)
	require.Equal(t, []string{"go", "test", "-run=^$", "-fuzz=^FuzzOne$", "-fuzztime=3s", "x", "-args", "-test.fuzzcachedir=c"}, fuzzArgs(fuzzTarget{"x", "FuzzOne"}, "c", false))
}

// The race of Go's fuzzer at the end of its time is tried again, and nothing else
// is: neither a target whose own deadline ends, nor one that found something.
func TestFuzzingIsTriedAgainAfterTheRaceOnly(t *testing.T) {
	const begin = "fuzz: elapsed: 3s, execs: 11933 (3976/sec), new interesting: 5 (total: 126)\n"
	const race = begin + "--- FAIL: FuzzOne (4.01s)\n    context deadline exceeded\nFAIL\nexit status 1\nFAIL\tx\t4.018s\n"
	for output, want := range map[string]int{
		race: fuzzTries,
		begin + "--- FAIL: FuzzOne (4.01s)\n    --- FAIL: FuzzOne (0.00s)\n        x_test.go:1: context deadline exceeded\nFAIL\n": 1,
		race + "Failing input written to testdata/fuzz/FuzzOne/771e938e4458e983\n":                                                 1,
		begin + "panic: boom\nFAIL\n": 1,
	} {
		b, ran := testBench(t), 0
		b.exec = func(_ context.Context, c command, _ io.Writer) error {
			ran++
			_, _ = io.WriteString(c.stdout, output)
			return errors.New("go test: exit status 1")
		}
		_, err := b.fuzz(t.Context(), io.Discard, ".", fuzzTarget{"x", "FuzzOne"})
		require.ErrorContains(t, err, "exit status 1")
		require.Equal(t, want, ran, output)
	}
	b, ran := testBench(t), 0
	b.exec = func(_ context.Context, c command, _ io.Writer) error {
		if ran++; ran == 1 {
			_, _ = io.WriteString(c.stdout, race)
			return errors.New("go test: exit status 1")
		}
		_, _ = io.WriteString(c.stdout, begin+"PASS\n")
		return nil
	}
	execs, err := b.fuzz(t.Context(), io.Discard, ".", fuzzTarget{"x", "FuzzOne"})
	require.NoError(t, err)
	require.Equal(t, 11933, execs)
}

func TestFuzzingWithoutExecutionsFails(t *testing.T) {
	const output = "fuzz: elapsed: 0s, gathering baseline coverage: 0/1 completed\n" +
		"fuzz: elapsed: 1s, execs: 10 (10/sec), new interesting: 0 (total: 1)\n" +
		"fuzz: elapsed: 3s, execs: 148321 (70784/sec), new interesting: 3 (total: 4)\nPASS\n"
	require.Equal(t, 148321, executions(output))
	require.Zero(t, executions("PASS\n"))
	b := testBench(t)
	b.exec = (&installer{}).exec
	_, err := b.fuzz(t.Context(), io.Discard, ".", fuzzTarget{"x", "FuzzOne"})
	require.ErrorContains(t, err, "without executing")

	b.exec = func(_ context.Context, c command, _ io.Writer) error {
		_, _ = io.WriteString(c.stdout, output)
		return errors.New("go test: exit status 1")
	}
	execs, err := b.fuzz(t.Context(), io.Discard, ".", fuzzTarget{"x", "FuzzOne"})
	require.ErrorContains(t, err, "exit status 1", "a finding")
	require.Equal(t, 148321, execs)
}
