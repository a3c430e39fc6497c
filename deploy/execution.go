package deploy

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// execution is one call of Runner.Run.
type execution struct {
	*Runner
	id      RunID
	plan    Plan
	desc    Description
	digest  string
	exe     string
	journal *journal
	epoch   uint64   // number of the record that made this controller the one that acts
	exec    Executor // fenced, where the Runner's can be
	events  *dispatcher
	probe   *availability
	steps   map[string]Step
	index   map[string]int // into plan.Steps, by name
	began   time.Time
	held    bool // for a person
	stuck   bool // not everything could be undone

	initiators []string
	pauseTold  sync.Once
}

// name is the plan's name in errors.
func (x *execution) name() string { return x.plan.Service + "@" + x.plan.Env.Name }

func (x *execution) state() *runState { return x.journal.history.run(x.id) }

// recordedPlan is the plan in the log.
func (x *execution) recordedPlan() Description {
	if s := x.state(); s != nil && s.plan != nil {
		return *s.plan
	}
	return x.desc
}

// run starts or continues the run and brings it as far as it goes.
func (x *execution) run(ctx context.Context) (*Report, error) {
	x.began = time.Now()
	x.index = x.plan.index()
	x.steps = make(map[string]Step, len(x.plan.Steps))
	for _, s := range x.plan.Steps {
		x.steps[s.Name] = s
	}
	continued := x.state() != nil
	x.events = newDispatcher(x.opts.Handle, x.handlerPanicked)
	defer x.events.close(eventWait)
	var err error
	if cause := context.Cause(ctx); cause != nil {
		err = x.stopped(cause)
	} else if continued {
		err = x.pausedHold()
		x.held = err != nil
	}
	if err == nil {
		err = x.enter(ctx, continued)
	}
	if err != nil {
		switch s := x.state(); {
		case s == nil:
			return nil, err
		case errors.Is(err, errOver) && !s.finished.IsZero(): // another controller was faster
			return x.ended(ctx)
		}
		return x.finish(ctx, nil, err, continued)
	}
	ctx, release := x.withGrace(ctx)
	defer release()
	if err = x.raiseFence(ctx); err == nil {
		if x.probe, err = startAvailability(ctx, x.plan.Availability, x.opts.Redactor); err != nil {
			err = fmt.Errorf("%s run %s: asking for availability: %w", x.name(), x.id, err)
		}
	}
	if err == nil {
		err = x.advance(ctx)
	}
	return x.finish(ctx, x.probe.stop(), err, continued)
}

// handlerPanicked tells of a handler that may have missed what it was for.
func (x *execution) handlerPanicked(e Event, value any) {
	text := x.opts.Redactor.String(fmt.Sprintf("%v\n%s", value, debug.Stack()))
	x.opts.Logger.Error("event handler panicked; later panics of the run are not logged", "run", string(x.id), "event", fmt.Sprintf("%T", e), "panic", text)
}

// enter puts the record that makes this controller the one that acts.
func (x *execution) enter(ctx context.Context, continued bool) error {
	x.digest = x.desc.Digest()
	if !continued {
		if err := x.frozen(time.Now()); err != nil {
			return err
		}
	}
	rec := &record{Kind: recStarted, Run: x.id, Executable: x.exe, Digest: x.digest}
	if continued {
		if err := x.samePlan(x.digest); err != nil {
			return err
		}
		rec.Kind, rec.Digest = recContinued, ""
	}
	if !continued || x.state().acted != x.digest {
		rec.Plan = x.desc.parts()[0]
	}
	if rec.Plan != nil && len(rec.Plan.Steps) < len(x.desc.Steps) {
		rec.PlanSteps = len(x.desc.Steps)
	}
	torn := x.journal.torn
	err := x.journal.appendWhile(ctx, x.signed(rec), func() bool { return !continued || x.samePlan(x.digest) == nil })
	if err == errStale {
		return x.samePlan(x.digest)
	}
	if err != nil {
		return err
	}
	x.initiators = initiators(x.state().by)
	x.epoch = x.journal.chain.Head().Seq // or of a decision read since; no other controller's is as high
	if err := x.completePlan(ctx); err != nil {
		return err
	}
	names := make([]string, len(x.desc.Steps))
	for i, s := range x.desc.Steps {
		names[i] = s.Name
	}
	x.events.send(RunStarted{
		Run: x.id, Service: x.desc.Service, Environment: x.desc.Environment, Continued: continued, Steps: names, Time: x.began,
	})
	if torn != 0 {
		x.events.send(LogRepaired{Stream: x.journal.stream, Seq: torn})
	}
	return nil
}

// samePlan refuses to continue a run with another plan or program, unless
// somebody has allowed this plan's digest since.
func (x *execution) samePlan(digest string) error {
	s := x.state()
	if s.digest == digest && (s.executable == x.exe || s.overridden) {
		return nil
	}
	diff := x.desc.diff(*s.plan)
	if s.executable != x.exe {
		diff = append(diff, "the program is another build")
	}
	return &PlanChangedError{Plan: x.name(), Run: x.id, Digest: digest, Diff: diff}
}

// advance goes forward until all is done or a step fails, and then back.
func (x *execution) advance(ctx context.Context) error {
	if x.state().undoing {
		return x.back(ctx, nil)
	}
	failed, err := x.forward(ctx)
	if failed == nil && err == nil {
		done := &record{Kind: recFinished, Run: x.id, Outcome: Succeeded, Availability: x.probe.report()}
		if err = x.journal.appendWhile(ctx, done, x.notTurned); err == nil {
			return nil
		}
	}
	switch {
	case err == errStale:
		return x.back(ctx, failed)
	case err != nil:
		return joined(failed, err)
	case ctx.Err() != nil:
		return joined(failed, x.stopped(context.Cause(ctx)))
	}
	if err := x.journal.append(ctx, &record{Kind: recUndo, Run: x.id, Error: x.text(failed)}); err != nil {
		return joined(failed, err)
	}
	return x.back(ctx, failed)
}

