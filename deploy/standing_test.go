package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// releases is a plan that releases a change of a service.
func releases(service, artefact string, did *[]string) deploy.Plan {
	p := three(did)
	p.Service = service
	p.Change = &deploy.Change{Commit: "c-" + artefact, Artefact: artefact}
	return p
}

func TestStandingTellsWhatRunsWhereAndWhoIsAtIt(t *testing.T) {
	var did []string
	log := newMemLog()
	ada := newRunner(t, log, &deploy.Options{Initiator: "ada", Where: "https://ci.example/job/7"})
	_, err := ada.Run(t.Context(), "r1", releases("api", "one", &did))
	require.NoError(t, err)
	_, err = ada.Run(t.Context(), "r2", func() deploy.Plan { p := three(&did); p.Change = nil; return p }())
	require.NoError(t, err)
	undone := releases("api", "two", &did)
	undone.Steps[2].Do.(*effect).fn = fails("no room")
	_, err = ada.Run(t.Context(), "r3", undone)
	require.Error(t, err)

	p := releases("web", "three", &did)
	p.Steps[1].Do.(*effect).fn = decides(t, log, p.Ref("r4"), deploy.AnswerPause)
	crashed := releases("web", "three", &did)
	crashed.Steps[1].Do = p.Steps[1].Do
	ctx, cancel := context.WithCancel(t.Context())
	p.Steps[0].Do.(*effect).fn = func(context.Context, *deploy.Call) error { cancel(); return errors.New("cut") }
	_, err = ada.Run(ctx, "r4", p)
	require.ErrorIs(t, err, context.Canceled)
	p.Steps[0].Do.(*effect).fn = nil
	ben := newRunner(t, log, &deploy.Options{Initiator: "ben"})
	_, err = ben.Run(t.Context(), "r4", p)
	require.ErrorIs(t, err, deploy.ErrHeld)
	log.streams["dev/bad"] = [][]byte{[]byte("{}")}

	var all []*deploy.Standing
	var errs []error
	for s, err := range ada.Standing(t.Context(), p.Ref("x"), deploy.Ref{Service: "bad", Environment: "dev"},
		releases("api", "", &did).Ref(""), deploy.Ref{Service: "none", Environment: "dev"}) {
		all, errs = append(all, s), append(errs, err)
	}
	require.Len(t, all, 4)
	web, api, none := all[0], all[2], all[3]
	require.NoError(t, errors.Join(errs[0], errs[2], errs[3]))
	require.ErrorContains(t, errs[1], "bad@dev: run log dev/bad")
	require.Nil(t, all[1])

	require.Equal(t, deploy.RunID("r1"), api.Live.Run, "r2 has released nothing, and r3 was undone")
	require.Equal(t, "one", api.Live.Change.Artefact)
	require.Equal(t, "ada", api.Live.Initiator)
	require.Nil(t, api.Unfinished)
	require.Nil(t, api.Holder)
	require.False(t, api.Last.IsZero())
	require.Contains(t, api.String(), "api in dev: run r1, commit c-one, artefact one, by ada, since ")

	require.Nil(t, web.Live)
	require.Equal(t, deploy.RunID("r4"), web.Unfinished.Run)
	require.Equal(t, "ben", web.Holder.Initiator)
	host, err := os.Hostname()
	require.NoError(t, err)
	require.Equal(t, host, web.Holder.Where)
	require.Equal(t, os.Getpid(), web.Holder.PID)
	require.Equal(t, "sha256:test", web.Holder.Executable)
	require.WithinDuration(t, time.Now(), web.Holder.Since, time.Minute)
	require.NotEmpty(t, web.Holder.Name)
	require.False(t, web.Last.Before(web.Holder.Since))
	require.Equal(t, "ada", web.Paused.By)
	require.Contains(t, web.String(), "run r4 is unfinished, held by ben on "+host)
	require.Contains(t, web.String(), "paused by ada")
	controllers := web.Unfinished.Controllers
	require.Len(t, controllers, 2)
	require.Equal(t, "https://ci.example/job/7", controllers[0].Where)
	require.Equal(t, "ada", controllers[0].Initiator)
	require.Equal(t, *web.Holder, controllers[1])
	require.Contains(t, web.Unfinished.String(), "continued by ben on ")

	require.Equal(t, &deploy.Standing{Service: "none", Environment: "dev"}, none)
	require.Contains(t, none.String(), "nothing was released")
}

func TestTakeOverRunsNothing(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	fenced := 0
	fencer := fakeFencer{fence: func(_ context.Context, name string, epoch uint64) (deploy.Executor, error) {
		fenced++
		require.Equal(t, "dev/api", name)
		require.Equal(t, uint64(len(log.streams[name])), epoch)
		return nil, nil
	}}
	ops := newRunner(t, log, &deploy.Options{Initiator: "olga", Executor: fencer, Executable: "sha256:the ops tool"})
	_, err := ops.TakeOver(t.Context(), p.Ref("r1"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "take over: api@dev run r1")

	crashAt(log, 4) // in step b
	_, err = newRunner(t, log, &deploy.Options{Initiator: "ada"}).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before, did = nil, nil
	rep, err := ops.TakeOver(t.Context(), p.Ref("r1"))
	require.NoError(t, err)
	require.Equal(t, 1, fenced)
	require.Empty(t, did)
	require.Equal(t, deploy.Interrupted, rep.Outcome)
	require.Equal(t, []string{"ada"}, rep.Initiators(), "who runs nothing of it is no initiator")
	require.Len(t, rep.Controllers, 2)
	require.Contains(t, rep.String(), "taken over by olga on ")

	_, err = ops.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrPlanChanged, "the ops tool is another program")
	rep, err = newRunner(t, log, &deploy.Options{Initiator: "ada"}).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
	_, err = ops.TakeOver(t.Context(), p.Ref("r1"))
	require.ErrorContains(t, err, "take over api@dev run r1: it ended on ")
	require.ErrorContains(t, err, "start another run")
}

