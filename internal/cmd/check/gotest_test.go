package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/testenv"
)

// report reads events given as JSON lines.
func report(t *testing.T, lines ...string) *testReport {
	t.Helper()
	r, err := readTests(strings.NewReader(strings.Join(lines, "\n")+"\n"), io.Discard)
	require.NoError(t, err)
	return r
}

const (
	start    = `{"Action":"start","Package":"p"}`
	runA     = `{"Action":"run","Package":"p","Test":"TestA"}`
	passA    = `{"Action":"pass","Package":"p","Test":"TestA"}`
	failA    = `{"Action":"fail","Package":"p","Test":"TestA"}`
	skipA    = `{"Action":"skip","Package":"p","Test":"TestA"}`
	passPkg  = `{"Action":"pass","Package":"p"}`
	failPkg  = `{"Action":"fail","Package":"p"}`
	outputA  = `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:5: postgres-15 cannot start, missing: it\n"}`
	runMark  = `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`
	buildOut = `{"ImportPath":"q","Action":"build-output","Output":"q.go:1: undefined: y\n"}`
	buildBad = `{"ImportPath":"q","Action":"build-fail"}`
)

func TestJudgeBelievesNeitherEventsNorExitCodeAlone(t *testing.T) {
	exit := errors.New("go test: exit status 1")
	for name, c := range map[string]struct {
		lines      []string
		exit       error
		requireAll bool
		status     status
		reason     string
		count      counts
	}{
		"all passed":                 {[]string{start, runA, passA, passPkg}, nil, false, passed, "", counts{1, 0, 0}},
		"a failure with exit 0":      {[]string{start, runA, failA, failPkg}, nil, false, failed, "1 tests failed", counts{0, 1, 0}},
		"no failure with exit 1":     {[]string{start, runA, passA, passPkg}, exit, false, failed, "exit status 1", counts{1, 1, 0}},
		"no events with exit 0":      {nil, nil, false, failed, "no test ran", counts{0, 1, 0}},
		"a package without tests":    {[]string{start, passPkg}, nil, false, failed, "no test ran", counts{0, 1, 0}},
		"a test that never ended":    {[]string{start, runA, passPkg}, nil, false, failed, "1 tests failed", counts{0, 1, 0}},
		"a package that never ended": {[]string{start, runA, passA}, nil, false, failed, "1 packages failed", counts{1, 1, 0}},
		"a build failure":            {[]string{buildOut, buildBad, start, runA, passA, passPkg}, nil, false, failed, "1 test builds failed", counts{1, 1, 0}},
		"a skip":                     {[]string{start, runA, outputA, skipA, passPkg}, nil, false, passed, "", counts{0, 0, 1}},
		"a skip that is refused":     {[]string{start, runA, outputA, skipA, passPkg}, nil, true, failed, "want of a server", counts{0, 1, 0}},
		"another skip":               {[]string{start, runA, runMark, skipA, passPkg}, nil, true, passed, "", counts{0, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			o := judge(report(t, c.lines...), c.exit, c.requireAll)
			require.Equal(t, c.status, o.status, o.reason)
			require.Contains(t, o.reason, c.reason)
			require.Equal(t, c.count, o.count())
		})
	}
}

func TestFailureShowsItsOutput(t *testing.T) {
	o := judge(report(t, buildOut, buildBad, start, runA, outputA, failA, failPkg), nil, false)
	require.Contains(t, o.detail, "build failed: q\nq.go:1: undefined: y")
	require.Contains(t, o.detail, "FAIL p.TestA\n    a_test.go:5: postgres-15 cannot start, missing: it")
}

func TestSkipCarriesItsReason(t *testing.T) {
	r := report(t, start, runA, runMark, outputA, skipA, passPkg)
	require.Equal(t, []skip{{"p.TestA", "a_test.go:5: postgres-15 cannot start, missing: it"}}, r.skips())
	r = report(t, start, runA, runMark, skipA, passPkg)
	require.Equal(t, []skip{{"p.TestA", "no reason given"}}, r.skips())
}

func TestLinesThatAreNoEventsGoToTheLog(t *testing.T) {
	var log strings.Builder
	r, err := readTests(strings.NewReader("garbage\n{\"x\":1}\n"+runA+"\n"+passA), &log)
	require.NoError(t, err)
	require.Equal(t, "garbage\n{\"x\":1}\n", log.String())
	require.Equal(t, counts{1, 0, 0}, r.counts(), "a last line without its line feed counts")
}

func TestSkipsOfTestenvAreKnown(t *testing.T) {
	err := &testenv.MissingError{Server: "s3"}
	require.Len(t, withoutServer([]skip{{"p.TestA", err.Error()}, {"p.TestB", "no moon"}}), 1)
}

func FuzzReadTests(f *testing.F) {
	for _, seed := range []string{start, runA + "\n" + passA, buildOut, "{", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, stream string) {
		r, err := readTests(strings.NewReader(stream), io.Discard)
		require.NoError(t, err)
		o := judge(r, nil, false)
		if o.status == passed {
			require.Zero(t, o.count().failed)
			require.Positive(t, o.count().passed+o.count().skipped)
		} else {
			require.Positive(t, o.count().failed)
		}
	})
}
