package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"slices"
)

// rootModule is the module at the root of the checkout.
const rootModule = "github.com/masaruk/devops"

// peersModule holds the benchmarks beside peers.
const peersModule = "internal/bench"

// plan lists the steps in the order in which they run.
func plan(b *bench) ([]step, error) {
	modules, err := findModules(b.root)
	if err != nil {
		return nil, err
	}
	steps := []step{
		debianStep(b), nodeStep(b), npmStep(b),
		toolStep(b, gofumpt), toolStep(b, staticcheck),
		serversStep(b), machineStep(b),
		formatStep(b), lockStep(b),
	}
	for _, dir := range modules {
		steps = append(steps, tidyStep(b, dir))
	}
	steps = append(steps, vetStep(b, "."), fixStep(b, "."), staticcheckStep(b, "."))
	for _, p := range platforms {
		steps = append(steps, crossStep(b, p))
	}
	steps = append(steps, testStep(b, "go test", "."))
	for _, dir := range modules[1:] {
		steps = append(steps, nestedStep(b, dir))
	}
	steps = append(steps, examplesStep(b))
	for _, e := range exampleRuns {
		steps = append(steps, exampleStep(b, e))
	}
	steps = append(steps, fuzzStep(b, "."))
	if b.opts.exhaustive {
		steps = append(steps, benchmarkStep(b, "."), benchmarkStep(b, peersModule))
	}
	if b.opts.only != nil {
		steps = slices.DeleteFunc(steps, func(s step) bool { return !b.opts.only.MatchString(s.name) })
	}
	return steps, nil
}

// nestedStep builds, analyses and tests a nested module.
func nestedStep(b *bench, dir string) step {
	return step{inModule("nested module", dir), func(ctx context.Context, log io.Writer) outcome {
		files, err := goFiles(filepath.Join(b.root, dir))
		if err != nil {
			return result(err)
		}
		if len(files) == 0 {
			return remark("it has no packages, only programs of others that it pins")
		}
		if err := b.run(ctx, log, dir, nil, "go", "build", "./..."); err != nil {
			return result(err)
		}
		for _, s := range []step{vetStep(b, dir), fixStep(b, dir), staticcheckStep(b, dir)} {
			if o := s.run(ctx, log); o.status == failed {
				o.reason = s.name + ": " + o.reason
				return o
			}
		}
		if !slices.ContainsFunc(files, isTestFile) {
			return remark("it has no tests")
		}
		return runTests(ctx, b, log, dir, testArgs(), b.opts.requireAll)
	}}
}

func isTestFile(path string) bool {
	matched, err := filepath.Match("*_test.go", filepath.Base(path))
	return err == nil && matched
}

// benchmarkArgs is the command line of the benchmarks.
func benchmarkArgs() []string {
	return []string{"go", "test", "-run=^$", "-bench=.", "-benchtime=200ms", "-timeout=30m", "./..."}
}

// benchmarkStep runs the benchmarks of the module in dir; what they measured
// stays in the log.
func benchmarkStep(b *bench, dir string) step {
	return step{inModule("benchmarks", dir), func(ctx context.Context, log io.Writer) outcome {
		var out bytes.Buffer
		c := command{argv: benchmarkArgs(), dir: filepath.Join(b.root, dir), env: b.env(), stdout: io.MultiWriter(&out, log)}
		if err := b.exec(ctx, c, log); err != nil {
			return result(err)
		}
		return remark("%d benchmarks", bytes.Count(out.Bytes(), []byte(" ns/op")))
	}}
}
