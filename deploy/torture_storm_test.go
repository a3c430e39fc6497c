package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/approval"
)

// Random plans: branches that run at the same time, steps that fail, that fail
// at first, that are skipped by an output of another, that cannot be undone or
// not at once, and a gate that people approve or refuse. The program dies at
// random appends, before or behind the record, and at random effects. Somebody
// pauses the run or wants it undone just before one.

// storm is one plan, and the ledger of what its steps really did.
type storm struct {
	rnd    *rand.Rand
	steps  []stormStep
	refuse bool
	log    *stormLog

	mu      sync.Mutex
	starts  map[string]int // by effect
	present map[string]bool
	undoing bool
	crashIn int // effects, counted down
	gaveUp  bool
	sudden  bool // who meddles wants it undone
	trouble []string
}

type stormStep struct {
	deploy.Step
	needs    []int
	failDo   bool
	flaky    int // attempts that fail at first
	failUndo int // undos that fail at first; negative is all
	undoable bool
	gate     bool
	value    string // of its output
}

// stormLog dies at an append.
type stormLog struct {
	*memLog
	left   atomic.Int64 // appends until then
	behind bool         // the record is there all the same
	cancel context.CancelFunc
	calm   atomic.Int64 // appends until somebody meddles
	meddle func()
}

func (l *stormLog) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	if l.calm.Add(-1) == 0 {
		l.meddle()
	}
	if l.left.Add(-1) != 0 {
		return l.memLog.Append(ctx, stream, seq, rec)
	}
	if l.behind {
		_ = l.memLog.Append(ctx, stream, seq, rec) // nobody learns of it
	}
	l.die()
	return errCrash
}

// die ends the program: nothing that it still does is in the log.
func (l *stormLog) die() {
	l.dead.Store(true)
	l.cancel()
}

func newStorm(rnd *rand.Rand) *storm {
	w := &storm{rnd: rnd, refuse: rnd.IntN(5) == 0, starts: map[string]int{}, present: map[string]bool{}, log: &stormLog{memLog: newMemLog()}}
	n := 1 + rnd.IntN(8)
	gate := rnd.IntN(3 * n) // mostly none
	for i := range n {
		s := stormStep{failDo: rnd.IntN(20) == 0, undoable: rnd.IntN(5) > 0, gate: i == gate, value: []string{"yes", "no"}[rnd.IntN(2)]}
		s.failUndo = []int{0, 0, 0, 1, 2, -1}[rnd.IntN(6)]
		s.Name, s.Needs = fmt.Sprint("s", i), []string{}
		s.InFlight = []deploy.InFlight{deploy.Ask, deploy.Repeat, deploy.Verify}[rnd.IntN(3)]
		for j := range i {
			if rnd.IntN(3) == 0 {
				s.Needs, s.needs = append(s.Needs, fmt.Sprint("s", j)), append(s.needs, j)
			}
		}
		if len(s.needs) > 0 && rnd.IntN(3) == 0 && !s.gate {
			from := s.needs[rnd.IntN(len(s.needs))]
			if !w.steps[from].gate {
				s.When = &deploy.When{Output: fmt.Sprint("o", from), Is: "yes", Not: rnd.IntN(4) == 0}
				s.Binds = []string{s.When.Output}
			}
		}
		if s.InFlight == deploy.Repeat && rnd.IntN(3) == 0 {
			s.Retry.Max, s.flaky = 1+rnd.IntN(3), 1+rnd.IntN(2)
		}
		w.steps = append(w.steps, s)
	}
	return w
}

// runs tells whether the conditions let the step run.
func (w *storm) runs(i int) bool {
	s := w.steps[i]
	if s.When == nil {
		return true
	}
	from := w.find("s" + strings.TrimPrefix(s.When.Output, "o"))
	return (w.runs(from) && w.steps[from].value == s.When.Is) != s.When.Not
}

func (w *storm) find(name string) int {
	return slices.IndexFunc(w.steps, func(s stormStep) bool { return s.Name == name })
}

// stormEffect is what a step does or takes back.
type stormEffect struct {
	Name string `json:"name"`
	do   func(c *deploy.Call) error
}

func (e *stormEffect) Spec() any { return e }

func (e *stormEffect) Run(_ context.Context, c *deploy.Call) error { return e.do(c) }

// plan makes the plan for one life of the program.
func (w *storm) plan(t *testing.T, desk *approval.Desk) deploy.Plan {
	var p deploy.Plan
	for i, s := range w.steps {
		if s.gate {
			gate, err := desk.Gate(approval.Policy{Quorums: []approval.Quorum{{N: 2, Role: "ops"}}})
			require.NoError(t, err)
			step := gate.Step(s.Name)
			step.Needs = s.Needs
			p.Steps = append(p.Steps, step)
			continue
		}
		s.Provides = []string{fmt.Sprint("o", i)}
		s.Do = &stormEffect{s.Name, func(c *deploy.Call) error { return w.do(c, i) }}
		if s.undoable {
			s.Undo = &stormEffect{"un-" + s.Name, func(*deploy.Call) error { return w.undo(i) }}
		}
		if s.InFlight == deploy.Verify {
			s.Verify = &stormEffect{"is " + s.Name, func(c *deploy.Call) error { return w.verify(c, i) }}
		}
		p.Steps = append(p.Steps, s.Step)
	}
	return plan(p.Steps...)
}

