package deploy_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
)

// judge is who looks at a run that has come to its end: at the ledger of the
// commands, at the records and at the report.
type judge struct {
	t     *testing.T
	dir   string
	where string
	bad   bool
	plan  deploy.Plan
	lines []told
	recs  []tortureRecord
	rep   *deploy.Report
}

// judgeRun judges the run in dir. Where is how it got there.
func judgeRun(t *testing.T, dir string, bad bool, where string) {
	t.Helper()
	log, err := filelog.New(filepath.Join(dir, "log"), nil)
	require.NoError(t, err)
	r := newRunner(t, log, nil)
	j := &judge{t: t, dir: dir, where: where, bad: bad, lines: toldOf(dir)}
	j.plan = scriptedPlan(t, orders{Dir: dir, Bad: bad}, newDesk(t, log, time.Second))
	j.recs, err = recordsOf(t.Context(), log, "dev/api")
	require.NoError(t, err, where)
	j.rep, err = r.Report(t.Context(), j.plan.Ref(tortureRun))
	require.NoError(t, err, where)
	votes, err := recordsOf(t.Context(), log, "approvals/dev/api")
	require.NoError(t, err, where)
	j.where += fmt.Sprintf("\n%v\n%v", j.lines, j.recs)

	want := deploy.Succeeded
	if bad {
		want = deploy.Undone
	}
	require.Equal(t, want, j.rep.Outcome, j.where)
	for kind, n := range map[string]int{"opened": 1, "voted": 2, "closed": 1} {
		require.Equal(t, n, having(votes, kind, "", ""), "%s: %s", j.where, kind)
	}
	j.oneActedAtATime()
	j.nothingHangs()
	for _, s := range j.plan.Steps {
		j.forward(s)
		j.back(s)
	}
	j.backInOrder()
	j.report()
}

// oneActedAtATime: who was followed by another controller does nothing more.
func (j *judge) oneActedAtATime() {
	j.t.Helper()
	var over []string
	for i, l := range j.lines {
		require.NotContains(j.t, over, l.who, "%s: line %d is of a controller that was followed by another", j.where, i+1)
		if i > 0 && j.lines[i-1].who != l.who {
			over = append(over, j.lines[i-1].who)
		}
	}
}

// nothingHangs: a command in the middle of which its controller ended does not
// outlive the takeover. It would read the pipe.
func (j *judge) nothingHangs() {
	j.t.Helper()
	fd, err := syscall.Open(filepath.Join(j.dir, "never"), syscall.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		_ = syscall.Close(fd)
	}
	require.Equal(j.t, syscall.ENXIO, err, "%s: a command of an earlier controller runs on", j.where)
}

// isScripted tells a step whose effect is a command that ran.
func isScripted(s deploy.Step) bool { return s.Name != "approve" && s.When == nil }

// effect checks how often one phase of a step had its effect.
func (j *judge) effect(s deploy.Step, phase deploy.Phase) {
	j.t.Helper()
	name := effectOf(s.Name, phase)
	begins, did := timesTold(j.lines, "begins", name), timesTold(j.lines, "did", name)
	intents := having(j.recs, "intent", s.Name, phase)
	require.LessOrEqual(j.t, begins, intents, "%s: %s began without an intent", j.where, name)
	switch s.InFlight {
	case deploy.Ask:
		require.LessOrEqual(j.t, begins, 1+repeats(j.recs, s.Name, phase), "%s: %s was begun again unasked", j.where, name)
		require.Equal(j.t, 1, did, "%s: %s", j.where, name)
	case deploy.Verify:
		require.Equal(j.t, 1, did, "%s: %s", j.where, name)
	case deploy.Repeat:
		require.GreaterOrEqual(j.t, did, 1, "%s: %s", j.where, name)
	}
}

func (j *judge) forward(s deploy.Step) {
	j.t.Helper()
	failed := j.bad && (s.Name == "watch" || s.Name == "prove")
	switch {
	case !isScripted(s) || failed:
		require.Zero(j.t, timesTold(j.lines, "did", s.Name), "%s: %s", j.where, s.Name)
	default:
		j.effect(s, deploy.PhaseForward)
	}
	if s.When != nil || j.bad && s.Name == "prove" {
		require.Zero(j.t, timesTold(j.lines, "begins", s.Name), "%s: %s", j.where, s.Name)
	}
	begins := slices.IndexFunc(j.lines, func(l told) bool { return l.verb == "begins" && l.effect == s.Name })
	for _, n := range s.Needs {
		if begins >= 0 && n != "approve" && n != "canary-d" {
			require.NotZero(j.t, timesTold(j.lines[:begins], "did", n), "%s: %s began before %s was done", j.where, s.Name, n)
		}
	}
}

