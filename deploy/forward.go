package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// forward runs every step that is not done, each as soon as those that it
// needs are. It returns what went wrong: steps that failed, for which the run
// turns back, and what else keeps it from going on. After the first of either
// no step is started. Steps that run beside one that failed come to their end,
// since half an effect is worse than a whole one that is undone, but for an
// approval, which may last for days and has no effect; where the log is lost
// they are stopped, and where a person has decided to turn back those are that
// may be repeated.
func (x *execution) forward(ctx context.Context) (failed, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	w := &way{execution: x, failure: x.failedBefore(ctx), q: x.newQueue(), ends: make(chan stepEnd)}
	turn, abort := context.WithCancelCause(ctx)
	w.ctx, w.turn, w.stop = ctx, turn, stop
	w.patience, w.callOff = context.WithCancelCause(turn)
	var listener sync.WaitGroup
	listener.Go(w.callOffAtStop)
	listener.Go(func() { x.listen(turn, func() { abort(errStale) }, stop) })
	for w.begin(); w.running > 0; w.begin() {
		w.end(<-w.ends)
	}
	if context.Cause(turn) == errStale {
		w.other = append(w.other, errStale)
	}
	abort(nil)
	w.callOff(nil)
	listener.Wait()
	return w.result()
}

// way is the way forward of one call of Run.
type way struct {
	*execution
	ctx, turn context.Context // turn ends also when somebody has decided to turn back
	stop      context.CancelCauseFunc
	patience  context.Context // of approvals: ends also when another step has failed
	callOff   context.CancelCauseFunc
	q         *queue
	ends      chan stepEnd
	running   int
	failure   []error // of steps
	other     []error
}

// errCalledOff is why an approval is not waited for any more.
var errCalledOff = errors.New("nobody is asked any more")

// callOffAtStop ends the wait for approvals when the run is to stop; forward
// ends it.
func (w *way) callOffAtStop() {
	select {
	case <-w.opts.Stop:
		w.callOff(fmt.Errorf("%w: %w", errCalledOff, ErrStopped))
	case <-w.patience.Done():
	}
}

// stepEnd is how a step ended, by its place in the description.
type stepEnd struct {
	step int
	err  error
}

// begin starts the steps that are free.
func (w *way) begin() {
	for len(w.failure)+len(w.other) == 0 && w.turn.Err() == nil && w.running < w.atOnce() {
		i, ok := w.q.next()
		if !ok {
			return
		}
		if w.stopping() {
			w.failure = append(w.failure, fmt.Errorf("%s run %s: %w", w.name(), w.id, ErrStopped))
			return
		}
		if held := w.pausedHold(); held != nil {
			w.other = append(w.other, held)
			return
		}
		s, ctx := w.steps[w.desc.Steps[i].Name], w.ctx
		if s.InFlight == Repeat {
			ctx = w.turn
		}
		if s.InFlight == Repeat && s.Kind == KindApproval {
			ctx = w.patience
		}
		w.running++
		go func() {
			end := stepEnd{i, w.exited(s)} // unless attempt returns
			defer func() { w.ends <- end }()
			end.err = w.attempt(ctx, s, PhaseForward)
		}()
	}
}

// exited is the error of a step whose action ended the goroutine that it runs
// on, so that nobody knows how it ended.
func (w *way) exited(s Step) error {
	return fmt.Errorf("%s run %s: step %q on %s: its action called runtime.Goexit, as FailNow of a test does, and not return", w.name(), w.id, s.Name, localHost)
}

// end takes in how a step ended.
func (w *way) end(e stepEnd) {
	w.running--
	switch {
	case e.err == nil:
		w.q.done(e.step)
	case isStepError(e.err):
		w.failure = append(w.failure, e.err)
		w.callOff(fmt.Errorf("%w: another step has failed", errCalledOff))
	case isHeld(e.err), e.err == errStale:
		w.other = append(w.other, e.err)
	case errors.Is(e.err, ErrFenced):
		w.lost(e.err)
	case errors.Is(e.err, errStale): // it was stopped for that
	case errors.Is(e.err, errCalledOff):
		if len(w.failure) == 0 { // there was nothing else that could have noticed
			w.failure = append(w.failure, fmt.Errorf("%s run %s: %w", w.name(), w.id, ErrStopped))
		}
	default:
		w.lost(e.err)
	}
}

// lost takes in what keeps the run from going on at all, and stops what runs.
func (w *way) lost(err error) {
	w.other = append(w.other, err)
	w.stop(err)
}

// result sums up.
func (w *way) result() (failed, err error) {
	if len(w.failure)+len(w.other) == 0 {
		if err := context.Cause(w.ctx); err != nil {
			err = w.stopped(err)
			return nil, err
		}
		return nil, nil
	}
	decided := slices.Contains(w.other, errStale)
	other := slices.DeleteFunc(w.other, func(err error) bool { return err == errStale })
	waits := !slices.ContainsFunc(other, func(err error) bool { return !isHeld(err) })
	switch {
	case waits && decided:
		return joined(w.failure...), errStale
	case waits && len(w.failure) > 0:
		return joined(w.failure...), nil // what is undone waits for nobody
	}
	w.held = waits // who has lost the log or the host does not turn back either
	return joined(w.failure...), joined(other...)
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
	state, again := x.state(), x.staleApprovals()
	isDone := func(name string) bool { return state.step(name).forward.done && !slices.Contains(again, name) }
	for i, d := range steps {
		if isDone(d.Name) {
			continue
		}
		needs := d.Needs
		if len(again) > 0 && !slices.Contains(again, d.Name) {
			needs = slices.Concat(needs, again)
		}
		for _, need := range needs {
			if !isDone(need) {
				q.waiting[i]++
				q.after[index[need]] = append(q.after[index[need]], i)
			}
		}
		if q.waiting[i] == 0 {
			q.free.push(i)
		}
	}
	return q
}

// staleApprovals are the steps whose approval was of another plan or program
// than the one that goes on now: they are asked for again before anything else
// is done.
func (x *execution) staleApprovals() []string {
	var names []string
	s := x.state()
	for _, d := range x.desc.Steps {
		if d.Kind != KindApproval {
			continue
		}
		if a := &s.step(d.Name).forward; a.again || a.done && a.outcome == Succeeded && a.changes != s.changes {
			names = append(names, d.Name)
		}
	}
	return names
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

// bound are the outputs of completed steps that the step may read, and the
// declarations of those that have one.
func (x *execution) bound(s Step) (of map[string]json.RawMessage, typed map[string]string) {
	x.journal.mu.Lock()
	defer x.journal.mu.Unlock()
	state := x.state()
	of = make(map[string]json.RawMessage, len(s.Binds)+len(s.Provides))
	for _, list := range [][]string{s.Binds, s.Provides} {
		for _, decl := range list {
			name := nameOf(decl)
			if raw, ok := state.outputs[name]; ok {
				of[name] = raw
			}
			if decl, ok := state.typed[name]; ok {
				if typed == nil {
					typed = map[string]string{}
				}
				typed[name] = decl
			}
		}
	}
	return of, typed
}
