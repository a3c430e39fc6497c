package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// missingServer is in the message of every test that is skipped because
// internal/testenv could not give it a server: see [testenv.MissingError].
const missingServer = "cannot start, missing:"

// testArgs is the command line that runs the tests of a module.
func testArgs() []string {
	return []string{"go", "test", "-json", "-race", "-shuffle=on", "-timeout=20m", "./..."}
}

// testStep runs the tests of the module in dir, relative to the root.
func testStep(b *bench, name, dir string) step {
	return step{name, func(ctx context.Context, log io.Writer) outcome {
		return runTests(ctx, b, log, dir, testArgs(), b.opts.requireAll)
	}}
}

// runTests runs "go test -json" and judges its events together with its exit
// code: neither alone is believed.
func runTests(ctx context.Context, b *bench, log io.Writer, dir string, argv []string, requireAll bool) outcome {
	read, write := io.Pipe()
	type reading struct {
		report *testReport
		err    error
	}
	done := make(chan reading, 1)
	go func() {
		report, err := readTests(read, log)
		read.CloseWithError(err)
		done <- reading{report, err}
	}()
	err := b.exec(ctx, command{argv: argv, dir: filepath.Join(b.root, dir), env: b.env(), stdout: write}, log)
	write.Close()
	r := <-done
	if r.err != nil {
		return fail("read the events of go test: %v", r.err)
	}
	return judge(r.report, err, requireAll)
}

// judge makes the outcome of a run of tests. It fails when any test failed or
// never ended, when go test failed, when no test ran at all, and, with
// requireAll, when a test was skipped for want of a server.
func judge(report *testReport, exit error, requireAll bool) outcome {
	c := report.counts()
	o := outcome{status: passed, tests: &c, skips: report.skips()}
	failures := report.failures()
	o.detail = strings.Join(failures, "\n")
	var reasons []string
	switch {
	case len(report.badBuild) > 0:
		reasons = append(reasons, fmt.Sprintf("%d test builds failed", len(report.badBuild)))
	case c.failed > 0:
		reasons = append(reasons, fmt.Sprintf("%d tests failed", c.failed))
	case len(failures) > 0:
		reasons = append(reasons, fmt.Sprintf("%d packages failed outside of their tests", len(failures)))
	case exit != nil:
		reasons = append(reasons, exit.Error())
	}
	if c.passed+c.failed+c.skipped == 0 {
		reasons = append(reasons, "no test ran")
	}
	if missing := withoutServer(o.skips); requireAll && len(missing) > 0 {
		reasons = append(reasons, fmt.Sprintf("%d tests were skipped for want of a server, first %s: %s", len(missing), missing[0].test, missing[0].reason))
		c.skipped -= len(missing)
		c.failed += len(missing)
	}
	if len(reasons) > 0 {
		o.status, o.reason = failed, oneLine(strings.Join(reasons, "; "))
	}
	return o
}

// withoutServer picks the skips that are due to a missing server.
func withoutServer(skips []skip) []skip {
	var missing []skip
	for _, s := range skips {
		if strings.Contains(s.reason, missingServer) {
			missing = append(missing, s)
		}
	}
	return missing
}
