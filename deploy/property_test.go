package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// world is what the steps of a random plan change, and the ledger that tells
// what really happened. The engine knows nothing of it.
type world struct {
	mu      sync.Mutex
	atOnce  int // steps, as in deploy.Options
	rnd     *rand.Rand
	steps   []randomStep
	start   map[string]int
	present map[string]bool // the effect of the step is there
	order   []string        // of effects that are there, oldest first
	trouble []string
	crashIn int // the action, counted down, inside which the program dies
	undoing bool
}

type randomStep struct {
	deploy.Step
	failDo, failUndo, undoable bool
	needs                      []int
}

// dies panics past the engine's recover as a killed program does: nothing of
// the engine runs afterwards, because its log takes nothing more.
func (w *world) dies(log *memLog) bool {
	if w.crashIn--; w.crashIn == 0 {
		log.dead.Store(true)
		return true
	}
	return false
}

func (w *world) do(log *memLog, i int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if log.dead.Load() { // died while a step beside this one ran
		return errCrash
	}
	s := w.steps[i]
	w.start[s.Name]++
	if w.start[s.Name] > 1 && s.InFlight != deploy.Repeat && !w.allowed(s) {
		w.trouble = append(w.trouble, fmt.Sprintf("%s was started %d times", s.Name, w.start[s.Name]))
	}
	if w.undoing {
		w.trouble = append(w.trouble, s.Name+" was started on the way back")
	}
	for _, n := range s.needs {
		if !w.present[w.steps[n].Name] {
			w.trouble = append(w.trouble, s.Name+" was started without "+w.steps[n].Name)
		}
	}
	if w.rnd.IntN(2) == 0 && w.dies(log) { // before the effect
		return errCrash
	}
	if !w.present[s.Name] {
		w.present[s.Name] = true
		w.order = append(w.order, s.Name)
	}
	if w.dies(log) {
		return errCrash
	}
	if s.failDo {
		return errors.New("declined")
	}
	return nil
}

// allowed tells of a step that its Verify has said to repeat.
func (w *world) allowed(s randomStep) bool { return s.InFlight == deploy.Verify && !w.present[s.Name] }

func (w *world) undo(log *memLog, i int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.steps[i]
	w.undoing = true
	for j, other := range w.steps {
		if slices.Contains(other.needs, i) && w.present[other.Name] && w.steps[j].undoable {
			w.trouble = append(w.trouble, s.Name+" was undone below "+other.Name)
		}
	}
	for _, later := range w.order[slices.Index(w.order, s.Name)+1:] {
		if w.atOnce == 1 && w.present[s.Name] && w.present[later] && w.steps[w.find(later)].undoable && !w.steps[w.find(later)].failUndo && !w.blocked(w.find(later)) {
			w.trouble = append(w.trouble, s.Name+" was undone before "+later)
		}
	}
	if w.dies(log) {
		return errCrash
	}
	if s.failUndo {
		return errors.New("stuck")
	}
	w.present[s.Name] = false
	w.order = slices.DeleteFunc(w.order, func(n string) bool { return n == s.Name })
	if w.dies(log) {
		return errCrash
	}
	return nil
}

// blocked tells of a step that something above it may not be undone, even if
// its effect is not there: it was begun.
func (w *world) blocked(i int) bool {
	for j, s := range w.steps {
		if slices.Contains(s.needs, i) && (s.undoable && s.failUndo || w.blocked(j)) {
			return true
		}
	}
	return false
}

func (w *world) find(name string) int {
	return slices.IndexFunc(w.steps, func(s randomStep) bool { return s.Name == name })
}

func (w *world) verify(i int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.present[w.steps[i].Name] {
		return nil
	}
	return deploy.ErrNotDone
}

func newWorld(rnd *rand.Rand) *world {
	w := &world{rnd: rnd, atOnce: rnd.IntN(4), start: map[string]int{}, present: map[string]bool{}}
	for i := range 1 + rnd.IntN(6) {
		s := randomStep{failDo: rnd.IntN(8) == 0, failUndo: rnd.IntN(6) == 0, undoable: rnd.IntN(5) > 0}
		s.Name = fmt.Sprint("s", i)
		s.Needs = []string{}
		s.InFlight = []deploy.InFlight{deploy.Ask, deploy.Repeat, deploy.Verify}[rnd.IntN(3)]
		for n := range i {
			if rnd.IntN(3) == 0 {
				s.Needs, s.needs = append(s.Needs, fmt.Sprint("s", n)), append(s.needs, n)
			}
		}
		w.steps = append(w.steps, s)
	}
	return w
}

