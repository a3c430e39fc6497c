package deploy

import (
	"errors"
	"fmt"
	"strings"
)

// StepError tells which step of which run failed, and how.
type StepError struct {
	// Plan is the service and environment, as "api@stg".
	Plan    string
	Run     RunID
	Step    string
	Host    string
	Phase   Phase
	Attempt int
	Err     error
}

// Error names the plan, the run, the step and the cause.
func (e *StepError) Error() string {
	op := "step"
	if e.Phase == PhaseUndo {
		op = "undo of step"
	}
	return fmt.Sprintf("%s run %s: %s %q on %s, attempt %d: %v", e.Plan, e.Run, op, e.Step, e.Host, e.Attempt, e.Err)
}

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }

// ErrHeld reports a run that waits for a person: a step was interrupted and
// nobody has said whether it may be repeated, or was inconclusive, or somebody
// has paused the run.
var ErrHeld = errors.New("run is held for a decision")

// HeldError tells what a held run waits for. It wraps [ErrHeld].
type HeldError struct {
	Plan  string
	Run   RunID
	Step  string
	Phase Phase
	Host  string
	// Err is why Verify could not tell, where there was one, or what the step
	// saw that was inconclusive; it wraps [ErrInconclusive] then.
	Err error
	// Pause is set where the whole run waits because somebody paused it; Step,
	// Phase and Host are empty then.
	Pause *Pause

	looked bool // the step came to its end, and was inconclusive
}

// Error names the step and the ways on.
func (e *HeldError) Error() string {
	if e.Pause != nil {
		return fmt.Sprintf("%s run %s: %s; call Decide with deploy.AnswerResume and run again, or with deploy.AnswerUndo to end it",
			e.Plan, e.Run, e.Pause)
	}
	if e.looked {
		return fmt.Sprintf("%s run %s: step %q (%s) on %s could not tell good from bad: %v; look yourself, then call Decide with deploy.AnswerDone (it is good), deploy.AnswerRepeat (look again) or deploy.AnswerUndo and run again",
			e.Plan, e.Run, e.Step, e.Phase, e.Host, e.Err)
	}
	msg := fmt.Sprintf("%s run %s: step %q (%s) was interrupted and may have had its effect; look at the host (%s), then call Decide with deploy.AnswerDone, deploy.AnswerRepeat or deploy.AnswerUndo and run again",
		e.Plan, e.Run, e.Step, e.Phase, e.Host)
	if e.Err != nil {
		msg += fmt.Sprintf(" (its Verify could not tell: %v)", e.Err)
	}
	return msg
}

// Unwrap returns [ErrHeld] and Err.
func (e *HeldError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrHeld}
	}
	return []error{ErrHeld, e.Err}
}

// ErrPlanChanged reports a run that was begun with another plan or by another
// build of the program.
var ErrPlanChanged = errors.New("plan differs from the one the run began with")

// PlanChangedError lists how. It wraps [ErrPlanChanged].
type PlanChangedError struct {
	Plan string
	Run  RunID
	// Digest is the digest of the plan offered now: what a Decision with
	// [AnswerOverride] names to allow it.
	Digest string
	// Diff has a line for each difference.
	Diff []string
}

// Error lists the differences and the ways on.
func (e *PlanChangedError) Error() string {
	return fmt.Sprintf("%s run %s: %v: %s; run the recorded plan, or call Decide with deploy.AnswerOverride and digest %s",
		e.Plan, e.Run, ErrPlanChanged, strings.Join(e.Diff, "; "), e.Digest)
}

// Unwrap returns [ErrPlanChanged].
func (e *PlanChangedError) Unwrap() error { return ErrPlanChanged }

// ErrUnfinished reports another run of the same service and environment that
// has not ended: it is continued or undone first.
var ErrUnfinished = errors.New("another run is unfinished")

// UnfinishedError names the run. It wraps [ErrUnfinished].
type UnfinishedError struct {
	Plan string
	// Run is the unfinished run.
	Run RunID
}

// Error names the run and the way on.
func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("%s: run %s is unfinished: Runner.Standing tells who has it; continue it with Run, or call Decide with deploy.AnswerUndo and then Run", e.Plan, e.Run)
}

// Unwrap returns [ErrUnfinished].
func (e *UnfinishedError) Unwrap() error { return ErrUnfinished }

// LogError reports a log that cannot be read, written or believed.
type LogError struct {
	Stream string
	// Seq is the number of the record concerned; 0 where it is not about one.
	Seq uint64
	Op  string
	Err error
}

// Error names the stream, the record and the cause.
func (e *LogError) Error() string {
	if e.Seq == 0 {
		return fmt.Sprintf("run log %s: %s: %v", e.Stream, e.Op, e.Err)
	}
	return fmt.Sprintf("run log %s: %s record %d: %v", e.Stream, e.Op, e.Seq, e.Err)
}

// Unwrap returns the cause.
func (e *LogError) Unwrap() error { return e.Err }

// sound returns err, or where its Error method panics, mostly because of a
// typed nil, an error that says so: it is a failure all the same.
func sound(err error) (same error) {
	if err == nil {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			same = fmt.Errorf("%T, whose Error method panics: %v", err, p)
		}
	}()
	_ = err.Error()
	return err
}
