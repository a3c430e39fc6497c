package deploy

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

// attempt brings one phase of a step to its end: it settles what an earlier
// controller left in flight, and then tries as often as the step allows.
func (x *execution) attempt(ctx context.Context, s Step, phase Phase) error {
	if phase == PhaseForward {
		if skipped, err := x.skip(ctx, s); skipped || err != nil {
			return err
		}
	}
	settled, err := x.settle(ctx, s, phase)
	if err != nil || settled {
		return err
	}
	a := x.attemptState(s.Name, phase)
	if phase == PhaseForward && s.Kind == KindSwitch && a.attempts == 0 && !x.hasSwitched() {
		if err := x.frozen(time.Now()); err != nil {
			return x.stepError(s, phase, 1, err)
		}
	}
	if phase == PhaseForward && a.outcome == Failed && !a.inFlight {
		// The program died between the outcome and what follows from it.
		err = x.stepError(s, phase, a.attempts, errors.New(a.err))
	} else {
		err = x.try(ctx, s, phase)
	}
	for phase == PhaseForward && isStepError(err) {
		made := x.attemptState(s.Name, phase).attempts
		if made > s.Retry.Max || x.stopping() {
			break
		}
		if ended := x.pauseOrStop(ctx, jittered(s.Retry.pause(made+1))); ended != nil {
			return errors.Join(err, ended)
		}
		if x.stopping() {
			break
		}
		err = x.try(ctx, s, phase)
	}
	return err
}

// isStepError tells an attempt that failed from whatever else may have gone
// wrong. It does not look into the error: a step can have failed because of
// another run's step.
func isStepError(err error) bool {
	_, ok := err.(*StepError)
	return ok
}

// settle decides about an attempt whose intent is in the log and whose
// outcome is not, as the step's InFlight or a person says. It tells whether
// the effect is there, so that there is nothing left to do.
func (x *execution) settle(ctx context.Context, s Step, phase Phase) (settled bool, err error) {
	a, answer := x.attemptState(s.Name, phase), x.answer(s.Name)
	if phase == PhaseUndo && a.outcome == Failed && answer == AnswerDone { // put right by hand
		return true, x.outcome(ctx, s, phase, a.attempts, result{})
	}
	if !a.inFlight {
		return false, nil
	}
	switch {
	case answer == AnswerDone:
		return true, x.outcome(ctx, s, phase, a.attempts, x.accepted(s.Name, a))
	case answer == AnswerRepeat, answer == AnswerUndo, s.InFlight == Repeat && !a.held:
		return false, nil
	case a.held:
		return false, x.holdInconclusive(s, phase, inconclusive(a.err))
	case s.InFlight == Ask:
		return false, x.hold(s, phase, nil)
	}
	return x.verify(ctx, s, phase, a.attempts)
}

// hold makes the run wait for a person.
func (x *execution) hold(s Step, phase Phase, err error) error {
	x.events.send(StepHeld{
		Run: x.id, Service: x.plan.Service, Environment: x.plan.Env.Name, Step: s.Name, Host: localHost,
		Kind: s.Kind, Phase: phase, Err: err, Time: time.Now(),
	})
	return &HeldError{Plan: x.name(), Run: x.id, Step: s.Name, Phase: phase, Host: localHost, Err: err}
}

// verify asks the step whether its effect is there. On the way forward that
// means it is done; on the way back it means that there is still something to
// undo.
func (x *execution) verify(ctx context.Context, s Step, phase Phase, attempt int) (settled bool, err error) {
	res := x.call(ctx, s, s.Verify, phase, attempt)
	if cause := context.Cause(ctx); cause != nil || errors.Is(res.err, ErrFenced) {
		// It is not this controller's to ask anybody, and no failure of the step.
		return false, fmt.Errorf("%s run %s: looking whether step %q (%s) was done: %w", x.name(), x.id, s.Name, phase, cmp.Or(cause, res.err))
	}
	there, absent := res.err == nil, errors.Is(res.err, ErrNotDone)
	if !there && !absent {
		return false, x.hold(s, phase, res.err)
	}
	if there == (phase == PhaseForward) {
		res.err = nil
		return true, x.outcome(ctx, s, phase, attempt, res)
	}
	return false, nil
}

