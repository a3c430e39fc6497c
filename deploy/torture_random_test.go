package deploy_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// TestTortureRandomPlans runs random plans through several deaths to their end
// and judges them by the ledger. It goes on until every kind of end has come up.
func TestTortureRandomPlans(t *testing.T) {
	seed := tortureSeed(t)
	kinds := []string{"succeeded", "undone", "undo failed", "skipped", "approved", "refused", "retried", "died", "asked", "paused", "undo that failed at first"}
	met := map[string]int{}
	missing := func() bool { return slices.ContainsFunc(kinds, func(kind string) bool { return met[kind] == 0 }) }
	plans := tortureTries(1000, 120)
	for n := 0; n < plans || missing(); n++ {
		require.Less(t, n, 2000, "not all of %v came up: %v", kinds, met)
		w := newStorm(rand.New(rand.NewPCG(seed, uint64(n))))
		w.through(t, fmt.Sprintf("DEVOPS_TEST_SEED=%d, plan %d", seed, n), met)
	}
	t.Log(met)
}

// through brings one plan through its deaths to its end.
func (w *storm) through(t *testing.T, where string, met map[string]int) {
	t.Helper()
	parallel := w.rnd.IntN(4)
	for range w.rnd.IntN(6) {
		w.log.left.Store(0)
		w.crashIn, w.log.behind = 0, w.rnd.IntN(2) == 0
		w.sudden = w.rnd.IntN(4) == 0
		w.log.calm.Store(w.rnd.Int64N(50)) // often after the end
		if w.rnd.IntN(3) == 0 {
			w.crashIn = 1 + w.rnd.IntN(12)
		} else {
			w.log.left.Store(1 + w.rnd.Int64N(25))
		}
		r, p, rep, err := w.live(t, tortureRun, parallel)
		if w.log.dead.Swap(false) {
			met["died"]++
		} else {
			w.log.left.Store(0)
			w.log.calm.Store(0)
			w.answered(t, r, p, rep, err, where, met)
		}
		require.Empty(t, w.trouble, where)
	}
	w.log.left.Store(0)
	w.log.calm.Store(0)
	w.crashIn = 0
	for failed := 0; ; {
		r, p, rep, err := w.live(t, tortureRun, parallel)
		require.NotNil(t, rep, "%s: %v", where, err)
		require.Empty(t, w.trouble, where)
		switch {
		case w.answered(t, r, p, rep, err, where, met):
		case rep.Outcome == deploy.UndoFailed && failed < 2*len(w.steps)+1: // each fails twice at most, or always
			failed++
		default:
			w.judge(t, rep, where, met)
			return
		}
	}
}

// answered tells whether the run waited for somebody, who has answered.
func (w *storm) answered(t *testing.T, r *deploy.Runner, p deploy.Plan, rep *deploy.Report, err error, where string, met map[string]int) bool {
	t.Helper()
	var held *deploy.HeldError
	if rep == nil || rep.Outcome != deploy.Held || !errors.As(err, &held) {
		return false
	}
	d := deploy.Decision{Answer: deploy.AnswerResume, By: "person"}
	if held.Pause != nil {
		met["paused"]++
	} else {
		met["asked"]++
		d = w.answer(held)
	}
	require.NoError(t, r.Decide(t.Context(), p.Ref(tortureRun), held.Step, d), where)
	return true
}

// answer is that of a person who has looked at the host.
func (w *storm) answer(h *deploy.HeldError) deploy.Decision {
	d := deploy.Decision{Answer: deploy.AnswerRepeat, By: "person", Comment: string(h.Phase)}
	switch forward := h.Phase == deploy.PhaseForward; {
	case !forward && !w.present[h.Step]:
		d.Answer = deploy.AnswerDone
	case forward && w.rnd.IntN(4) == 0:
		d.Answer, w.gaveUp = deploy.AnswerUndo, true
	}
	return d
}

func (w *storm) judge(t *testing.T, rep *deploy.Report, where string, met map[string]int) {
	t.Helper()
	recs, err := recordsOf(t.Context(), w.log, "dev/api")
	require.NoError(t, err, where)
	where += fmt.Sprintf(", %v", recs)
	met[string(rep.Outcome)]++
	for i, s := range w.steps {
		for _, phase := range []deploy.Phase{deploy.PhaseForward, deploy.PhaseUndo} {
			w.oftenEnough(t, recs, s, phase, where)
			w.reported(t, rep, recs, s, phase, where)
		}
		switch {
		case s.gate:
		case rep.Outcome == deploy.Succeeded:
			require.Equal(t, w.runs(i), w.present[s.Name], "%s: %s", where, s.Name)
		case rep.Outcome == deploy.Undone:
			require.False(t, w.present[s.Name] && s.undoable, "%s: %s is still there", where, s.Name)
		}
		if s.failUndo > 0 && w.starts["un-"+s.Name] > 1 {
			met["undo that failed at first"]++
		}
		if w.starts[s.Name] > 1 && s.flaky > 0 {
			met["retried"]++
		}
	}
	if rep.Outcome == deploy.UndoFailed {
		require.True(t, slices.ContainsFunc(w.steps, func(s stormStep) bool { return s.undoable && s.failUndo < 0 && w.starts["un-"+s.Name] > 0 }), where)
	} else {
		require.True(t, rep.Outcome.Ended(), "%s: %s", where, rep.Outcome)
	}
	if rep.Outcome != deploy.Succeeded {
		require.True(t, w.mayFail(), "%s: nothing failed", where)
	}
	heeded(t, recs, rep.Outcome, where)
	w.judgeGate(t, rep, where, met)
}

