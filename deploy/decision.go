package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Answer is what a person says about a run.
type Answer string

const (
	// AnswerDone: the interrupted step had its effect; go on after it. On the
	// way back: a person has undone it.
	AnswerDone Answer = "done"
	// AnswerRepeat: the interrupted step may run again.
	AnswerRepeat Answer = "repeat"
	// AnswerUndo: end the run by undoing everything that was begun. With a
	// step it also allows that step's undo where that was interrupted.
	AnswerUndo Answer = "undo"
	// AnswerOverride: the run may go on with the plan of the given digest.
	AnswerOverride Answer = "override"
)

// Decision is an answer and who gave it. It is kept in the log.
type Decision struct {
	Answer Answer `json:"answer"`
	// By is who decided; it must be given.
	By string `json:"by"`
	// Comment is why.
	Comment string `json:"comment,omitempty"`
	// Digest is the digest of the plan that AnswerOverride allows, as
	// [PlanChangedError] gives it.
	Digest string `json:"digest,omitempty"`
}

func (d Decision) validate(step string) error {
	var errs []error
	if d.By == "" {
		errs = append(errs, errors.New("field By is empty: say who decides"))
	}
	switch d.Answer {
	case AnswerDone, AnswerRepeat:
		if step == "" {
			errs = append(errs, fmt.Errorf("answer %q needs the name of a step", d.Answer))
		}
	case AnswerUndo:
	case AnswerOverride:
		if d.Digest == "" {
			errs = append(errs, fmt.Errorf("answer %q needs the Digest of the plan that it allows", d.Answer))
		}
	default:
		errs = append(errs, fmt.Errorf("answer %q is none of done, repeat, undo, override", d.Answer))
	}
	return errors.Join(errs...)
}

// Decide adds a person's decision to an unfinished run of the plan's service
// and environment; the next [Runner.Run] acts on it. The step names the one
// that is held, and is empty for a decision about the whole run. Decide may
// be called by another program than the one that runs the plan.
func (r *Runner) Decide(ctx context.Context, ref Ref, step string, d Decision) error {
	id := ref.Run
	if err := d.validate(step); err != nil {
		return fmt.Errorf("decision on run %s: %w", id, err)
	}
	j, err := r.openAnchored(ctx, ref.stream())
	if err != nil {
		return fmt.Errorf("decision: %w", err)
	}
	s, err := j.find(ref)
	if err != nil {
		return fmt.Errorf("decision: %w", err)
	}
	switch {
	case !s.finished.IsZero():
		return fmt.Errorf("decision on run %s: it ended on %s: %s", id, s.finished.Format(time.RFC3339), s.outcome)
	case step != "" && s.steps[step] == nil:
		return fmt.Errorf("decision on run %s: no step %q was begun", id, step)
	case d.Answer == AnswerDone && !s.awaits(step, true), d.Answer == AnswerRepeat && !s.awaits(step, false):
		return fmt.Errorf("decision on run %s: step %q is not interrupted", id, step)
	}
	if d.Answer == AnswerDone && s.steps[step].forward.inFlight {
		for _, described := range s.plan.Steps {
			if described.Name == step && len(described.Provides) > 0 {
				return fmt.Errorf("decision on run %s: step %q has outputs, which nobody can give for it; answer repeat or undo", id, step)
			}
		}
	}
	d.By, d.Comment = r.opts.Redactor.String(d.By), r.opts.Redactor.String(d.Comment)
	err = j.append(ctx, &record{Kind: recDecided, Run: id, Step: step, Decision: &d})
	if errors.Is(err, errOver) {
		return fmt.Errorf("decision on run %s: it ended before the decision came: %w", id, err)
	}
	if err != nil {
		return err
	}
	return r.keep(ctx, j, r.head(j))
}

// awaits tells whether somebody has to say something about the step: it was
// interrupted, or, where failed counts too, its undo has failed.
func (s *runState) awaits(step string, failed bool) bool {
	state := s.steps[step]
	return state.forward.inFlight || state.undo.inFlight || failed && state.undo.outcome == Failed
}
