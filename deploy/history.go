package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// history is what the records of a stream tell: the last run of the service
// in the environment, and those before it.
type history struct {
	ended     map[RunID]*runState
	order     []*runState // all, as they began
	last      *runState   // nil before the first run
	takeovers int         // records that began or continued a run
	pruned    pruned      // the newest record of that kind
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
	of         *history
	id         RunID
	firstSeq   uint64       // number of its first record
	lastSeq    uint64       // of its last, once it has ended
	by         []Controller // who started and who took the run on since
	digest     string       // of the plan that may go on
	acted      string       // of the plan that the last controller went by
	changes    int          // how often plan or program were replaced by others
	overridden bool         // somebody allowed the digest for whatever program continues next
	executable string
	plan       *Description
	planSteps  int               // that the whole plan has, where it came in several records
	former     []StepDescription // of plans that others took the place of
	started    time.Time
	last       time.Time // of the last record
	finished   time.Time // zero while the run can be continued
	outcome    Outcome
	err        string              // of the finished run
	counted    *AvailabilityReport // by the controller that ended it
	undoing    bool
	cause      string // why the run turned back
	paused     *Pause
	steps      map[string]*stepState
	begun      []string // steps in the order of their first intent
	done       []string // steps in the order of their completion
	skipped    []string
	outputs    map[string]json.RawMessage
	typed      map[string]string // declarations of outputs, by name
}

// stepState is what happened to one step.
type stepState struct {
	forward, undo attemptState
	// answer is what a person said about the attempt in flight, and said the
	// last such decision.
	answer Answer
	said   *Decision
}

// attemptState is where one phase of a step stands.
type attemptState struct {
	attempts int
	inFlight bool // the last intent has no outcome, or the attempt was interrupted or is held
	held     bool // it was inconclusive, so only a person can say how to go on
	done     bool
	changes  int  // that the run had seen when it was done
	again    bool // it was done, and is asked for again
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
	if r.Kind == recPruned {
		return h.admitsPruned(r)
	}
	if r.Kind == recStarted {
		switch {
		case r.Plan == nil:
			return fmt.Errorf("run %q starts without a plan", r.Run)
		case h.last != nil && h.last.finished.IsZero():
			return fmt.Errorf("run %q starts while run %q is unfinished: %w", r.Run, h.last.id, errOver)
		case h.run(r.Run) != nil, h.knew(r.Run):
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
	switch r.Kind {
	case recStarted:
		h.begin(r)
		return nil
	case recPruned:
		h.prune(r.Pruned)
		return nil
	}
	s := h.last
	s.last = r.Time
	switch r.Kind {
	case recPlan:
		s.plan.Steps = append(s.plan.Steps, r.Plan.Steps...)
	case recContinued:
		h.takeovers++
		s.continued(r)
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
		s.decided(r)
	case recFinished:
		s.finished, s.outcome, s.err, s.lastSeq, s.counted = r.Time, r.Outcome, r.Error, r.seq, r.Availability
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
		of: h, id: r.Run, firstSeq: r.seq, by: []Controller{controllerOf(r)}, digest: r.Digest, acted: r.Digest, executable: r.Executable,
		plan: r.Plan, planSteps: r.PlanSteps, started: r.Time, last: r.Time,
		steps: map[string]*stepState{}, outputs: map[string]json.RawMessage{}, typed: map[string]string{},
	}
	h.order = append(h.order, h.last)
}

// continued lets another controller act. One that brings no program has only
// taken the run over; see [Runner.TakeOver].
func (s *runState) continued(r *record) {
	s.by = append(s.by, controllerOf(r))
	if r.Executable == "" {
		return
	}
	if r.Executable != s.executable || s.digest != s.acted {
		s.changes++
	}
	s.executable, s.acted, s.overridden = r.Executable, s.digest, false
	if r.Plan != nil {
		s.former = append(s.former, s.plan.Steps...)
		s.plan, s.planSteps = r.Plan, r.PlanSteps
	}
}

// described are the steps of the plan, and those that plans had whose place it
// took, by name.
func (s *runState) described() map[string][]StepDescription {
	of := make(map[string][]StepDescription, len(s.plan.Steps))
	for _, d := range slices.Concat(s.plan.Steps, s.former) {
		of[d.Name] = append(of[d.Name], d)
	}
	return of
}

func (s *runState) intent(r *record) {
	step := s.step(r.Step)
	if r.Phase == PhaseForward && step.forward.attempts == 0 {
		s.begun = append(s.begun, r.Step)
	}
	a := step.at(r.Phase)
	if a.done && r.Phase == PhaseForward { // an approval that is asked for again
		a.done, a.again = false, true
		s.done = slices.DeleteFunc(s.done, func(name string) bool { return name == r.Step })
	}
	a.attempts, a.inFlight, a.held, a.started = r.Attempt, true, false, r.Time
	step.answer = ""
}

func (s *runState) outcomeOf(r *record) {
	step := s.step(r.Step)
	step.answer = "" // it was about what is settled now
	a := step.at(r.Phase)
	a.held = r.Outcome == Held
	a.inFlight = r.Outcome == Interrupted || a.held
	a.outcome, a.duration, a.err, a.tail = r.Outcome, r.Duration, r.Error, r.Tail
	if r.Outcome != Succeeded {
		return
	}
	a.done, a.again, a.changes = true, false, s.changes
	if r.Phase == PhaseForward {
		s.done = append(s.done, r.Step)
		s.provide(r)
	}
}

// provide takes the outputs of a completed step in.
func (s *runState) provide(r *record) {
	for name, raw := range r.Outputs {
		s.outputs[name] = raw
		delete(s.typed, name)
	}
	maps.Copy(s.typed, r.Typed)
}

func (s *runState) decided(r *record) {
	step, d := r.Step, r.Decision
	switch d.Answer {
	case AnswerUndo:
		s.undoing, s.paused = true, nil
		if s.cause == "" {
			s.cause = "undone by decision of " + d.By
		}
		if step != "" {
			s.step(step).answer = d.Answer
		}
	case AnswerOverride:
		s.digest, s.overridden = d.Digest, true
	case AnswerDone, AnswerRepeat:
		s.step(step).answer, s.step(step).said = d.Answer, d
	case AnswerPause:
		s.paused = &Pause{By: d.By, Comment: d.Comment, Since: r.Time}
	case AnswerResume:
		s.paused = nil
	}
}

// known tells whether this version knows the answer.
func (d *Decision) known() error {
	if d == nil {
		return errors.New("a decision has no content")
	}
	switch d.Answer {
	case AnswerDone, AnswerRepeat, AnswerUndo, AnswerOverride, AnswerPause, AnswerResume:
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
