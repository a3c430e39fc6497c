package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return lines[len(lines)-1]
}

func TestSummaryEndsWithTheCounts(t *testing.T) {
	for name, c := range map[string]struct {
		rows []row
		last string
		code int
	}{
		"steps and tests": {
			[]row{
				{name: "vet", outcome: outcome{status: passed}},
				{name: "node", outcome: outcome{status: skipped, reason: "no npm"}},
				{name: "go test", outcome: outcome{status: passed, tests: &counts{10, 0, 2}}},
			}, "11 passed, 0 failed, 3 skipped", 0,
		},
		"a failed step": {[]row{{outcome: fail("boom")}, {outcome: outcome{status: passed}}}, "1 passed, 1 failed, 0 skipped", 1},
		"failed tests":  {[]row{{outcome: outcome{status: failed, tests: &counts{3, 2, 0}}}}, "3 passed, 2 failed, 0 skipped", 1},
		"a test run that failed outside of tests": {
			[]row{{outcome: outcome{status: failed, tests: &counts{3, 0, 0}}}}, "3 passed, 1 failed, 0 skipped", 1,
		},
		"no step":         {nil, "0 passed, 1 failed, 0 skipped", 1},
		"only skips":      {[]row{{outcome: outcome{status: skipped}}}, "0 passed, 1 failed, 1 skipped", 1},
		"unknown outcome": {[]row{{}}, "0 passed, 1 failed, 0 skipped", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			require.Equal(t, c.code, summarise(&out, c.rows))
			require.Equal(t, c.last, lastLine(out.String()))
			require.True(t, strings.HasSuffix(out.String(), c.last+"\n"))
		})
	}
}

func TestSummaryListsStepsReasonsAndSkips(t *testing.T) {
	var out strings.Builder
	summarise(&out, []row{{name: "go test", took: 1500 * time.Millisecond, outcome: outcome{
		status: passed, reason: "a remark", tests: &counts{1, 0, 1}, skips: []skip{{"p.TestA", "no root"}},
	}}})
	require.Regexp(t, `go test +passed +1\.5s +1/0/1 +a remark`, out.String())
	require.Contains(t, out.String(), "skipped in go test:\n  p.TestA: no root\n")
}

func testBench(t *testing.T) *bench {
	t.Helper()
	return newBench(t.TempDir(), options{})
}

func TestFailedStepShowsTheEndOfItsLogAndOthersGoOn(t *testing.T) {
	b := testBench(t)
	var out bytes.Buffer
	rows := runSteps(t.Context(), b, []step{
		{"quiet one", func(_ context.Context, log io.Writer) outcome {
			_, _ = io.WriteString(log, "not to be seen\n")
			return outcome{status: passed}
		}},
		{"loud/one", func(_ context.Context, log io.Writer) outcome {
			_, _ = io.WriteString(log, strings.Repeat("line\n", 1e4)+"the cause\n")
			return fail("it\nbroke")
		}},
		{"panics", func(context.Context, io.Writer) outcome { panic("surprise") }},
		{"after", func(context.Context, io.Writer) outcome { return remark("ran") }},
	}, &out)
	require.Len(t, rows, 4)
	require.NotContains(t, out.String(), "not to be seen")
	require.Contains(t, out.String(), "    the cause\n")
	require.Less(t, out.Len(), 20<<10, "only the end of a long log is shown")
	require.Equal(t, failed, rows[2].status)
	require.Contains(t, rows[2].reason, "surprise")
	require.Equal(t, passed, rows[3].status)
	log, err := os.ReadFile(filepath.Join(b.root, rows[1].log))
	require.NoError(t, err)
	require.Contains(t, string(log), "the cause\nfailed it broke\n")
}

func TestInterruptedStepsHaveFailed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	rows := runSteps(ctx, testBench(t), []step{
		{"first", func(context.Context, io.Writer) outcome { cancel(); return outcome{status: passed} }},
		{"second", func(context.Context, io.Writer) outcome { panic("it must not run") }},
	}, io.Discard)
	require.Equal(t, "interrupted", rows[0].reason)
	require.Equal(t, "not run: interrupted", rows[1].reason)
	require.Equal(t, 1, summarise(io.Discard, rows))
}