// try makes one attempt: intent, effect, outcome.
func (x *execution) try(ctx context.Context, s Step, phase Phase) error {
	attempt := x.attemptState(s.Name, phase).attempts + 1
	intent := &record{Kind: recIntent, Run: x.id, Step: s.Name, Host: localHost, Phase: phase, Attempt: attempt}
	if err := x.appendStep(ctx, intent, phase); err != nil {
		return err
	}
	x.events.send(StepStarted{
		Run: x.id, Service: x.plan.Service, Environment: x.plan.Env.Name, Step: s.Name, Host: localHost,
		Kind: s.Kind, Phase: phase, Attempt: attempt, Time: time.Now(),
	})
	action := s.Do
	if phase == PhaseUndo {
		action = s.Undo
	}
	res := x.call(ctx, s, action, phase, attempt)
	res.interrupted = res.err != nil && (ctx.Err() != nil || errors.Is(res.err, ErrFenced))
	res.held = errors.Is(res.err, ErrInconclusive)
	res.retry = phase == PhaseForward && attempt <= s.Retry.Max && res.err != nil && !res.interrupted && !res.held
	if err := x.outcome(ctx, s, phase, attempt, res); err != nil {
		if res.err != nil && !res.interrupted {
			return errors.Join(x.stepError(s, phase, attempt, res.err), err)
		}
		return err
	}
	if res.interrupted {
		return errors.Join(context.Cause(ctx), x.stepError(s, phase, attempt, res.err))
	}
	if res.held {
		return x.holdInconclusive(s, phase, res.err)
	}
	if res.err != nil {
		return x.stepError(s, phase, attempt, res.err)
	}
	return nil
}

func (x *execution) stepError(s Step, phase Phase, attempt int, err error) *StepError {
	return &StepError{Plan: x.name(), Run: x.id, Step: s.Name, Host: localHost, Phase: phase, Attempt: attempt, Err: err}
}

// result is what one call of an action came to.
type result struct {
	err         error
	interrupted bool
	held        bool // it was inconclusive
	retry       bool
	duration    time.Duration
	tail        []byte
	outputs     map[string]json.RawMessage
}

// call runs one action, and makes a panic the error of the step.
func (x *execution) call(ctx context.Context, s Step, a Action, phase Phase, attempt int) (res result) {
	timeout := s.Timeout
	if phase == PhaseUndo {
		timeout = cmp.Or(s.UndoTimeout, s.Timeout)
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("step %q took longer than its timeout of %s", s.Name, timeout))
		defer cancel()
	}
	lines := &lineWriter{line: func(line string) {
		x.events.send(StepOutput{Run: x.id, Service: x.plan.Service, Environment: x.plan.Env.Name, Step: s.Name, Host: localHost, Line: line})
	}}
	filtered := x.opts.Redactor.Writer(lines)
	c := x.newCall(s, phase, attempt, filtered)
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			res.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		res.err = x.opts.Redactor.Error(sound(res.err))
		res.duration = time.Since(start)
		_ = filtered.Close()
		res.tail = lines.finish()
		res.outputs = c.outputs.take()
	}()
	res.err = a.Run(ctx, c)
	if res.err == nil && phase == PhaseForward {
		res.err = c.outputs.complete()
	}
	if cause := context.Cause(ctx); res.err != nil && cause != nil && !errors.Is(res.err, cause) {
		res.err = errors.Join(cause, res.err)
	}
	return res
}

// outcome makes the outcome of an attempt durable before anything follows.
func (x *execution) outcome(ctx context.Context, s Step, phase Phase, attempt int, res result) error {
	rec := &record{
		Kind: recOutcome, Run: x.id, Step: s.Name, Host: localHost, Phase: phase, Attempt: attempt,
		Outcome: Succeeded, Duration: res.duration, Tail: string(res.tail),
	}
	switch {
	case res.interrupted:
		rec.Outcome = Interrupted
	case res.held:
		rec.Outcome = Held
	case res.err != nil:
		rec.Outcome = Failed
	case phase == PhaseForward:
		rec.Outputs, rec.Typed = res.outputs, declared(s, res.outputs)
	}
	if res.err != nil {
		rec.Error = x.text(res.err)
	}
	if err := x.journal.append(ctx, rec); err != nil {
		return err
	}
	x.events.send(StepFinished{
		Run: x.id, Service: x.plan.Service, Environment: x.plan.Env.Name, Step: s.Name, Host: localHost,
		Kind: s.Kind, Phase: phase, Attempt: attempt, Outcome: rec.Outcome,
		Duration: res.duration, Err: res.err, Tail: res.tail, Retry: res.retry, Time: time.Now(),
	})
	return nil
}

// jittered takes up to half off d.
func jittered(d time.Duration) time.Duration {
	if d < 2 {
		return d
	}
	return d - rand.N(d/2)
}

// pauseOrStop waits before the next attempt, or until the run is to stop.
func (x *execution) pauseOrStop(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-x.opts.Stop:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
