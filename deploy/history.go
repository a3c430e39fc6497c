package deploy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"
)

// history is what the records of a stream tell: the last run of the service
// in the environment, and those before it.
type history struct {
	ended     map[RunID]*runState
	order     []*runState // all, as they began
	last      *runState   // nil before the first run
	takeovers int         // records that began or continued a run
}

func newHistory() *history { return &history{ended: map[RunID]*runState{}} }

// run returns the state of a run, nil when the log does not know it.
func (h *history) run(id RunID) *runState {
	if h.last != nil && h.last.id == id {
		return h.last
	}
	return h.ended[id]
}

// runState is a set, not a cursor: what is done, begun and undone.
type runState struct {
	id         RunID
	initiator  string
	digest     string // of the plan that may go on
	overridden bool   // somebody allowed the digest for whatever program continues next
	executable string
	plan       *Description
	planSteps  int     // that the whole plan has, where it came in several records
	change     *Change // of a plan that took the place of the recorded one
	breakGlass string  // the same
	started    time.Time
	finished   time.Time // zero while the run can be continued
	outcome    Outcome
	err        string // of the finished run
	undoing    bool
	cause      string // why the run turned back
	steps      map[string]*stepState
	begun      []string // steps in the order of their first intent
	done       []string // steps in the order of their completion
	skipped    []string
	outputs    map[string]json.RawMessage
}

// stepState is what happened to one step.
type stepState struct {
	forward, undo attemptState
	// answer is what a person said about the attempt in flight.
	answer Answer
}

// attemptState is where one phase of a step stands.
type attemptState struct {
	attempts int
	inFlight bool // the last intent has no outcome, or the attempt was interrupted
	done     bool
	outcome  Outcome
	started  time.Time
	duration time.Duration
	err      string
	tail     string
}

func (s *stepState) at(p Phase) *attemptState {
	if p == PhaseUndo {
		return &s.undo
	}
	return &s.forward
}

func (r *runState) step(name string) *stepState {
	s := r.steps[name]
	if s == nil {
		s = &stepState{}
		r.steps[name] = s
	}
	return s
}

// errOver reports a record about a run that is not the one in progress: it
// ended meanwhile, or another one began.
var errOver = errors.New("the run is not the one in progress")

// admits tells whether a record can follow the ones before it. Who appends
// asks first, since what is in the log cannot be taken back.
func (h *history) admits(r *record) error {
	if r.Kind == recStarted {
		switch {
		case r.Plan == nil:
			return fmt.Errorf("run %q starts without a plan", r.Run)
		case h.last != nil && h.last.finished.IsZero():
			return fmt.Errorf("run %q starts while run %q is unfinished: %w", r.Run, h.last.id, errOver)
		case h.run(r.Run) != nil:
			return fmt.Errorf("run %q starts a second time: %w", r.Run, errOver)
		}
		return nil
	}
	if s := h.last; s == nil || s.id != r.Run || !s.finished.IsZero() {
		return fmt.Errorf("%s of run %q: %w", r.Kind, r.Run, errOver)
	}
	switch r.Kind {
	case recDecided:
		return r.Decision.known()
	case recPlan:
		if r.Plan == nil || len(h.last.plan.Steps)+len(r.Plan.Steps) > h.last.planSteps {
			return fmt.Errorf("run %q has more steps than it began with", r.Run)
		}
	}
	return nil
}

// apply takes one record in. A record that cannot follow the ones before it
// is an error: the log was not written by an engine that keeps its promises.
func (h *history) apply(r *record) error {
	if err := h.admits(r); err != nil {
		return err
	}
	if r.Kind == recStarted {
		h.begin(r)
		return nil
	}
	s := h.last
	switch r.Kind {
	case recPlan:
		s.plan.Steps = append(s.plan.Steps, r.Plan.Steps...)
	case recContinued:
		h.takeovers++
		s.executable, s.overridden = r.Executable, false
		s.change, s.breakGlass = cmp.Or(r.Change, s.change), cmp.Or(r.BreakGlass, s.breakGlass)
	case recIntent:
		s.intent(r)
	case recSkipped:
		a := &s.step(r.Step).forward
		a.done, a.outcome, a.started = true, Skipped, r.Time
		s.skipped = append(s.skipped, r.Step)
	case recOutcome:
		s.outcomeOf(r)
	case recUndo:
		s.undoing, s.cause = true, r.Error
	case recDecided:
		s.decided(r.Step, r.Decision)
	case recFinished:
		s.finished, s.outcome, s.err = r.Time, r.Outcome, r.Error
	default:
		return fmt.Errorf("unknown kind %q: written by a newer version of this library", r.Kind)
	}
	return nil
}

func (h *history) begin(r *record) {
	if h.last != nil {
		h.ended[h.last.id] = h.last
	}
	h.takeovers++
	h.last = &runState{
		id: r.Run, initiator: r.Initiator, digest: r.Digest, executable: r.Executable, plan: r.Plan, planSteps: r.PlanSteps,
		started: r.Time, steps: map[string]*stepState{}, outputs: map[string]json.RawMessage{},
	}
	h.order = append(h.order, h.last)
}

func (s *runState) intent(r *record) {
	step := s.step(r.Step)
	if r.Phase == PhaseForward && step.forward.attempts == 0 {
		s.begun = append(s.begun, r.Step)
	}
	a := step.at(r.Phase)
	a.attempts, a.inFlight, a.started = r.Attempt, true, r.Time
	step.answer = ""
}

func (s *runState) outcomeOf(r *record) {
	step := s.step(r.Step)
	step.answer = "" // it was about what is settled now
	a := step.at(r.Phase)
	a.inFlight = r.Outcome == Interrupted
	a.outcome, a.duration, a.err, a.tail = r.Outcome, r.Duration, r.Error, r.Tail
	if r.Outcome != Succeeded {
		return
	}
	a.done = true
	if r.Phase == PhaseForward {
		s.done = append(s.done, r.Step)
		maps.Copy(s.outputs, r.Outputs)
	}
}

func (s *runState) decided(step string, d *Decision) {
	switch d.Answer {
	case AnswerUndo:
		s.undoing = true
		if s.cause == "" {
			s.cause = "undone by decision of " + d.By
		}
		if step != "" {
			s.step(step).answer = d.Answer
		}
	case AnswerOverride:
		if d.Digest != s.digest {
			s.planSteps = 0 // what is missing is of a plan that is not run any more
		}
		s.digest, s.overridden = d.Digest, true
	case AnswerDone, AnswerRepeat:
		s.step(step).answer = d.Answer
	}
}

// known tells whether this version knows the answer.
func (d *Decision) known() error {
	if d == nil {
		return errors.New("a decision has no content")
	}
	switch d.Answer {
	case AnswerDone, AnswerRepeat, AnswerUndo, AnswerOverride:
		return nil
	}
	return fmt.Errorf("unknown answer %q: written by a newer version of this library", d.Answer)
}

// undoOrder returns the steps to undo, in order: first those that were begun
// and not completed, then the completed ones, last first.
func (s *runState) undoOrder() []string {
	var order []string
	for i := len(s.begun) - 1; i >= 0; i-- {
		if !s.step(s.begun[i]).forward.done {
			order = append(order, s.begun[i])
		}
	}
	for i := len(s.done) - 1; i >= 0; i-- {
		order = append(order, s.done[i])
	}
	return order
}
