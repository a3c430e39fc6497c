package probe

import (
	"fmt"
	"time"
)

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
	// MaxInconclusive is the same for Inconclusive results.
	MaxInconclusive int
	// MaxErrors is how many Error results in a row are tolerated, zero is 4;
	// negative tolerates any number.
	MaxErrors int
	// Successes is how many Pass results in a row decide at once; an
	// Inconclusive or an Error result breaks the row as a Fail does. Zero or
	// less never decides before Finish.
	Successes int
	// MinResults is how many results that are Pass or Fail a verdict of
	// Passed needs; zero or less is 1. One of them must be a Pass.
	MinResults int
	// Deadline is when the evidence must be complete; a result that ends
	// later counts for nothing and decides. Zero is never.
	Deadline time.Time
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
// ends without evidence has not passed.
type Evaluator struct {
	Limits Limits

	passed, failed, inconclusive int
	errorRow, passRow            int
	last                         string // reason of the last result that was not a Pass
	verdict                      Verdict
	reason                       string
}

// Add takes one more result into account and returns the verdict so far.
func (e *Evaluator) Add(r Result) Verdict {
	if e.verdict != Undecided {
		return e.verdict
	}
	if d := e.Limits.Deadline; !d.IsZero() && r.end().After(d) {
		return e.Finish()
	}
	e.count(r)
	if why := e.exceeded(); why != "" {
		return e.decide(Failed, why)
	}
	if e.Limits.Successes > 0 && e.missing() == "" {
		return e.decide(Passed, "")
	}
	return Undecided
}

// Finish gives the verdict of the series as it is: Passed if it holds the
// evidence that the limits ask for, else Failed.
func (e *Evaluator) Finish() Verdict {
	if e.verdict != Undecided {
		return e.verdict
	}
	if why := e.missing(); why != "" {
		return e.decide(Failed, why)
	}
	return e.decide(Passed, "")
}

// Reason tells in one line why the verdict is Failed; it is empty otherwise.
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
	if r.Outcome == Pass {
		e.passed++
		e.passRow++
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
		e.errorRow = 0
	case Error:
		e.errorRow++
	default:
		e.inconclusive++
		e.errorRow = 0
	}
}

// exceeded tells which limit is passed, or returns "".
func (e *Evaluator) exceeded() string {
	maxErrors := e.Limits.MaxErrors
	if maxErrors == 0 {
		maxErrors = defaultErrors
	}
	switch {
	case over(e.errorRow, maxErrors):
		return fmt.Sprintf("%d measurements in a row could not be made, at most %d are tolerated", e.errorRow, maxErrors)
	case over(e.inconclusive, e.Limits.MaxInconclusive):
		return fmt.Sprintf("%d inconclusive, at most %d tolerated", e.inconclusive, e.Limits.MaxInconclusive)
	case over(e.failed, e.Limits.MaxFailed):
		return fmt.Sprintf("%d failed, at most %d tolerated", e.failed, e.Limits.MaxFailed)
	}
	return ""
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