// back undoes what was begun. A step is not undone while one that needed it
// could not be: a process must not be ended while requests still go to it.
func (x *execution) back(ctx context.Context, cause error) error {
	s := x.state()
	if cause == nil {
		cause = fmt.Errorf("%s run %s: %s", x.name(), x.id, s.cause)
	}
	errs := []error{cause}
	stuck := map[string]bool{}
	for _, name := range s.undoOrder() {
		step, known := x.steps[name]
		switch {
		case s.step(name).undo.done:
			continue
		case !known:
			errs = append(errs, fmt.Errorf("%s run %s: step %q was begun and is not in this plan, so nobody can undo it; run a plan that has it, which a decision with deploy.AnswerOverride allows", x.name(), x.id, name))
			stuck[name] = true
			continue
		case x.neededBy(name, stuck):
			stuck[name] = true
			continue
		case step.Undo == nil:
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return errors.Join(append(errs, x.stopped(err))...)
		}
		if err := x.pausedHold(); err != nil {
			x.held = true
			return errors.Join(append(errs, err)...)
		}
		err := x.attempt(ctx, step, PhaseUndo)
		if err == nil {
			continue
		}
		errs, x.held = append(errs, err), isHeld(err)
		if !isStepError(err) || ctx.Err() != nil {
			return errors.Join(append(errs, context.Cause(ctx))...)
		}
		stuck[name] = true
	}
	if x.stuck = len(stuck) > 0; x.stuck {
		return errors.Join(append(errs, errUndo)...)
	}
	done := &record{Kind: recFinished, Run: x.id, Outcome: Undone, Error: s.cause, Availability: x.probe.report()}
	if err := x.journal.append(ctx, done); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// stopped is the error of a run whose context ended between two steps.
func (x *execution) stopped(cause error) error {
	return fmt.Errorf("%s run %s: stopped before its next step: %w", x.name(), x.id, cause)
}

// errUndo marks the error of a way back that could not be gone to its end.
var errUndo = errors.New("not everything could be undone; put right what is named above and run again, which tries the rest, or call Decide with deploy.AnswerDone for what was undone by hand")

// neededBy tells whether a step that could not be undone needs this one.
func (x *execution) neededBy(name string, stuck map[string]bool) bool {
	if len(stuck) == 0 {
		return false
	}
	for other := range stuck {
		if _, known := x.index[other]; !known {
			return true // nobody can tell what it needed
		}
		if x.plan.waitsFor(x.index[other], x.index[name], x.index) {
			return true
		}
	}
	return false
}

// finish makes the report and the last event.
func (x *execution) finish(ctx context.Context, avail *AvailabilityReport, err error, continued bool) (*Report, error) {
	s := x.state()
	rep := s.report(x.recordedPlan(), x.head(x.journal))
	rep.Continued = continued
	if avail != nil {
		rep.Availability = avail
	}
	if !rep.Outcome.Ended() {
		rep.Outcome, rep.Duration, rep.Reason = x.unfinished(), time.Since(s.started), x.text(err)
	}
	err = joined(err, x.next(rep.Outcome, err))
	x.events.send(RunFinished{
		Run: x.id, Service: x.plan.Service, Environment: x.plan.Env.Name,
		Outcome: rep.Outcome, Duration: rep.Duration, Err: err, Time: time.Now(),
	})
	rep.EventsDropped = x.events.lost()
	return rep, joined(err, x.keep(ctx, x.journal, rep.Head))
}

// next says what to do about a run that did not succeed, where err does not.
func (x *execution) next(o Outcome, err error) error {
	var what string
	switch {
	case o == Undone:
		what = "everything that was begun is undone; mend what is named above, and start a run with another id"
	case o != Interrupted, errors.Is(err, ErrPlanChanged), errors.Is(err, ErrFrozen):
		return nil
	case errors.Is(err, ErrConflict), errors.Is(err, ErrFenced), errors.Is(err, errOver):
		what = "this program has lost its place and changes nothing any more; Runner.Standing tells who has the run, and running it again takes it back"
	default:
		what = "it is not over; run it again with the same plan, which continues it, or call Decide with deploy.AnswerUndo first, to end it"
	}
	return fmt.Errorf("%s run %s: %s", x.name(), x.id, what)
}

func (x *execution) unfinished() Outcome {
	switch {
	case x.held:
		return Held
	case x.stuck:
		return UndoFailed
	}
	return Interrupted
}

// ended reports a run that is over.
func (x *execution) ended(ctx context.Context) (*Report, error) {
	s := x.state()
	rep := s.report(x.recordedPlan(), x.head(x.journal))
	rep.Continued = true
	return rep, joined(x.endError(s), x.keep(ctx, x.journal, rep.Head))
}

// endError is the error of a run that has ended before.
func (x *execution) endError(s *runState) error {
	if s.outcome == Succeeded {
		return nil
	}
	return fmt.Errorf("%s run %s ended before: %s: %s; start a run with another id", x.name(), x.id, s.outcome, s.err)
}

// maxError is how much of an error's text the log keeps, in bytes.
const maxError = 16 << 10

// text is what the log keeps of an error: without secrets, and not too long.
func (x *execution) text(err error) string {
	s := x.opts.Redactor.String(err.Error())
	if len(s) > maxError {
		s = s[:maxError] + " [cut]"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
