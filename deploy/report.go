package deploy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Outcome is how an attempt or a run ended, or where it stands.
type Outcome string

const (
	// Succeeded: everything was done.
	Succeeded Outcome = "succeeded"
	// Skipped: the condition of the step did not hold.
	Skipped Outcome = "skipped"
	// Failed: the attempt failed. Runs do not end so; see Undone.
	Failed Outcome = "failed"
	// Undone: the run failed, or a person ended it, and everything that had
	// been begun was taken back.
	Undone Outcome = "undone"
	// UndoFailed: taking back failed. The run can be continued, which tries
	// what is left again.
	UndoFailed Outcome = "undo failed"
	// Held: the run waits for a person's decision and can be continued.
	Held Outcome = "held"
	// Interrupted: the program was told to stop or lost the log. The run can
	// be continued.
	Interrupted Outcome = "interrupted"
)

// Ended tells whether a run with this outcome is over.
func (o Outcome) Ended() bool { return o == Succeeded || o == Undone }

// Report is what is known of a run. It is complete whatever the outcome, and
// is made from the log, so it is the same after a crash.
type Report struct {
	Run         RunID   `json:"run"`
	Service     string  `json:"service"`
	Environment string  `json:"environment"`
	Outcome     Outcome `json:"outcome"`
	// Reason is why the run did not succeed.
	Reason string `json:"reason,omitempty"`
	// Initiator is who started the run. Controllers are the programs that ran
	// it, the one that started it first, with who continued it and the digest
	// of each executable.
	Initiator   string       `json:"initiator,omitempty"`
	Controllers []Controller `json:"controllers,omitempty"`
	PlanDigest  string       `json:"plan_digest"`
	// Change is what the plan releases.
	Change *Change `json:"change,omitempty"`
	// Approvals say who approved, as the steps of [KindApproval] have
	// journalled it in an output of the shape of [Approved].
	Approvals []Approval `json:"approvals,omitempty"`
	// BreakGlass is why the run was allowed through a freeze.
	BreakGlass string    `json:"break_glass,omitempty"`
	Started    time.Time `json:"started"`
	// Duration is up to the end, or where the run has not ended up to when the
	// Run that made the report returned; read from the log, to its last record.
	Duration time.Duration `json:"duration"`
	// Continued is set when this call of Run took up a run that the log
	// knew.
	Continued bool         `json:"continued,omitempty"`
	Steps     []StepReport `json:"steps"`
	// Outputs are the outputs of the completed steps, as JSON.
	Outputs map[string]json.RawMessage `json:"outputs,omitempty"`
	// Typed are the declarations of those that have one; see [Output].
	Typed map[string]string `json:"typed,omitempty"`
	// Pruned tells of earlier runs that the log no longer has; nil where it
	// has all.
	Pruned *Pruned `json:"pruned,omitempty"`
	// Head is the number and the digest of the last record that the log had
	// when the report was made, as a signed note where the Runner has a
	// Signer. Kept elsewhere, it lets [Runner.Verify] find records that were
	// cut off later.
	Head string `json:"head"`
	// Availability is what the run's prober counted during this call of Run,
	// or, read from the log, during the one that ended the run, up to then; nil
	// when none was asked for.
	Availability *AvailabilityReport `json:"availability,omitempty"`
	// EventsDropped counts lines of output that the handler was too slow for.
	EventsDropped int `json:"events_dropped,omitempty"`
}