// plan lists the steps in a random order, which Needs must put right.
func (w *world) plan(log *memLog) deploy.Plan {
	p := plan()
	var did []string
	act := func(what string, i int, fn func(*memLog, int) error) deploy.Action {
		return &effect{Name: fmt.Sprint(what, i), did: &did, fn: func(context.Context, *deploy.Call) error { return fn(log, i) }}
	}
	for i, s := range w.steps {
		s.Do = act("do", i, w.do)
		if s.undoable {
			s.Undo = act("undo", i, w.undo)
		}
		if s.InFlight == deploy.Verify {
			s.Verify = act("verify", i, func(_ *memLog, i int) error { return w.verify(i) })
		}
		p.Steps = append(p.Steps, s.Step)
	}
	rand.New(rand.NewPCG(7, uint64(len(w.steps)))).Shuffle(len(p.Steps), func(i, j int) { p.Steps[i], p.Steps[j] = p.Steps[j], p.Steps[i] })
	return p
}

// TestRandomPlansKeepEveryPromise runs random plans that fail and die at
// random, and judges them by the ledger.
func TestRandomPlansKeepEveryPromise(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("DEVOPS_TEST_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	runs := 150
	if os.Getenv("DEVOPS_EXHAUSTIVE") != "" {
		runs = 20000
	}
	t.Logf("DEVOPS_TEST_SEED=%d", seed)
	ends := map[deploy.Outcome]int{}
	for n := range runs {
		ends[randomRun(t, seed, uint64(n))]++
	}
	t.Log(ends)
	require.Len(t, ends, 3, "succeeded, undone and undo failed must all have come up")
}

func randomRun(t *testing.T, seed, n uint64) deploy.Outcome {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, n))
	w, log := newWorld(rnd), newMemLog()
	p := w.plan(log)
	where := fmt.Sprintf("DEVOPS_TEST_SEED=%d, run %d", seed, n)
	for crashes := rnd.IntN(4); crashes > 0; crashes-- {
		w.crashIn = 0
		log.before = nil
		log.dead.Store(false)
		if rnd.IntN(2) == 0 {
			w.crashIn = 1 + rnd.IntN(12)
		} else {
			crashAt(log, rnd.IntN(14))
		}
		_, _ = newRunner(t, log, &deploy.Options{Parallel: w.atOnce}).Run(t.Context(), "r1", p)
		require.Empty(t, w.trouble, where)
	}
	log.before, w.crashIn = nil, 0
	log.dead.Store(false)
	r := newRunner(t, log, &deploy.Options{Parallel: w.atOnce})
	rep, err := r.Run(t.Context(), "r1", p)
	for rep != nil && rep.Outcome == deploy.Held {
		var held *deploy.HeldError
		require.ErrorAs(t, err, &held, where)
		require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), held.Step, w.answer(held)), where)
		rep, err = r.Run(t.Context(), "r1", p)
	}
	require.NotNil(t, rep, "%s: %v", where, err)
	require.Empty(t, w.trouble, where)
	w.judge(t, rep, where)
	return rep.Outcome
}

// answer is that of a person who has looked at the host.
func (w *world) answer(h *deploy.HeldError) deploy.Decision {
	d := deploy.Decision{Answer: deploy.AnswerRepeat, By: "test"}
	if w.present[h.Step] == (h.Phase == deploy.PhaseForward) {
		d.Answer = deploy.AnswerDone
	} else if h.Phase == deploy.PhaseForward {
		d.Answer = deploy.AnswerUndo // it was started once, and is not started again
	}
	return d
}

func (w *world) judge(t *testing.T, rep *deploy.Report, where string) {
	t.Helper()
	switch rep.Outcome {
	case deploy.Succeeded:
		for _, s := range w.steps {
			require.True(t, w.present[s.Name], "%s: %s is not there", where, s.Name)
		}
	case deploy.Undone:
		for _, s := range w.steps {
			require.False(t, w.present[s.Name] && s.undoable, "%s: %s is still there", where, s.Name)
		}
	case deploy.UndoFailed:
		require.True(t, slices.ContainsFunc(w.steps, func(s randomStep) bool { return s.failUndo && s.undoable }), where)
	default:
		t.Fatalf("%s: ended as %s", where, rep.Outcome)
	}
	require.Len(t, w.start, len(slices.DeleteFunc(slices.Clone(rep.Steps), func(s deploy.StepReport) bool { return s.Phase == deploy.PhaseUndo || w.start[s.Step] == 0 })), where)
}
