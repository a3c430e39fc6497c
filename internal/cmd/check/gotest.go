package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// event is one line of "go test -json"; see "go doc test2json".
type event struct {
	Action, Package, Test, Output string
	ImportPath                    string // of a build event
}

// testKey names a test; an empty test is the package itself.
type testKey struct{ pkg, test string }

func (k testKey) String() string {
	if k.test == "" {
		return k.pkg
	}
	return k.pkg + "." + k.test
}

// testReport collects what "go test -json" says. It trusts nothing: a test
// that began and never ended has failed, and so has its package.
type testReport struct {
	ended    map[testKey]string // action that ended it; "" while it runs
	output   map[testKey]*bytes.Buffer
	build    map[string]*bytes.Buffer // output of builds by import path
	badBuild map[string]bool
}

func newTestReport() *testReport {
	return &testReport{
		ended: map[testKey]string{}, output: map[testKey]*bytes.Buffer{},
		build: map[string]*bytes.Buffer{}, badBuild: map[string]bool{},
	}
}

// readTests reads the stream of events to its end. A line that is no event is
// output of nobody, and goes to log like all the output.
func readTests(r io.Reader, log io.Writer) (*testReport, error) {
	report := newTestReport()
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			report.line(line, log)
		}
		if err == io.EOF {
			return report, nil
		}
		if err != nil {
			return report, err
		}
	}
}

func (r *testReport) line(line []byte, log io.Writer) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil || e.Action == "" {
		_, _ = log.Write(line)
		return
	}
	_, _ = io.WriteString(log, e.Output)
	key := testKey{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		buffer(r.build, e.ImportPath).WriteString(e.Output)
	case "build-fail":
		r.badBuild[e.ImportPath] = true
	case "start", "run":
		r.ended[key] = ""
	case "output":
		buffer(r.output, key).WriteString(e.Output)
	case "pass", "fail", "skip":
		r.ended[key] = e.Action
		if e.Action == "pass" {
			delete(r.output, key)
		}
	}
}

func buffer[K comparable](m map[K]*bytes.Buffer, key K) *bytes.Buffer {
	if m[key] == nil {
		m[key] = new(bytes.Buffer)
	}
	return m[key]
}

// counts counts the tests and subtests. A test that never ended has failed.
func (r *testReport) counts() counts {
	var c counts
	for key, action := range r.ended {
		switch {
		case key.test == "":
		case action == "pass":
			c.passed++
		case action == "skip":
			c.skipped++
		default:
			c.failed++
		}
	}
	return c
}

// failures describes every failed test, package and build with its output,
// sorted by name.
func (r *testReport) failures() []string {
	var all []string
	for _, path := range slices.Sorted(maps.Keys(r.badBuild)) {
		all = append(all, "build failed: "+path+"\n"+capped(r.build[path]))
	}
	for _, key := range r.sorted() {
		switch action := r.ended[key]; action {
		case "fail":
			all = append(all, "FAIL "+key.String()+"\n"+capped(r.output[key]))
		case "":
			all = append(all, "NEVER ENDED "+key.String()+"\n"+capped(r.output[key]))
		}
	}
	return all
}

// skips lists the skipped tests, and the packages that a skip ended, with the
// reason each gave.
func (r *testReport) skips() []skip {
	var all []skip
	for _, key := range r.sorted() {
		if r.ended[key] == "skip" && key.test != "" {
			all = append(all, skip{key.String(), skipReason(r.output[key])})
		}
	}
	return all
}

func (r *testReport) sorted() []testKey {
	return slices.SortedFunc(maps.Keys(r.ended), func(a, b testKey) int {
		return cmp.Or(strings.Compare(a.pkg, b.pkg), strings.Compare(a.test, b.test))
	})
}

// skipReason finds the message of a skip in the output of its test: the lines
// that the testing package did not write itself.
func skipReason(out *bytes.Buffer) string {
	if out == nil {
		return "no reason given"
	}
	var reason []string
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			reason = append(reason, line)
		}
	}
	return cmp.Or(strings.Join(reason, " "), "no reason given")
}

// capped returns the end of an output, at most 200 lines.
func capped(out *bytes.Buffer) string {
	const most = 200
	if out == nil {
		return ""
	}
	lines := strings.SplitAfter(out.String(), "\n")
	if len(lines) <= most {
		return out.String()
	}
	return fmt.Sprintf("... %d lines left out\n", len(lines)-most) + strings.Join(lines[len(lines)-most:], "")
}
