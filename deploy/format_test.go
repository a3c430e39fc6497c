package deploy_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// TestRunLogsOfEveryVersionStayReadable continues and reports runs that each
// version of the format wrote: one that ended, and one cut off in its way
// back. With -update the file of the newest version is written anew; those of
// older ones are never touched.
func TestRunLogsOfEveryVersionStayReadable(t *testing.T) {
	newest := filepath.Join("testdata", "runlog-v2.jsonl")
	if *update {
		writeNewest(t, newest)
	}
	for _, version := range []string{filepath.Join("testdata", "runlog-v1.jsonl"), newest} {
		raw, err := os.ReadFile(version)
		require.NoError(t, err)
		log := newMemLog()
		log.streams["dev/api"] = bytes.Split(bytes.TrimSuffix(raw, []byte("\n")), []byte("\n"))
		var did []string
		r := newRunner(t, log, nil)

		rep, err := r.Report(t.Context(), three(&did).Ref("r1"))
		require.NoError(t, err)
		require.Equal(t, deploy.Succeeded, rep.Outcome)
		require.Equal(t, "ada", rep.Initiator)
		require.Equal(t, "ada", rep.Initiators()[0])
		require.Equal(t, "sha256:test", rep.Controllers[0].Executable)
		require.Len(t, rep.Steps, 3)
		if version == newest {
			require.Equal(t, []string{"ada", "ben"}, rep.Initiators())
			require.Equal(t, "ci-7", rep.Controllers[1].Where)
			require.Equal(t, "olga", rep.Controllers[2].Initiator)
			require.Len(t, rep.Controllers, 4)
			require.Equal(t, "cleo", rep.Approvals[0].ID)
			got, err := approvedBy.Of(rep)
			require.NoError(t, err)
			require.Equal(t, "sha256:rr", got.Request)
		}

		rep, err = r.Run(t.Context(), "r2", turnsBack(&did))
		require.ErrorContains(t, err, "no room")
		require.Equal(t, deploy.Undone, rep.Outcome)
		require.Equal(t, []string{"undo c", "undo b", "undo a"}, did)
	}
}

var approvedBy = deploy.Output[deploy.Approved]{Name: "approved_by", Version: 1}

// writeNewest lets a run be paused, continued by somebody else, taken over and
// approved, and cuts another one off.
func writeNewest(t *testing.T, name string) {
	var did []string
	log := newMemLog()
	as := func(who string) *deploy.Runner {
		return newRunner(t, log, &deploy.Options{Initiator: who, Where: "ci-7"})
	}
	p := three(&did)
	p.Steps[0].Do.(*effect).fn = decides(t, log, p.Ref("r1"), deploy.AnswerPause)
	p.Steps[1].Kind, p.Steps[1].Provides = deploy.KindApproval, []string{approvedBy.Decl()}
	p.Steps[1].Do.(*effect).fn = func(_ context.Context, c *deploy.Call) error {
		return approvedBy.Provide(c, deploy.Approved{Request: "sha256:rr", By: []deploy.Approval{{ID: "cleo"}}})
	}
	_, err := as("ada").Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrHeld)
	decide(t, log, p.Ref("r1"), deploy.AnswerResume)
	p.Steps[2].Do.(*effect).fn = func(context.Context, *deploy.Call) error { log.dead.Store(true); return nil }
	_, err = as("ben").Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.dead.Store(false)
	_, err = as("olga").TakeOver(t.Context(), p.Ref("r1"))
	require.NoError(t, err)
	p.Steps[2].Do.(*effect).fn = nil
	_, err = as("ada").Run(t.Context(), "r1", p)
	require.NoError(t, err)
	crashAt(log, 9)
	_, err = newRunner(t, log, &deploy.Options{Where: "ci-7"}).Run(t.Context(), "r2", turnsBack(&did))
	require.ErrorIs(t, err, errCrash)
	require.NoError(t, os.WriteFile(name, append(bytes.Join(log.streams["dev/api"], []byte("\n")), '\n'), 0o644))
}

// turnsBack is a plan whose last step fails.
func turnsBack(did *[]string) deploy.Plan {
	p := three(did)
	p.Steps[2].Do = &effect{Name: "do c", did: did, fn: fails("no room")}
	return p
}
