package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Answer is what a person says about a run.
type Answer string

const (
	// AnswerDone: the interrupted step had its effect, or the inconclusive one
	// is good; go on after it. On the way back: a person has undone it.
	AnswerDone Answer = "done"
	// AnswerRepeat: the interrupted or inconclusive step may run again.
	AnswerRepeat Answer = "repeat"
	// AnswerUndo: end the run by undoing everything that was begun. With a
	// step it also allows that step's undo where that was interrupted.
	AnswerUndo Answer = "undo"
	// AnswerOverride: the run may go on with the plan of the given digest, and
	// with whatever build of the program continues it next. Steps of
	// [KindApproval] that had succeeded run again then.
	AnswerOverride Answer = "override"
	// AnswerPause: no further step begins, on the way forward or back, until
	// somebody resumes. Those that run come to their end, and Run returns with
	// a [*HeldError].
	AnswerPause Answer = "pause"
	// AnswerResume: the run may go on; [Runner.Run] continues it. AnswerUndo
	// ends a pause too.
	AnswerResume Answer = "resume"
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
	if strings.TrimSpace(d.By) == "" {
		errs = append(errs, errors.New("field By is empty: say who decides"))
	}
	switch d.Answer {
	case AnswerDone, AnswerRepeat:
		if step == "" {
			errs = append(errs, fmt.Errorf("answer %q needs the name of a step", d.Answer))
		}
	case AnswerUndo:
	case AnswerPause, AnswerResume, AnswerOverride:
		if step != "" {
			errs = append(errs, fmt.Errorf("answer %q is about the whole run; leave the step %q out", d.Answer, step))
		}
		if d.Answer == AnswerOverride && d.Digest == "" {
			errs = append(errs, fmt.Errorf("answer %q needs the Digest of the plan that it allows", d.Answer))
		}
	default:
		errs = append(errs, fmt.Errorf("answer %q is none of done, repeat, undo, override, pause, resume", d.Answer))
	}
	return errors.Join(errs...)
}

// Decide adds a person's decision to an unfinished run of the plan's service
// and environment. The step names the one that is held, and is empty for a
// decision about the whole run. Decide may be called by another program than
// the one that runs the plan.
//
// The next [Runner.Run] acts on it. A Run that is at work reads it before it
// begins the next step, since the intent of that cannot get a place in the log
// behind a decision that was not read; and every [Options.Poll] while its steps
// run. So a pause holds back every step that has not begun when Decide returns;
// AnswerUndo does too, and stops the steps with an InFlight of [Repeat] within
// Options.Poll. Other steps come to their end.
func (r *Runner) Decide(ctx context.Context, ref Ref, step string, d Decision) error {
	if err := d.validate(step); err != nil {
		return fmt.Errorf("decision on %s: %w", ref, err)
	}
	j, s, err := r.openUnfinished(ctx, ref, "decision on")
	if err != nil {
		return err
	}
	if err := s.takes(step, d); err != nil {
		return fmt.Errorf("decision on %s: %w", ref, err)
	}
	d.By, d.Comment = r.opts.Redactor.String(d.By), r.opts.Redactor.String(d.Comment)
	err = j.append(ctx, &record{Kind: recDecided, Run: ref.Run, Step: step, Decision: &d})
	if errors.Is(err, errOver) {
		return fmt.Errorf("decision on %s: it ended before the decision came: %w", ref, err)
	}
	if err != nil {
		return fmt.Errorf("decision on %s: %w", ref, err)
	}
	return r.keep(ctx, j, r.head(j))
}

// takes tells why the decision makes no sense where the run stands.
func (s *runState) takes(step string, d Decision) error {
	switch {
	case step != "" && s.steps[step] == nil:
		return fmt.Errorf("no step %q was begun; name one that was, as Report lists them", step)
	case (d.Answer == AnswerDone || d.Answer == AnswerRepeat) && !s.awaits(step, d.Answer):
		if s.undoing {
			return fmt.Errorf("the run turns back, and the undo of step %q is not interrupted, so it needs no answer; call Run, which undoes it", step)
		}
		return fmt.Errorf("step %q is not interrupted, so it needs no answer", step)
	case d.Answer == AnswerPause && s.paused != nil:
		return fmt.Errorf("it is %s already", s.paused)
	case d.Answer == AnswerResume && s.paused == nil:
		return errors.New("it is not paused; call Run to continue it")
	}
	if d.Answer != AnswerDone || s.undoing {
		return nil
	}
	for _, described := range s.plan.Steps {
		if described.Name == step && len(described.Provides) > 0 {
			return fmt.Errorf("step %q has outputs, which nobody can give for it; answer repeat or undo", step)
		}
	}
	return nil
}

// awaits tells whether somebody has to say something about the step: it was
// interrupted, or its undo was, or has failed and is called done. Of a run that
// turns back nobody can call done what was interrupted before: done means
// undone by then. That it may be repeated does no harm when it comes too late.
func (s *runState) awaits(step string, a Answer) bool {
	state := s.steps[step]
	switch {
	case state.undo.inFlight:
		return true
	case a == AnswerDone && s.undoing:
		return state.undo.outcome == Failed
	}
	return state.forward.inFlight
}
