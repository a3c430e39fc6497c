package deploy

import (
	"errors"
	"fmt"

	"github.com/masaruk/devops/internal/probe"
)

// Limits say which series of measurements is good enough, which is too bad and
// which a person has to look at, as an analysis of Argo Rollouts does. They
// mean the same in a [Health] and in a [Watch]. The zero Limits tolerate
// nothing but four measurements in a row that could not be made.
type Limits struct {
	// MaxFailed is how many measurements may find that a condition does not
	// hold; one more fails the step. Zero is none, negative any number.
	MaxFailed int `json:"max_failed,omitempty"`
	// MaxInconclusive is how many may be inconclusive; one more holds the run
	// for a person. Zero is none, negative any number.
	MaxInconclusive int `json:"max_inconclusive,omitempty"`
	// MaxErrors is how many measurements in a row may fail to be made; one
	// more fails the step. Zero is 4, negative any number.
	MaxErrors int `json:"max_errors,omitempty"`
	// Successes is how many measurements in a row must be good at the end.
	// Zero is no row.
	Successes int `json:"successes,omitempty"`
	// MinResults is how many measurements must have told good or bad by the
	// end, the minimum sample; zero is 1. One of them must be good.
	MinResults int `json:"min_results,omitempty"`
}

func (l Limits) validate() error {
	if l.Successes < 0 || l.MinResults < 0 {
		return errors.New("field Limits.Successes or Limits.MinResults is negative")
	}
	return nil
}

func (l Limits) judge() probe.Evaluator {
	return probe.Evaluator{Limits: probe.Limits{
		MaxFailed: l.MaxFailed, MaxInconclusive: l.MaxInconclusive, MaxErrors: l.MaxErrors, Successes: l.Successes, MinResults: l.MinResults,
	}}
}

// String returns the limits as the rest of a sentence.
func (l Limits) String() string {
	text := fmt.Sprintf("%s failed, %s inconclusive, %s errors in a row", most(l.MaxFailed), most(l.MaxInconclusive), most(orInt(l.MaxErrors, 4)))
	if l.Successes > 0 {
		text += fmt.Sprintf(", the last %d good", l.Successes)
	}
	return text + fmt.Sprintf(", of %d or more", orInt(l.MinResults, 1))
}

func most(n int) string {
	if n < 0 {
		return "any number"
	}
	return fmt.Sprintf("at most %d", n)
}

// verdictError is why a series of measurements was not good. The text has the
// last cause in it already.
type verdictError struct {
	text string
	errs []error
}

func (e *verdictError) Error() string   { return e.text }
func (e *verdictError) Unwrap() []error { return e.errs }

// refusal makes the error of a verdict that is not Passed. Only one that is
// Unclear may hold the run.
func refusal(v probe.Verdict, text string, cause error) error {
	if v == probe.Unclear {
		return fmt.Errorf("%w: %w", ErrInconclusive, &verdictError{text, nil})
	}
	if cause == nil || errors.Is(cause, ErrInconclusive) {
		return errors.New(text)
	}
	return &verdictError{text, []error{cause}}
}
