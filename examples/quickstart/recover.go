package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/release"
	"github.com/masaruk/devops/deploy/switchover"
)

// recover takes up a session whose program was killed. Before the first step
// it gives the traffic to the proven release and ends everything else that
// the dead program left. The run that was under way is undone by its own plan
// and made again; it goes on where it stood only if its release serves and
// there is nothing to give the traffic back to. It returns false when nothing
// is left to take up.
func (q *quickstart) recover(ctx context.Context) (bool, error) {
	s := q.session
	st, alive := q.findTraffic(ctx)
	switch {
	case alive:
		q.say("found again: the switchover, process %d on %s", st.PID, st.Addr)
	case s.Serving == nil || !localexec.Alive(s.Serving.Process):
		return false, nil
	default: // it knows from its state file where the traffic goes
		var err error
		if st, err = q.startTraffic(ctx, s.Addr); err != nil {
			return false, err
		}
		q.say("the switchover was dead and serves again on %s, as process %d; it counts anew", st.Addr, st.PID)
	}
	if s.Run != "" {
		if err := q.recallRun(ctx); err != nil {
			return false, err
		}
	}
	keep := []string{q.trafficMarker()}
	if s.Serving != nil {
		keep = append(keep, s.Serving.Process.Marker)
	}
	servingAlive := s.Serving != nil && localexec.Alive(s.Serving.Process)
	switch {
	case s.Run != "" && st.Live.Name == q.next().Name && (!servingAlive || q.isProven(st.Live.Name)):
		q.say("found again: %s, which has the traffic; its release goes on where it stood", st.Live.Name)
		return true, q.sweep(ctx, append(keep, q.marker+"/"+s.Run)...)
	case s.Serving != nil && !servingAlive:
		return false, nil
	case servingAlive:
		if err := q.serveProven(ctx, st); err != nil {
			return false, err
		}
	}
	if err := q.sweep(ctx, keep...); err != nil || s.Run == "" {
		return true, err
	}
	return true, q.undoRun(ctx, q.next())
}

// isProven tells whether the release records say so.
func (q *quickstart) isProven(id string) bool {
	rel, err := q.releases.Get(id)
	return err == nil && rel.State() == release.Proven
}

// recallRun settles a run that ended just before the program died, and
// forgets one that never began.
func (q *quickstart) recallRun(ctx context.Context) error {
	s := q.session
	v := q.next()
	runner, err := q.runner(nil)
	if err != nil {
		return err
	}
	rep, err := runner.Report(ctx, q.plan(v, s.From, s.Serving).Ref(deploy.RunID(s.Run)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.Run = ""
		return s.save()
	case err != nil:
		return err
	case rep.Outcome.Ended() && q.decidedUndone(rep):
		s.Run = ""
		return s.save()
	case rep.Outcome.Ended():
		return q.settle(v, rep)
	}
	return nil
}

// serveProven gives the traffic to the proven release, where it went to the
// one that was being tried.
func (q *quickstart) serveProven(ctx context.Context, st switchover.Status) error {
	p := q.session.Serving
	want := switchover.Backend{Name: p.Release, Addr: p.Addr}
	q.say("found again: %s, process %d, the proven release", p.Release, p.Process.PID)
	// Also where it has the traffic: what drains is waited for, since the
	// sweep that follows ends it.
	res, err := q.traffic.Swap(ctx, switchover.SwapRequest{To: want, Proven: true})
	if err == nil && !res.Already {
		q.say("traffic given back from %s to %s", st.Live, want)
	}
	return err
}

// undoReason is who ends a run that was cut off; a run with it is made again.
const undoReason = "quickstart, because the program was killed in the middle"

// undoRun takes back what the run under way had begun.
func (q *quickstart) undoRun(ctx context.Context, v version) error {
	s := q.session
	runner, err := q.runner(nil)
	if err != nil {
		return err
	}
	id, plan := deploy.RunID(s.Run), q.plan(v, s.From, s.Serving)
	if err := runner.Decide(ctx, plan.Ref(id), "", deploy.Decision{Answer: deploy.AnswerUndo, By: undoReason}); err != nil {
		return err
	}
	rep, err := q.goOn(ctx, runner, id, plan)
	if err := ignoreEnded(rep, err); err != nil {
		return err
	}
	if !q.decidedUndone(rep) { // it was on its way back already
		return q.settle(v, rep)
	}
	q.say("the release of %s, which was cut off, is undone and will be made again", v.Name)
	s.Run = ""
	return s.save()
}

// goOn runs a plan. A run that an earlier build of this program began goes on
// if the plan is the same to the letter; otherwise a person has to decide.
func (q *quickstart) goOn(ctx context.Context, runner *deploy.Runner, id deploy.RunID, plan deploy.Plan) (*deploy.Report, error) {
	rep, err := runner.Run(ctx, id, plan)
	if rep == nil || !errors.Is(err, deploy.ErrPlanChanged) {
		return rep, err
	}
	digest, digestErr := plan.Digest()
	if digestErr != nil || digest != rep.PlanDigest {
		return rep, err
	}
	allow := deploy.Decision{Answer: deploy.AnswerOverride, By: "quickstart", Comment: "another build, the same plan", Digest: digest}
	if err := runner.Decide(ctx, plan.Ref(id), "", allow); err != nil {
		return rep, err
	}
	return runner.Run(ctx, id, plan)
}

// decidedUndone tells that a run ended because the program was killed, and
// not because its release was bad.
func (q *quickstart) decidedUndone(rep *deploy.Report) bool {
	return rep.Outcome == deploy.Undone && rep.Reason == "undone by decision of "+undoReason
}

// explain adds what a person can do about a run that did not end.
func (q *quickstart) explain(err error) error {
	what, hint := "stopped", fmt.Sprintf("run again with -dir %s to go on; what serves keeps serving until then", q.dir)
	if errors.Is(err, context.Canceled) {
		what = "interrupted"
	}
	if errors.Is(err, deploy.ErrPlanChanged) {
		hint = "the quickstart was rebuilt, or its files changed, since the run began: name another -dir"
	}
	return fmt.Errorf("%s: %w\n%s", what, err, hint)
}
