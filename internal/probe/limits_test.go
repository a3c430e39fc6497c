package probe_test

import (
	"math/rand/v2"
	"strings"
	"testing"

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
	const passed, failed, unclear = probe.Passed, probe.Failed, probe.Unclear
	for _, c := range []struct {
		name   string
		limits probe.Limits
		series string
		want   probe.Verdict
		after  int
		reason string
	}{
		{"no evidence", probe.Limits{}, "", failed, -1, "0 results, at least 1 wanted: no evidence is no pass"},
		{"no evidence, all tolerated", probe.Limits{MaxFailed: -1, MaxInconclusive: -1, MaxErrors: -1}, "ieieiei", unclear, -1, "0 results, at least 1 wanted: no evidence is no pass, and 4 were inconclusive; last: reason i"},
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
		{"inconclusive", probe.Limits{}, "pi", unclear, 2, "1 inconclusive, at most 0 tolerated; last: reason i"},
		{"inconclusive tolerated", probe.Limits{MaxInconclusive: 1}, "pip", passed, -1, ""},
		{"three in a row", probe.Limits{Successes: 3, MaxFailed: -1}, "fppfppp", passed, 7, ""},
		{"an error breaks the row", probe.Limits{Successes: 2}, "pepp", passed, 4, ""},
		{"inconclusive breaks the row", probe.Limits{Successes: 2, MaxInconclusive: -1}, "pipp", passed, 4, ""},
		{"the row not reached", probe.Limits{Successes: 3}, "pp", failed, -1, "2 good in a row, 3 wanted"},
		{"whole", probe.Limits{Successes: 2, Whole: true}, "pppf", failed, 4, "1 failed, at most 0 tolerated; last: reason f"},
		{"whole and a row at the end", probe.Limits{Successes: 2, Whole: true, MaxFailed: 1}, "ppfpp", passed, -1, ""},
		{"whole and no row at the end", probe.Limits{Successes: 2, Whole: true, MaxFailed: 1}, "pppfp", failed, -1, "1 good in a row, 2 wanted; last: reason f"},
		{"counted out", probe.Limits{Count: 3}, "pppf", passed, 3, ""},
		{"counted out without evidence", probe.Limits{Count: 3, Successes: 2, MaxFailed: -1}, "fpfpp", failed, 3, "0 good in a row, 2 wanted; last: reason f"},
		{"errors are counted", probe.Limits{Count: 3, MinResults: 2}, "pee", failed, 3, "1 results, at least 2 wanted: no evidence is no pass; last: reason e"},
		{"the limit before the count", probe.Limits{Count: 3}, "ppf", failed, 3, "1 failed, at most 0 tolerated; last: reason f"},
		{"what is missing was inconclusive", probe.Limits{MaxInconclusive: 2, MinResults: 3}, "ipi", unclear, -1, "1 results, at least 3 wanted: no evidence is no pass, and 2 were inconclusive; last: reason i"},
		{"more is missing than was inconclusive", probe.Limits{MaxInconclusive: 2, MinResults: 4}, "ipi", failed, -1, "1 results, at least 4 wanted: no evidence is no pass; last: reason i"},
		{"the row may be whole", probe.Limits{MaxInconclusive: 2, Successes: 3}, "pip", unclear, -1, "1 good in a row, 3 wanted, and 1 were inconclusive; last: reason i"},
		{"the row cannot be whole", probe.Limits{MaxInconclusive: 2, MaxFailed: 1, Successes: 3}, "ipfp", failed, -1, "1 good in a row, 3 wanted; last: reason f"},
		{"failures and one that could not tell", probe.Limits{MaxInconclusive: 1, MaxFailed: -1}, "ffi", unclear, -1, "no result was good, and 1 were inconclusive; last: reason i"},
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

// Random series against what the limits promise, in plain words.
func TestLimitsProperties(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 20000 {
		l := probe.Limits{
			MaxFailed: rnd.IntN(5) - 1, MaxInconclusive: rnd.IntN(4) - 1, MaxErrors: rnd.IntN(4) - 1,
			Successes: rnd.IntN(4), MinResults: rnd.IntN(5), Whole: rnd.IntN(2) == 0, Count: rnd.IntN(20),
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
		require.Equal(t, v != probe.Passed, reason != "", "%+v %q", l, series)
		maxErrors := l.MaxErrors
		if maxErrors == 0 {
			maxErrors = 4
		}
		held := l.MaxInconclusive >= 0 && n("i") > l.MaxInconclusive
		tooBad := l.MaxFailed >= 0 && n("f") > l.MaxFailed || maxErrors >= 0 && strings.Contains(series, strings.Repeat("e", maxErrors+1))
		good := func(series string) bool {
			p, f := strings.Count(series, "p"), strings.Count(series, "f")
			return p > 0 && p+f >= l.MinResults && strings.HasSuffix(series, strings.Repeat("p", l.Successes))
		}
		want := probe.Failed
		switch {
		case tooBad:
		case held:
			want = probe.Unclear
		case good(series):
			want = probe.Passed
		case good(strings.ReplaceAll(series, "i", "p")):
			want = probe.Unclear
		}
		require.Equal(t, want, v, "%+v %q: %s", l, series, reason)
		if l.Whole && v == probe.Passed && after >= 0 {
			require.Equal(t, l.Count, after, "a whole series passes at its end only")
		}
	}
}

func TestVerdictStays(t *testing.T) {
	e := &probe.Evaluator{}
	require.Equal(t, probe.Undecided, e.Add(probe.Result{Outcome: probe.Pass}))
	require.Equal(t, probe.Failed, e.Add(probe.Result{Outcome: probe.Fail, Reason: "first"}))
	require.Equal(t, probe.Failed, e.Add(probe.Result{Outcome: probe.Pass}))
	require.Equal(t, probe.Failed, e.Finish())
	require.Contains(t, e.Reason(), "first")
	require.Equal(t, "failed passed unclear undecided Verdict(7)", strings.Join([]string{e.Finish().String(), probe.Passed.String(), probe.Unclear.String(), probe.Undecided.String(), probe.Verdict(7).String()}, " "))
	require.Equal(t, "pass fail error inconclusive Outcome(9)", strings.Join([]string{probe.Pass.String(), probe.Fail.String(), probe.Error.String(), probe.Outcome(0).String(), probe.Outcome(9).String()}, " "))
}