// dies counts an effect, and tells whether the program ends at it.
func (w *storm) dies() bool {
	if w.crashIn--; w.crashIn == 0 {
		w.log.die()
	}
	return w.log.dead.Load()
}

// yield lets the other branches go on in the middle of a step.
func (w *storm) yield() {
	w.mu.Unlock()
	runtime.Gosched()
	w.mu.Lock()
}

func (w *storm) wrong(format string, args ...any) {
	w.trouble = append(w.trouble, fmt.Sprintf(format, args...))
}

func (w *storm) do(c *deploy.Call, i int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.steps[i]
	if w.log.dead.Load() {
		return errCrash
	}
	w.starts[s.Name]++
	switch {
	case w.undoing:
		w.wrong("%s began on the way back", s.Name)
	case !w.runs(i):
		w.wrong("%s began and is to be skipped", s.Name)
	case s.InFlight == deploy.Verify && w.present[s.Name]:
		w.wrong("%s began and is there", s.Name)
	}
	for _, n := range s.needs {
		if need := w.steps[n]; !need.gate && w.runs(n) && !w.present[need.Name] {
			w.wrong("%s began without %s", s.Name, need.Name)
		}
	}
	w.yield()
	if w.dies() {
		return errCrash
	}
	if w.starts[s.Name] <= s.flaky {
		return errors.New("not yet")
	}
	w.present[s.Name] = true
	w.yield()
	if w.dies() {
		return errCrash
	}
	if s.failDo {
		return errors.New("declined")
	}
	return c.Provide(fmt.Sprint("o", i), s.value)
}

func (w *storm) undo(i int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.steps[i]
	if w.log.dead.Load() {
		return errCrash
	}
	w.starts["un-"+s.Name]++
	w.undoing = true
	for j, other := range w.steps {
		if w.present[other.Name] && other.undoable && w.waitsFor(j, i) {
			w.wrong("%s was undone below %s", s.Name, other.Name)
		}
	}
	w.yield()
	if w.dies() {
		return errCrash
	}
	if s.failUndo < 0 || w.starts["un-"+s.Name] <= s.failUndo {
		return errors.New("stuck")
	}
	w.present[s.Name] = false
	if w.dies() {
		return errCrash
	}
	return nil
}

// waitsFor tells whether step i comes after the other, through whatever.
func (w *storm) waitsFor(i, other int) bool {
	return slices.ContainsFunc(w.steps[i].needs, func(n int) bool { return n == other || w.waitsFor(n, other) })
}

func (w *storm) verify(c *deploy.Call, i int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.present[w.steps[i].Name] {
		return deploy.ErrNotDone
	}
	if c.Phase == deploy.PhaseUndo {
		return nil
	}
	return c.Provide(fmt.Sprint("o", i), w.steps[i].value)
}

// live lets the program live until it ends or dies.
func (w *storm) live(t *testing.T, id deploy.RunID, parallel int) (r *deploy.Runner, p deploy.Plan, rep *deploy.Report, err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	other := newRunner(t, w.log.memLog, nil)
	w.log.cancel, w.log.meddle = cancel, func() { w.meddle(ctx, other, id) }
	desk := newDesk(t, w.log, time.Millisecond)
	poll := time.Duration(w.rnd.IntN(2)) * time.Millisecond // or seldom
	r = newRunner(t, w.log, &deploy.Options{Initiator: starter, Parallel: parallel, Poll: poll, Handle: func(e deploy.Event) {
		if o, ok := e.(deploy.StepOutput); ok && strings.Contains(o.Line, "waits until") {
			w.vote(ctx, desk, o.Step)
		}
	}})
	p = w.plan(t, desk)
	rep, err = r.Run(ctx, id, p)
	return r, p, rep, err
}

// vote casts the votes on the gate that has asked.
func (w *storm) vote(ctx context.Context, desk *approval.Desk, step string) {
	err := error(nil)
	if w.refuse {
		for s, listErr := range desk.Requests(ctx, plan().Ref(tortureRun)) {
			if err = listErr; err == nil && s.Open && s.Request.Step == step {
				ben := approval.Identity{ID: "ben@example.com", Roles: []string{"ops"}}
				_, err = desk.Vote(ctx, s.Request, approval.Ballot{By: ben, Verdict: approval.Refuse, Comment: "not today"})
			}
		}
	} else {
		err = voteOn(ctx, desk)
	}
	if err != nil && !w.log.dead.Load() && !isOneOf(err, approval.ErrClosed, context.Canceled) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.wrong("voting: %v", err)
	}
}

// meddle pauses the run, or wants it undone. It may come too late.
func (w *storm) meddle(ctx context.Context, r *deploy.Runner, id deploy.RunID) {
	d := deploy.Decision{Answer: deploy.AnswerPause, By: "meddler"}
	if w.sudden {
		d.Answer = deploy.AnswerUndo
	}
	if r.Decide(ctx, plan().Ref(id), "", d) == nil && w.sudden {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.gaveUp = true
	}
}