func (j *judge) back(s deploy.Step) {
	j.t.Helper()
	undo := "un-" + s.Name
	begun := timesTold(j.lines, "begins", s.Name) > 0
	if !j.bad || !begun {
		require.Zero(j.t, timesTold(j.lines, "begins", undo), "%s: %s", j.where, undo)
		return
	}
	j.effect(s, deploy.PhaseUndo)
	first := slices.IndexFunc(j.lines, func(l told) bool { return l.effect == undo })
	require.Zero(j.t, timesTold(j.lines[first:], "begins", s.Name), "%s: %s began again on the way back", j.where, s.Name)
	for _, later := range j.plan.Steps {
		if slices.Contains(later.Needs, s.Name) && later.Undo != nil && timesTold(j.lines, "begins", later.Name) > 0 {
			require.NotZero(j.t, timesTold(j.lines[:first], "did", "un-"+later.Name), "%s: %s while %s was there", j.where, undo, later.Name)
		}
	}
}

// backInOrder: effects are taken back in the reverse order of their outcomes.
func (j *judge) backInOrder() {
	j.t.Helper()
	if !j.bad {
		return
	}
	var was []string
	for _, l := range j.lines {
		if step, phase := stepOf(l.effect); phase == deploy.PhaseUndo && !slices.Contains(was, step) {
			was = append(was, step)
		}
	}
	want := slices.DeleteFunc(backOrder(j.recs), func(name string) bool { return name == "approve" })
	require.Equal(j.t, want, was, j.where)
}

// report checks that the report tells all of it.
func (j *judge) report() {
	j.t.Helper()
	require.Equal(j.t, starter, j.rep.Initiator, j.where)
	digest, err := j.plan.Digest()
	require.NoError(j.t, err)
	require.Equal(j.t, digest, j.rep.PlanDigest, j.where)
	require.NotEmpty(j.t, j.rep.Head, j.where)
	require.Positive(j.t, j.rep.Duration, j.where)
	if j.bad {
		require.Contains(j.t, j.rep.Reason, `step "watch"`, j.where)
		require.Contains(j.t, j.rep.Reason, "it answers errors", j.where)
	}
	for _, s := range j.plan.Steps {
		for _, phase := range []deploy.Phase{deploy.PhaseForward, deploy.PhaseUndo} {
			j.reported(s, phase)
		}
	}
	release, err := tortureOutput.Of(j.rep)
	require.NoError(j.t, err, j.where)
	require.Len(j.t, j.rep.Approvals, 2, j.where)
	for _, l := range j.lines {
		if l.verb == "did" && l.effect == "link-c" {
			require.Equal(j.t, fmt.Sprintf("v%d", release.N), l.more, "%s: the output that was bound is the one that was kept", j.where)
		}
	}
}

// reported checks what the report says of one phase of a step.
func (j *judge) reported(s deploy.Step, phase deploy.Phase) {
	j.t.Helper()
	var got []deploy.StepReport
	for _, r := range j.rep.Steps {
		if r.Step == s.Name && r.Phase == phase {
			got = append(got, r)
		}
	}
	intents, what := having(j.recs, "intent", s.Name, phase), fmt.Sprintf("%s: report of %s", j.where, effectOf(s.Name, phase))
	if s.When == nil && intents == 0 {
		require.Empty(j.t, got, what)
		return
	}
	if s.When != nil && phase == deploy.PhaseUndo {
		require.Empty(j.t, got, what)
		return
	}
	require.Len(j.t, got, 1, what)
	want := deploy.Succeeded
	switch {
	case s.When != nil:
		want = deploy.Skipped
	case j.bad && s.Name == "watch" && phase == deploy.PhaseForward:
		want = deploy.Failed
		require.Contains(j.t, got[0].Error, "it answers errors", what)
	}
	require.Equal(j.t, want, got[0].Outcome, what)
	require.Equal(j.t, intents, got[0].Attempts, what)
	require.False(j.t, got[0].Started.IsZero(), what)
	if want == deploy.Succeeded && isScripted(s) && s.InFlight == deploy.Repeat {
		require.Contains(j.t, got[0].Tail, "output of "+effectOf(s.Name, phase), what)
	}
}
