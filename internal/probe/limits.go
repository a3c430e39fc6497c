package probe

import "fmt"

// Verdict is what a series of results amounts to.
type Verdict int

// The verdicts.
const (
	// Undecided: neither good enough nor too bad so far.
	Undecided Verdict = iota
	// Passed: good enough.
	Passed
	// Failed: too bad, or not shown to be good in time.
	Failed
	// Unclear: neither shown, because too many results were inconclusive. A
	// person has to look.
	Unclear
)

// String returns the name in lower case.
func (v Verdict) String() string {
	switch v {
	case Undecided:
		return "undecided"
	case Passed:
		return "passed"
	case Failed:
		return "failed"
	case Unclear:
		return "unclear"
	}
	return fmt.Sprintf("Verdict(%d)", int(v))
}

// Limits say when a series of results is good enough and when it is too bad.
// The zero Limits tolerate no failure and want one pass, and leave the verdict
// Passed to [Evaluator.Finish].
type Limits struct {
	// MaxFailed is how many Fail results are tolerated; the next one decides.
	// Zero tolerates none; negative tolerates any number.
	MaxFailed int
	// MaxInconclusive is the same for Inconclusive results, and decides for
	// Unclear.
	MaxInconclusive int
	// MaxErrors is how many Error results in a row are tolerated, zero is 4;
	// negative tolerates any number.
	MaxErrors int
	// Successes is how many Pass results in a row a verdict of Passed needs at
	// its end, and gives it at once; an Inconclusive or an Error result breaks
	// the row as a Fail does. Zero or less is no row, and no verdict before
	// Finish.
	Successes int
	// Whole leaves the verdict Passed to Finish also where Successes would
	// give it: good so far is not good to the end.
	Whole bool
	// MinResults is how many results that are Pass or Fail a verdict of
	// Passed needs; zero or less is 1. One of them must be a Pass.
	MinResults int
	// Count is the number of results after which Add finishes the series.
	// Zero or less never does.
	Count int
}

// defaultErrors is the default of Argo Rollouts (consecutiveErrorLimit).
const defaultErrors = 4

// Evaluator applies Limits to results as they come. It is a pure state
// machine: it reads no clock and starts nothing. A verdict, once given, stays.
// It is not safe for concurrent use.
//
// The outcomes and limits are those of an Argo Rollouts analysis, with its
// precedence where several limits are passed at once: errors, then
// inconclusive, then failed. It departs from them in one point: a series that
// ends without evidence has not passed. It is Unclear where its Inconclusive
// results would be all that is missing, had they been good, and Failed
// otherwise.
type Evaluator struct {
	Limits Limits

	passed, failed, inconclusive int
	errorRow, passRow            int
	openRow                      int    // results in a row that are Pass or Inconclusive
	seen                         int    // results
	last                         string // reason of the last result that was not a Pass
	verdict                      Verdict
	reason                       string
}

// Add takes one more result into account and returns the verdict so far.
func (e *Evaluator) Add(r Result) Verdict {
	if e.verdict != Undecided {
		return e.verdict
	}
	e.count(r)
	if v, why := e.exceeded(); v != Undecided {
		return e.decide(v, why)
	}
	if e.Limits.Successes > 0 && !e.Limits.Whole && e.Enough() {
		return e.decide(Passed, "")
	}
	if e.Limits.Count > 0 && e.seen >= e.Limits.Count {
		return e.Finish()
	}
	return Undecided
}

// Enough tells whether Finish would give Passed now, or has.
func (e *Evaluator) Enough() bool {
	return e.verdict == Passed || e.verdict == Undecided && e.missing() == ""
}

// Finish gives the verdict of the series as it is: Passed if it holds the
// evidence that the limits ask for, else Failed or Unclear.
func (e *Evaluator) Finish() Verdict {
	if e.verdict != Undecided {
		return e.verdict
	}
	why := e.missing()
	switch {
	case why == "":
		return e.decide(Passed, "")
	case e.open():
		return e.decide(Unclear, fmt.Sprintf("%s, and %d were inconclusive", why, e.inconclusive))
	}
	return e.decide(Failed, why)
}

// Reason tells in one line why the verdict is Failed or Unclear; it is empty
// otherwise.
func (e *Evaluator) Reason() string { return e.reason }

func (e *Evaluator) decide(v Verdict, why string) Verdict {
	e.verdict = v
	if why != "" && e.last != "" {
		why += "; last: " + e.last
	}
	e.reason = why
	return v
}

func (e *Evaluator) count(r Result) {
	e.seen++
	if r.Outcome == Pass {
		e.passed++
		e.passRow++
		e.openRow++
		e.errorRow = 0
		return
	}
	e.passRow = 0
	if r.Reason != "" {
		e.last = r.Reason
	}
	switch r.Outcome {
	case Fail:
		e.failed++
		e.errorRow, e.openRow = 0, 0
	case Error:
		e.errorRow++
		e.openRow = 0
	default:
		e.inconclusive++
		e.openRow++
		e.errorRow = 0
	}
}

// exceeded tells which limit is passed, and what follows.
func (e *Evaluator) exceeded() (Verdict, string) {
	maxErrors := e.Limits.MaxErrors
	if maxErrors == 0 {
		maxErrors = defaultErrors
	}
	switch {
	case over(e.errorRow, maxErrors):
		return Failed, fmt.Sprintf("%d measurements in a row could not be made, at most %d are tolerated", e.errorRow, maxErrors)
	case over(e.inconclusive, e.Limits.MaxInconclusive):
		return Unclear, fmt.Sprintf("%d inconclusive, at most %d tolerated", e.inconclusive, e.Limits.MaxInconclusive)
	case over(e.failed, e.Limits.MaxFailed):
		return Failed, fmt.Sprintf("%d failed, at most %d tolerated", e.failed, e.Limits.MaxFailed)
	}
	return Undecided, ""
}

func over(n, limit int) bool { return limit >= 0 && n > limit }

// missing tells what evidence is still wanted, or returns "".
func (e *Evaluator) missing() string {
	have, want := e.passed+e.failed, max(e.Limits.MinResults, 1)
	switch {
	case have < want:
		return fmt.Sprintf("%d results, at least %d wanted: no evidence is no pass", have, want)
	case e.passed == 0:
		return "no result was good"
	case e.passRow < e.Limits.Successes:
		return fmt.Sprintf("%d good in a row, %d wanted", e.passRow, e.Limits.Successes)
	}
	return ""
}

// open tells whether the evidence would be there, had every Inconclusive
// result been a Pass.
func (e *Evaluator) open() bool {
	return e.inconclusive > 0 && e.passed+e.failed+e.inconclusive >= e.Limits.MinResults && e.openRow >= e.Limits.Successes
}
