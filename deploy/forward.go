package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
)

// forward runs every step that is not done, each as soon as those that it
// needs are. It returns what went wrong: steps that failed, for which the run
// turns back, and what else keeps it from going on. After the first of either
// no step is started. Steps that run beside one that failed come to their end,
// since half an effect is worse than a whole one that is undone; where the log
// is lost they are stopped.
func (x *execution) forward(ctx context.Context) (failed, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	type end struct {
		step int
		err  error
	}
	var (
		q       = x.newQueue()
		ends    = make(chan end)
		running int
		failure = x.failedBefore(ctx)
		other   []error
	)
	for {
		for len(failure)+len(other) == 0 && ctx.Err() == nil && running < x.atOnce() {
			i, ok := q.next()
			if !ok {
				break
			}
			if x.stopping() {
				failure = append(failure, ErrStopped)
				break
			}
			running++
			go func() { ends <- end{i, x.attempt(ctx, x.steps[x.desc.Steps[i].Name], PhaseForward)} }()
		}
		if running == 0 {
			break
		}
		switch e := <-ends; {
		case e.err == nil:
			q.done(e.step)
		case isStepError(e.err):
			failure = append(failure, e.err)
		case isHeld(e.err), e.err == errStale:
			other = append(other, e.err)
		default:
			other = append(other, e.err)
			stop(e.err)
		}
		running--
	}
	if len(failure)+len(other) == 0 {
		return nil, context.Cause(ctx)
	}
	decided := slices.Contains(other, errStale)
	other = slices.DeleteFunc(other, func(err error) bool { return err == errStale })
	waits := !slices.ContainsFunc(other, func(err error) bool { return !isHeld(err) })
	switch {
	case waits && decided:
		return joined(failure...), errStale
	case waits && len(failure) > 0:
		return joined(failure...), nil // what is undone waits for nobody
	}
	x.held = waits // who has lost the log or the host does not turn back either
	return joined(failure...), joined(other...)
}

// failedBefore returns the failures that the log knows and that the dead
// controller did not turn back for.
func (x *execution) failedBefore(ctx context.Context) []error {
	var failed []error
	for _, d := range x.desc.Steps {
		s, a := x.steps[d.Name], x.attemptState(d.Name, PhaseForward)
		if a.outcome == Failed && !a.inFlight && a.attempts > s.Retry.Max {
			failed = append(failed, x.attempt(ctx, s, PhaseForward))
		}
	}
	return failed
}

// atOnce is how many steps may run at the same time.
func (x *execution) atOnce() int {
	if x.opts.Parallel > 0 {
		return x.opts.Parallel
	}
	return len(x.plan.Steps)
}

// isHeld tells a step that waits for a person. It does not look into the
// error, as isStepError does not.
func isHeld(err error) bool {
	_, ok := err.(*HeldError)
	return ok
}

// joined is errors.Join that leaves a single error as it is.
func joined(errs ...error) error {
	errs = slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil })
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// queue hands out the steps of a description whose needs are done.
type queue struct {
	waiting []int   // needs that are not done, by step
	after   [][]int // the steps that need it
	free    indexHeap
}

// newQueue leaves out what the log says is done.
func (x *execution) newQueue() *queue {
	steps := x.desc.Steps
	index := make(map[string]int, len(steps))
	for i, d := range steps {
		index[d.Name] = i
	}
	q := &queue{waiting: make([]int, len(steps)), after: make([][]int, len(steps))}
	state := x.state()
	isDone := func(name string) bool { return state.step(name).forward.done }
	for i, d := range steps {
		for _, need := range d.Needs {
			if !isDone(need) {
				q.waiting[i]++
				q.after[index[need]] = append(q.after[index[need]], i)
			}
		}
		if q.waiting[i] == 0 && !isDone(d.Name) {
			q.free.push(i)
		}
	}
	return q
}

// next returns the first step, as listed, that is free to run.
func (q *queue) next() (int, bool) {
	if len(q.free) == 0 {
		return 0, false
	}
	return q.free.pop(), true
}

// done frees the steps that waited for this one alone.
func (q *queue) done(i int) {
	for _, next := range q.after[i] {
		if q.waiting[next]--; q.waiting[next] == 0 {
			q.free.push(next)
		}
	}
}

// attemptState is where a phase of a step stands now.
func (x *execution) attemptState(step string, phase Phase) attemptState {
	x.journal.mu.Lock()
	defer x.journal.mu.Unlock()
	return *x.state().step(step).at(phase)
}

// answer is what a person said about the attempt in flight.
func (x *execution) answer(step string) Answer {
	x.journal.mu.Lock()
	defer x.journal.mu.Unlock()
	return x.state().step(step).answer
}

// bound are the outputs of completed steps that the step may read.
func (x *execution) bound(s Step) map[string]json.RawMessage {
	x.journal.mu.Lock()
	defer x.journal.mu.Unlock()
	of := make(map[string]json.RawMessage, len(s.Binds)+len(s.Provides))
	for _, name := range slices.Concat(s.Binds, s.Provides) {
		if raw, ok := x.state().outputs[name]; ok {
			of[name] = raw
		}
	}
	return of
}
