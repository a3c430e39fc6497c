package deploy

import "fmt"

// holdInconclusive makes the run wait for a person who knows more than the step
// did.
func (x *execution) holdInconclusive(s Step, phase Phase, seen error) error {
	err := x.hold(s, phase, seen)
	if held, ok := err.(*HeldError); ok {
		held.looked = true
	}
	return err
}

// waits is where an unfinished run stands that nobody runs.
func (s *runState) waits() Outcome {
	if s.paused != nil {
		return Held
	}
	outcome := Interrupted
	for _, step := range s.steps {
		switch {
		case (step.forward.held && !s.undoing || step.undo.held) && step.answer == "":
			return Held
		case step.undo.outcome == Failed && !step.undo.inFlight && step.answer != AnswerDone:
			outcome = UndoFailed
		}
	}
	return outcome
}

// inconclusive is what an attempt saw, by the text in the log.
func inconclusive(text string) error { return &verdictError{text, []error{ErrInconclusive}} }

// accepted is the result of an attempt that a person calls done: where that
// was inconclusive, its output says who, why and what was seen.
func (x *execution) accepted(step string, a attemptState) result {
	if !a.held {
		return result{}
	}
	x.journal.mu.Lock()
	said := x.state().step(step).said
	x.journal.mu.Unlock()
	who := "counts as good"
	if said != nil {
		who = fmt.Sprintf("counts as good by decision of %s: %s", said.By, orString(said.Comment, "no reason given"))
	}
	return result{duration: a.duration, tail: []byte(a.tail + a.err + "\n" + who + "\n")}
}