func TestTakeOverSaysWhatHoldsTheHost(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	crashAt(log, 3)
	_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	fencer := fakeFencer{fence: func(context.Context, string, uint64) (deploy.Executor, error) {
		return nil, errors.New("process 7 still runs")
	}}
	rep, err := newRunner(t, log, &deploy.Options{Executor: fencer}).TakeOver(t.Context(), p.Ref("r1"))
	require.ErrorContains(t, err, "api@dev run r1: taking the host over: process 7 still runs")
	require.Equal(t, deploy.Interrupted, rep.Outcome)
}

// TestWhatAnActionIsTold of the run that it is part of.
func TestWhatAnActionIsTold(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	var calls []deploy.Call
	p.Steps[0].Do.(*effect).fn = func(_ context.Context, c *deploy.Call) error {
		calls = append(calls, *c)
		if len(calls) < 4 {
			log.dead.Store(true)
		}
		return nil
	}
	for _, who := range []string{"ada", "ben", "ada", ""} {
		_, err := newRunner(t, log, &deploy.Options{Initiator: who}).Run(t.Context(), "r1", p)
		require.Equal(t, len(calls) < 4, errors.Is(err, errCrash), err)
		log.dead.Store(false)
	}
	digest, err := p.Digest()
	require.NoError(t, err)
	want := [][]string{{"ada"}, {"ada", "ben"}, {"ada", "ben"}, {"ada", "ben", ""}}
	for i, c := range calls {
		require.Equal(t, want[i], c.Initiators)
		require.Equal(t, digest, c.PlanDigest)
		require.Equal(t, digest, c.Plan.Digest())
		require.Equal(t, "sha256:test", c.Executable)
	}
	rep, err := newRunner(t, log, nil).Report(t.Context(), p.Ref("r1"))
	require.NoError(t, err)
	require.Equal(t, want[3], rep.Initiators())
	require.Len(t, rep.Controllers, 4)
}

// TestTheReportSaysWhatWasReleasedByWhom and who approved it, whatever package
// made the approval.
func TestTheReportSaysWhatWasReleasedByWhom(t *testing.T) {
	var did []string
	approved := deploy.Output[deploy.Approved]{Name: "who", Version: 3}
	at := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	by := deploy.Approval{ID: "ben@example.com", Name: "Ben", Role: "ops", Comment: "go", Time: at, Via: "page"}
	p := releases("api", "sha256:aa", &did)
	p.BreakGlass = "the shop is down"
	p.Steps[0].Kind, p.Steps[0].Provides = deploy.KindApproval, []string{approved.Decl(), "other"}
	p.Steps[0].Do.(*effect).fn = func(_ context.Context, c *deploy.Call) error {
		return errors.Join(c.Provide("other", []int{1}), approved.Provide(c, deploy.Approved{Request: "sha256:rr", By: []deploy.Approval{by}}))
	}
	p.Steps[1].Provides = []string{"not-an-approval"}
	p.Steps[1].Do.(*effect).fn = func(_ context.Context, c *deploy.Call) error {
		return c.Provide("not-an-approval", deploy.Approved{Request: "x", By: []deploy.Approval{{ID: "eve"}}})
	}
	p.Steps[2].Do.(*effect).fn = func(_ context.Context, c *deploy.Call) error {
		for i := range 12 {
			c.Printf("line %d", i)
		}
		return errors.New("no room")
	}
	log := newMemLog()
	rep, err := newRunner(t, log, &deploy.Options{Initiator: "ada", Where: "ci"}).Run(t.Context(), "r1", p)
	require.Error(t, err)
	again, err := newRunner(t, log, nil).Report(t.Context(), p.Ref("r1"))
	require.NoError(t, err)
	for _, r := range []*deploy.Report{rep, again} {
		require.Equal(t, []deploy.Approval{by}, r.Approvals)
		require.Equal(t, "sha256:test", r.Controllers[0].Executable)
		got, err := approved.Of(r)
		require.NoError(t, err)
		require.Equal(t, "sha256:rr", got.Request)
		for _, want := range []string{
			"commit c-sha256:aa, artefact sha256:aa", "started by ada on ci, process ", ", with sha256:test",
			`approved by Ben (ben@example.com) as ops, 2026-11-24T08:00:00Z: "go"`, "broke the glass: the shop is down",
			"| line 11", "| line 2\n", "because: ",
		} {
			require.Contains(t, r.String(), want)
		}
		require.NotContains(t, r.String(), "line 1\n")
		raw, err := json.Marshal(r)
		require.NoError(t, err)
		require.Contains(t, string(raw), `"approvals":[{"id":"ben@example.com"`)
	}
}