// heeded: no step begins while the run is paused, none goes forward once
// somebody wants it undone, and what was begun is undone then.
func heeded(t *testing.T, recs []tortureRecord, end deploy.Outcome, where string) {
	t.Helper()
	paused, undoing := false, false
	for i, r := range recs {
		switch {
		case r.Kind == "decided" && r.Decision.Answer == deploy.AnswerPause:
			paused = true
		case r.Kind == "decided" && r.Decision.Answer == deploy.AnswerResume:
			paused = false
		case r.Kind == "decided" && r.Decision.Answer == deploy.AnswerUndo:
			paused, undoing = false, true
		case r.Kind == "undo":
			undoing = true
		case r.Kind == "intent":
			require.False(t, paused, "%s: record %d came while the run was paused", where, i+1)
			require.False(t, undoing && r.Phase == deploy.PhaseForward, "%s: record %d goes forward after it turned back", where, i+1)
		}
	}
	require.False(t, undoing && end == deploy.Succeeded, where)
}

// oftenEnough: no effect without an intent, and none again unasked.
func (w *storm) oftenEnough(t *testing.T, recs []tortureRecord, s stormStep, phase deploy.Phase, where string) {
	t.Helper()
	starts := w.starts[effectOf(s.Name, phase)]
	require.LessOrEqual(t, starts, having(recs, "intent", s.Name, phase), "%s: %s", where, effectOf(s.Name, phase))
	if s.InFlight != deploy.Ask {
		return
	}
	failed := 0 // an undo that failed is tried again
	for _, r := range recs {
		if r.Kind == "outcome" && r.Step == s.Name && r.Phase == phase && phase == deploy.PhaseUndo && r.Outcome == deploy.Failed {
			failed++
		}
	}
	require.LessOrEqual(t, starts, 1+failed+repeats(recs, s.Name, phase), "%s: %s was begun again unasked", where, effectOf(s.Name, phase))
}

// reported: the report has a line for whatever was begun or skipped.
func (w *storm) reported(t *testing.T, rep *deploy.Report, recs []tortureRecord, s stormStep, phase deploy.Phase, where string) {
	t.Helper()
	intents := having(recs, "intent", s.Name, phase)
	skipped := phase == deploy.PhaseForward && having(recs, "skipped", s.Name, "") > 0
	i := slices.IndexFunc(rep.Steps, func(r deploy.StepReport) bool { return r.Step == s.Name && r.Phase == phase })
	require.Equal(t, intents > 0 || skipped, i >= 0, "%s: report of %s", where, effectOf(s.Name, phase))
	if i >= 0 {
		require.Equal(t, intents, rep.Steps[i].Attempts, "%s: report of %s", where, effectOf(s.Name, phase))
		require.Equal(t, skipped, rep.Steps[i].Outcome == deploy.Skipped, "%s: report of %s", where, effectOf(s.Name, phase))
	}
}

// mayFail tells that the run had a reason to turn back.
func (w *storm) mayFail() bool {
	return w.gaveUp || slices.ContainsFunc(w.steps, func(s stormStep) bool {
		return w.starts[s.Name] > 0 && (s.failDo || s.flaky > 0) || s.gate && w.refuse
	})
}

// judgeGate: an approval counts once, and is asked for once.
func (w *storm) judgeGate(t *testing.T, rep *deploy.Report, where string, met map[string]int) {
	t.Helper()
	votes, err := recordsOf(t.Context(), w.log, "approvals/dev/api")
	require.NoError(t, err, where)
	opened, voted, closed := having(votes, "opened", "", ""), having(votes, "voted", "", ""), having(votes, "closed", "", "")
	require.LessOrEqual(t, opened, 1, where)
	require.LessOrEqual(t, closed, 1, where)
	require.LessOrEqual(t, voted, 2, where)
	for _, r := range rep.Steps {
		if r.Outcome == deploy.Skipped {
			met["skipped"]++
		}
	}
	if !slices.ContainsFunc(w.steps, func(s stormStep) bool { return s.gate }) || rep.Outcome != deploy.Succeeded {
		if closed > 0 && w.refuse {
			met["refused"]++
		}
		return
	}
	require.False(t, w.refuse, "%s: it went on after a refusal", where)
	require.Len(t, rep.Approvals, 2, where)
	met["approved"]++
}
