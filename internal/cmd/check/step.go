package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// status is how a step ended.
type status string

const (
	passed  status = "passed"
	failed  status = "failed"
	skipped status = "skipped"
)

// step is one named part of the check. Its run writes everything that it
// prints to log.
type step struct {
	name string
	run  func(ctx context.Context, log io.Writer) outcome
}

// outcome is the result of a step.
type outcome struct {
	status status
	reason string // why it failed or was skipped, or a remark, on one line
	// tests counts the go tests of the step; nil for a step that runs none.
	tests *counts
	// detail is shown when the step failed; empty shows the end of its log.
	detail string
	// skips are the skipped tests with their reasons.
	skips []skip
}

// counts is a number of tests by result.
type counts struct{ passed, failed, skipped int }

// skip is a test that was skipped.
type skip struct{ test, reason string }

// result turns an error into the outcome of a step without tests.
func result(err error) outcome {
	if err != nil {
		return outcome{status: failed, reason: oneLine(err.Error())}
	}
	return outcome{status: passed}
}

// remark is the outcome of a step that passed with something to say.
func remark(format string, args ...any) outcome {
	return outcome{status: passed, reason: fmt.Sprintf(format, args...)}
}

// fail is the outcome of a step that failed.
func fail(format string, args ...any) outcome {
	return outcome{status: failed, reason: oneLine(fmt.Sprintf(format, args...))}
}

// row is a step that was run, for the summary.
type row struct {
	name string
	outcome
	took time.Duration
	log  string // path of the log, relative to the root; empty if none
}

// runSteps runs the steps in order and prints one line for each as it ends. A
// failure does not stop the steps behind it; an interrupt does, and each step
// left out by it is reported as failed.
func runSteps(ctx context.Context, b *bench, steps []step, out io.Writer) []row {
	rows := make([]row, 0, len(steps))
	for i, s := range steps {
		if ctx.Err() != nil {
			rows = append(rows, row{name: s.name, outcome: fail("not run: interrupted")})
			continue
		}
		fmt.Fprintf(out, "%-40s ", s.name)
		r := runStep(ctx, b, i+1, s)
		if ctx.Err() != nil {
			r.outcome = fail("interrupted")
		}
		rows = append(rows, r)
		printRow(out, b, r)
	}
	return rows
}

// runStep runs one step with its log, and turns a panic into a failure.
func runStep(ctx context.Context, b *bench, number int, s step) (r row) {
	r = row{name: s.name, log: filepath.Join(".tools", "logs", fmt.Sprintf("%02d-%s.log", number, fileName(s.name)))}
	start := time.Now()
	defer func() { r.took = time.Since(start) }()
	path := filepath.Join(b.root, r.log)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.outcome = result(err)
		return r
	}
	file, err := os.Create(path)
	if err != nil {
		r.outcome = result(err)
		return r
	}
	defer file.Close()
	log := &lockedWriter{w: file}
	defer func() {
		if p := recover(); p != nil {
			r.outcome = fail("the step panicked: %v", p)
		}
	}()
	r.outcome = s.run(ctx, log)
	fmt.Fprintf(log, "%s %s\n", r.status, r.reason)
	return r
}

// printRow completes the line of a step, and shows why it failed.
func printRow(out io.Writer, b *bench, r row) {
	fmt.Fprintf(out, "%-7s %7s", r.status, seconds(r.took))
	if r.tests != nil {
		fmt.Fprintf(out, "  %s", *r.tests)
	}
	if r.reason != "" {
		fmt.Fprintf(out, "  %s", r.reason)
	}
	fmt.Fprintln(out)
	if r.status != failed {
		return
	}
	detail := r.detail
	if detail == "" && r.log != "" {
		detail = tail(filepath.Join(b.root, r.log), 8<<10)
	}
	for line := range strings.Lines(detail) {
		fmt.Fprintf(out, "    %s\n", strings.TrimRight(line, "\n"))
	}
	fmt.Fprintf(out, "    (all of it: %s)\n", r.log)
}

// tail returns the last whole lines of a file, at most limit bytes.
func tail(path string, limit int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if len(data) <= limit {
		return string(data)
	}
	data = data[len(data)-limit:]
	if _, rest, found := bytes.Cut(data, []byte("\n")); found {
		data = rest
	}
	return "...\n" + string(data)
}

// fileName makes a file name of a step's name.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '-'
	}, name)
}

// oneLine joins the lines of a message.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// lockedWriter makes a writer safe for several goroutines.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
