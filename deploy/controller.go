package deploy

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// Controller is one call of [Runner.Run], or of [Runner.TakeOver], that took a
// run up, as its record in the log says.
type Controller struct {
	// Name is random; the records of the controller carry it.
	Name string `json:"name"`
	// Initiator is who called, see [Options.Initiator].
	Initiator string `json:"initiator,omitempty"`
	// Executable is the digest of the program; empty where it only took the
	// run over and runs nothing of it.
	Executable string `json:"executable,omitempty"`
	// Where and PID are where the program ran, see [Options.Where], and its
	// process there.
	Where string `json:"where,omitempty"`
	PID   int    `json:"pid,omitempty"`
	// Since is when it took the run up.
	Since time.Time `json:"since"`
}

// String names who, where and when.
func (c Controller) String() string {
	who := orUnknown(c.Initiator)
	if c.Where != "" {
		who += fmt.Sprintf(" on %s, process %d", oneLine(c.Where), c.PID)
	}
	who += ", " + c.Since.UTC().Format(time.RFC3339)
	if c.Executable != "" {
		who += ", with " + c.Executable
	}
	return who
}

func controllerOf(r *record) Controller {
	return Controller{
		Name: r.Controller, Initiator: r.Initiator, Executable: r.Executable, Where: r.Where, PID: r.PID, Since: r.Time,
	}
}

// Initiators are all who started or continued the run, each once, in that
// order; an empty name is one that was not told. Who only took it over is none
// of them.
func (r *Report) Initiators() []string { return initiators(r.Controllers) }

func initiators(all []Controller) []string {
	var who []string
	for i, c := range all {
		if (i == 0 || c.Executable != "") && !slices.Contains(who, c.Initiator) {
			who = append(who, c.Initiator)
		}
	}
	return who
}

// signed puts into a record who writes it.
func (r *Runner) signed(rec *record) *record {
	rec.Initiator = r.opts.Redactor.String(r.opts.Initiator)
	rec.Where, rec.PID = r.opts.Where, os.Getpid()
	if rec.Where == "" {
		rec.Where, _ = os.Hostname() // it is for people, and nothing rests on it
	}
	rec.Where = r.opts.Redactor.String(rec.Where)
	return rec
}

// TakeOver takes an unfinished run from the controller that has it, and runs
// nothing: what a person calls before looking at a host that a dead or paused
// program may still be at work on. When it returns nil, that program cannot
// append to the log any more and, where the Executor is a [Fencer], its
// commands have ended and no other starts. [Runner.Run] continues the run
// afterwards, by the same program as before.
//
// There is no other way to unlock a run. Nothing can tell from outside that a
// controller is dead, so a lock that was simply removed would let two act.
//
// The error wraps [fs.ErrNotExist] where the log has no such run, and the one
// of the fence says what still holds the host.
func (r *Runner) TakeOver(ctx context.Context, ref Ref) (*Report, error) {
	at := ref.String()
	j, s, err := r.openUnfinished(ctx, ref, "take over")
	if err != nil {
		return nil, err
	}
	if err := j.append(ctx, r.signed(&record{Kind: recContinued, Run: ref.Run})); err != nil {
		return nil, fmt.Errorf("take over %s: %w", at, err)
	}
	x := &execution{Runner: r, id: ref.Run, journal: j, epoch: j.chain.Head().Seq}
	x.plan.Service, x.plan.Env.Name = ref.Service, ref.Environment
	err = x.raiseFence(ctx)
	rep := r.standing(j, s)
	return rep, joined(err, r.keep(ctx, j, rep.Head))
}

// openUnfinished opens the log of a run that has not ended.
func (r *Runner) openUnfinished(ctx context.Context, ref Ref, op string) (*journal, *runState, error) {
	j, err := r.openAnchored(ctx, ref.stream())
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", op, ref, err)
	}
	s, err := j.find(ref)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%s: %w", op, err)
	case !s.finished.IsZero():
		return nil, nil, fmt.Errorf("%s %s: it ended on %s: %s; start another run", op, ref, s.finished.Format(time.RFC3339), s.outcome)
	}
	return j, s, nil
}
