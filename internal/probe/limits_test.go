package probe_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/probe"
)

var outcomes = map[rune]probe.Outcome{'p': probe.Pass, 'f': probe.Fail, 'i': probe.Inconclusive, 'e': probe.Error}

func results(series string) []probe.Result {
	var out []probe.Result
	for _, c := range series {
		r := probe.Result{Outcome: outcomes[c]}
		if c != 'p' {
			r.Reason = "reason " + string(c)
		}
		out = append(out, r)
	}
	return out
}

// judge returns after how many results the verdict came, -1 for at the end.
func judge(l probe.Limits, rs []probe.Result) (probe.Verdict, int, string) {
	e := &probe.Evaluator{Limits: l}
	for i, r := range rs {
		if v := e.Add(r); v != probe.Undecided {
			return v, i + 1, e.Reason()
		}
	}
	return e.Finish(), -1, e.Reason()
}

func TestLimits(t *testing.T) {
	const passed, failed = probe.Passed, probe.Failed
	for _, c := range []struct {
		name   string
		limits probe.Limits
		series string
		want   probe.Verdict
		after  int
		reason string
	}{
		{"no evidence", probe.Limits{}, "", failed, -1, "0 results, at least 1 wanted: no evidence is no pass"},
		{"no evidence, all tolerated", probe.Limits{MaxFailed: -1, MaxInconclusive: -1, MaxErrors: -1}, "ieieiei", failed, -1, "0 results, at least 1 wanted: no evidence is no pass; last: reason i"},
		{"one pass", probe.Limits{}, "p", passed, -1, ""},
		{"zero tolerance", probe.Limits{}, "ppf", failed, 3, "1 failed, at most 0 tolerated; last: reason f"},
		{"tolerated", probe.Limits{MaxFailed: 2}, "fpf", passed, -1, ""},
		{"one too many", probe.Limits{MaxFailed: 2}, "fpfpfp", failed, 5, "3 failed, at most 2 tolerated; last: reason f"},
		{"failures only", probe.Limits{MaxFailed: -1}, "ffff", failed, -1, "no result was good; last: reason f"},
		{"too few", probe.Limits{MinResults: 3}, "pp", failed, -1, "2 results, at least 3 wanted: no evidence is no pass"},
		{"errors are no evidence", probe.Limits{MinResults: 3}, "peep", failed, -1, "2 results, at least 3 wanted: no evidence is no pass; last: reason e"},
		{"failures are evidence", probe.Limits{MinResults: 3, MaxFailed: 1}, "pfp", passed, -1, ""},
		{"four errors in a row", probe.Limits{}, "eeeep", passed, -1, ""},
		{"five errors in a row", probe.Limits{}, "peeeee", failed, 6, "5 measurements in a row could not be made, at most 4 are tolerated; last: reason e"},
		{"errors not in a row", probe.Limits{MaxErrors: 1}, "epepepe", passed, -1, ""},
		{"inconclusive breaks the row of errors", probe.Limits{MaxErrors: 1, MaxInconclusive: 1}, "eiep", passed, -1, ""},
		{"inconclusive", probe.Limits{}, "pi", failed, 2, "1 inconclusive, at most 0 tolerated; last: reason i"},
		{"inconclusive tolerated", probe.Limits{MaxInconclusive: 1}, "pip", passed, -1, ""},
		{"three in a row", probe.Limits{Successes: 3, MaxFailed: -1}, "fppfppp", passed, 7, ""},
		{"an error breaks the row", probe.Limits{Successes: 2}, "pepp", passed, 4, ""},
		{"inconclusive breaks the row", probe.Limits{Successes: 2, MaxInconclusive: -1}, "pipp", passed, 4, ""},
		{"the row not reached", probe.Limits{Successes: 3}, "pp", failed, -1, "2 good in a row, 3 wanted"},
		{"the row and the least number", probe.Limits{Successes: 2, MinResults: 4}, "ppppp", passed, 4, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, after, reason := judge(c.limits, results(c.series))
			require.Equal(t, c.want, v)
			require.Equal(t, c.after, after)
			require.Equal(t, c.reason, reason)
		})
	}
}

func TestDeadline(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	limits := probe.Limits{Successes: 2, Deadline: start.Add(time.Second)}
	at := func(after, latency time.Duration) probe.Result {
		return probe.Result{Outcome: probe.Pass, Started: start.Add(after), Latency: latency}
	}
	v, _, _ := judge(limits, []probe.Result{at(0, 1), at(900*time.Millisecond, 100*time.Millisecond)})
	require.Equal(t, probe.Passed, v, "complete at the deadline")
	v, after, reason := judge(limits, []probe.Result{at(0, 1), at(900*time.Millisecond, 101*time.Millisecond)})
	require.Equal(t, probe.Failed, v)
	require.Equal(t, 2, after, "the late result decides")
	require.Equal(t, "1 good in a row, 2 wanted", reason)
}

// Random series against what the limits promise, in plain words.
func TestLimitsProperties(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 20000 {
		l := probe.Limits{
			MaxFailed: rnd.IntN(5) - 1, MaxInconclusive: rnd.IntN(4) - 1, MaxErrors: rnd.IntN(4) - 1,
			Successes: rnd.IntN(4), MinResults: rnd.IntN(5),
		}
		var b strings.Builder
		for range rnd.IntN(15) {
			b.WriteByte("ppppfie"[rnd.IntN(7)])
		}
		series := b.String()
		v, after, reason := judge(l, results(series))
		if after >= 0 {
			series = series[:after]
		}
		n := func(c string) int { return strings.Count(series, c) }
		require.NotEqual(t, probe.Undecided, v)
		require.Equal(t, v == probe.Failed, reason != "", "%+v %q", l, series)
		maxErrors := l.MaxErrors
		if maxErrors == 0 {
			maxErrors = 4
		}
		tooBad := l.MaxFailed >= 0 && n("f") > l.MaxFailed || l.MaxInconclusive >= 0 && n("i") > l.MaxInconclusive ||
			maxErrors >= 0 && strings.Contains(series, strings.Repeat("e", maxErrors+1))
		good := n("p") > 0 && n("p")+n("f") >= l.MinResults && strings.HasSuffix(series, strings.Repeat("p", l.Successes))
		require.Equal(t, good && !tooBad, v == probe.Passed, "%+v %q: %v %s", l, series, v, reason)
	}
}

func TestVerdictStays(t *testing.T) {
	e := &probe.Evaluator{}
	require.Equal(t, probe.Undecided, e.Add(probe.Result{Outcome: probe.Pass}))
	require.Equal(t, probe.Failed, e.Add(probe.Result{Outcome: probe.Fail, Reason: "first"}))
	require.Equal(t, probe.Failed, e.Add(probe.Result{Outcome: probe.Pass}))
	require.Equal(t, probe.Failed, e.Finish())
	require.Contains(t, e.Reason(), "first")
	require.Equal(t, "failed passed undecided Verdict(7)", strings.Join([]string{e.Finish().String(), probe.Passed.String(), probe.Undecided.String(), probe.Verdict(7).String()}, " "))
	require.Equal(t, "pass fail error inconclusive Outcome(9)", strings.Join([]string{probe.Pass.String(), probe.Fail.String(), probe.Error.String(), probe.Outcome(0).String(), probe.Outcome(9).String()}, " "))
}