// StepReport is one phase of one step.
type StepReport struct {
	Step     string        `json:"step"`
	Host     string        `json:"host"`
	Kind     Kind          `json:"kind,omitempty"`
	Phase    Phase         `json:"phase"`
	Outcome  Outcome       `json:"outcome"`
	Attempts int           `json:"attempts"`
	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"duration"`
	Error    string        `json:"error,omitempty"`
	// Tail is the filtered end of the output of the last attempt.
	Tail string `json:"tail,omitempty"`
}

// AvailabilityReport is what a prober that ran from the first step to the
// last saw of the service.
type AvailabilityReport struct {
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
	// FirstFailure is when the first failed request was sent; zero when none
	// failed. FirstReason is why it failed.
	FirstFailure time.Time `json:"first_failure,omitzero"`
	FirstReason  string    `json:"first_reason,omitempty"`
}

// report makes the Report of a run from its state.
func (s *runState) report(d Description, head string) *Report {
	r := &Report{
		Run: s.id, Service: d.Service, Environment: d.Environment,
		Outcome: s.outcome, Reason: s.err, Initiator: s.by[0].Initiator, Controllers: s.by, PlanDigest: s.digest,
		Change: d.Change, BreakGlass: d.BreakGlass,
		Approvals: approvalsIn(d, s.outputs), Started: s.started, Outputs: s.outputs, Typed: s.typed, Pruned: s.of.gone(), Head: head,
		Availability: s.counted,
	}
	if !s.finished.IsZero() {
		r.Duration = s.finished.Sub(s.started)
	}
	kinds := map[string]Kind{}
	for name, known := range s.described() {
		kinds[name] = known[0].Kind
	}
	for _, name := range slices.Concat(s.begun, s.skipped) {
		r.Steps = append(r.Steps, s.steps[name].forward.report(name, kinds[name], PhaseForward))
	}
	for _, name := range s.undoOrder() {
		if a := &s.steps[name].undo; a.attempts > 0 {
			r.Steps = append(r.Steps, a.report(name, kinds[name], PhaseUndo))
		}
	}
	return r
}

func (a *attemptState) report(name string, kind Kind, phase Phase) StepReport {
	r := StepReport{
		Step: name, Host: localHost, Kind: kind, Phase: phase, Outcome: a.outcome, Attempts: a.attempts,
		Started: a.started, Duration: a.duration, Error: a.err, Tail: a.tail,
	}
	if a.inFlight && !a.held {
		r.Outcome = Interrupted
	}
	return r
}

// String returns the report for people: the outcome, and a line for each
// phase of each step.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s, run %s: %s after %s\n", r.Service, r.Environment, r.Run, r.Outcome, r.Duration.Round(time.Millisecond))
	r.writePeople(&b)
	for _, s := range r.Steps {
		name := s.Step
		if s.Phase == PhaseUndo {
			name = "undo " + name
		}
		fmt.Fprintf(&b, "  %-20s %-12s %8s", name, s.Outcome, s.Duration.Round(time.Millisecond))
		if s.Attempts > 1 {
			fmt.Fprintf(&b, "  %d attempts", s.Attempts)
		}
		b.WriteByte('\n')
		if s.Outcome != Succeeded && s.Outcome != Skipped {
			writeTail(&b, s.Tail)
		}
	}
	if a := r.Availability; a != nil {
		fmt.Fprintf(&b, "  %d of %d probes failed\n", a.Failed, a.Requests)
	}
	if r.Reason != "" {
		fmt.Fprintf(&b, "  because: %s\n", r.Reason)
	}
	return harmless(b.String())
}

// writePeople says what was released, by whom, and with whose approval.
func (r *Report) writePeople(b *strings.Builder) {
	if c := r.Change; c != nil {
		fmt.Fprintf(b, "  commit %s, artefact %s\n", orUnknown(c.Commit), orUnknown(c.Artefact))
	}
	for i, c := range r.Controllers {
		verb := "continued"
		switch {
		case i == 0:
			verb = "started"
		case c.Executable == "":
			verb = "taken over"
		}
		fmt.Fprintf(b, "  %s by %s\n", verb, c)
	}
	for _, a := range r.Approvals {
		fmt.Fprintf(b, "  approved by %s\n", a)
	}
	if r.BreakGlass != "" {
		fmt.Fprintf(b, "  broke the glass: %s\n", oneLine(r.BreakGlass))
	}
}

// shownTail is how many lines of the output of a step that did not succeed
// String shows.
const shownTail = 10

func writeTail(b *strings.Builder, tail string) {
	lines := strings.Split(strings.TrimRight(tail, "\n"), "\n")
	for _, line := range lines[max(0, len(lines)-shownTail):] {
		if line != "" {
			fmt.Fprintf(b, "    | %s\n", line)
		}
	}
}
