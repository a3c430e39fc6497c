package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// fuzzTarget is a fuzz function of a package.
type fuzzTarget struct{ pkg, name string }

// fuzzArgs is the command line that fuzzes one target. What earlier runs found
// interesting is left aside: to run it all again would take the time away.
func fuzzArgs(t fuzzTarget, cache string, exhaustive bool) []string {
	length := "3s"
	if exhaustive {
		length = "30s"
	}
	return []string{"go", "test", "-run=^$", "-fuzz=^" + t.name + "$", "-fuzztime=" + length, t.pkg, "-args", "-test.fuzzcachedir=" + cache}
}

// fuzzStep fuzzes every target of the module in dir for a short while. A target
// that found something leaves the input in its package's testdata/fuzz.
func fuzzStep(b *bench, dir string) step {
	return step{inModule("fuzz smoke", dir), func(ctx context.Context, log io.Writer) outcome {
		targets, err := b.fuzzTargets(ctx, log, dir)
		if err != nil {
			return result(err)
		}
		var execs int
		var problems []error
		for _, t := range targets {
			n, err := b.fuzz(ctx, log, dir, t)
			execs += n
			if err != nil {
				problems = append(problems, fmt.Errorf("%s in %s: %w", t.name, t.pkg, err))
			}
		}
		if len(problems) > 0 {
			return result(errors.Join(problems...))
		}
		return remark("%d targets, %d executions", len(targets), execs)
	}}
}

// fuzzTries is how often a target is run at most where each run ends in Go's own
// race.
const fuzzTries = 3

// fuzz runs one target, once more where nothing but Go's own race failed it.
func (b *bench) fuzz(ctx context.Context, log io.Writer, dir string, t fuzzTarget) (execs int, err error) {
	for range fuzzTries {
		var out string
		if execs, out, err = b.fuzzOnce(ctx, log, dir, t); err == nil || !endedInRace(out) {
			break
		}
	}
	return execs, err
}

// raceAtTheEnd is all that is said of a target when Go's coordinator sees the end
// of -fuzztime before its workers do (golang/go#75804, mended in Go 1.27).
var raceAtTheEnd = regexp.MustCompile(`(?m)^--- FAIL: Fuzz\w* \([0-9.]+s\)\n    context deadline exceeded\nFAIL\n`)

// endedInRace tells a run that failed for that alone. One that has found something
// says where it wrote the input.
func endedInRace(output string) bool {
	return raceAtTheEnd.MatchString(output) && !strings.Contains(output, "Failing input written")
}

// fuzzOnce runs one target. Success without a single execution is a failure.
func (b *bench) fuzzOnce(ctx context.Context, log io.Writer, dir string, t fuzzTarget) (execs int, output string, err error) {
	cache, err := os.MkdirTemp("", "devops-fuzz-")
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(cache)) }()
	var out bytes.Buffer
	c := command{
		argv: fuzzArgs(t, cache, b.opts.exhaustive), dir: filepath.Join(b.root, dir), env: b.env(),
		stdout: io.MultiWriter(&out, log),
	}
	if err := b.exec(ctx, c, log); err != nil {
		return executions(out.String()), out.String(), err
	}
	if execs = executions(out.String()); execs == 0 {
		return 0, out.String(), errors.New("go test reported success without executing the target")
	}
	return execs, out.String(), nil
}

var execsLine = regexp.MustCompile(`(?m)^fuzz: elapsed: \S+, execs: (\d+) `)

// executions reads the last number of executions that a fuzzing run printed.
func executions(output string) int {
	all := execsLine.FindAllStringSubmatch(output, -1)
	if len(all) == 0 {
		return 0
	}
	n, err := strconv.Atoi(all[len(all)-1][1])
	if err != nil {
		return 0
	}
	return n
}

// fuzzTargets finds the fuzz functions in the test files that the go command
// would compile.
func (b *bench) fuzzTargets(ctx context.Context, log io.Writer, dir string) ([]fuzzTarget, error) {
	var out bytes.Buffer
	c := command{
		argv: []string{"go", "list", "-json=Dir,ImportPath,TestGoFiles,XTestGoFiles", "./..."},
		dir:  filepath.Join(b.root, dir), env: b.env(), stdout: &out,
	}
	if err := b.exec(ctx, c, log); err != nil {
		return nil, err
	}
	var targets []fuzzTarget
	for in := json.NewDecoder(&out); ; {
		var p struct {
			Dir, ImportPath           string
			TestGoFiles, XTestGoFiles []string
		}
		if err := in.Decode(&p); err == io.EOF {
			return targets, nil
		} else if err != nil {
			return nil, fmt.Errorf("read what go list prints: %w", err)
		}
		for _, file := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			names, err := fuzzNames(filepath.Join(p.Dir, file))
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				targets = append(targets, fuzzTarget{p.ImportPath, name})
			}
		}
	}
}

// fuzzNames returns the fuzz functions that a test file declares.
func fuzzNames(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") && len(f.Type.Params.List) == 1 {
			names = append(names, f.Name.Name)
		}
	}
	return names, nil
}
