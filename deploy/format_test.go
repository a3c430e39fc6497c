package deploy_test

import (
	"bytes"
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
	newest := filepath.Join("testdata", "runlog-v1.jsonl")
	if *update {
		var did []string
		log := newMemLog()
		_, err := newRunner(t, log, &deploy.Options{Initiator: "ada"}).Run(t.Context(), "r1", three(&did))
		require.NoError(t, err)
		crashAt(log, 9)
		_, err = newRunner(t, log, nil).Run(t.Context(), "r2", turnsBack(&did))
		require.ErrorIs(t, err, errCrash)
		require.NoError(t, os.WriteFile(newest, append(bytes.Join(log.streams["dev/api"], []byte("\n")), '\n'), 0o644))
	}
	for _, version := range []string{newest} {
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
		require.Len(t, rep.Steps, 3)

		rep, err = r.Run(t.Context(), "r2", turnsBack(&did))
		require.ErrorContains(t, err, "no room")
		require.Equal(t, deploy.Undone, rep.Outcome)
		require.Equal(t, []string{"undo c", "undo b", "undo a"}, did)
	}
}

// turnsBack is a plan whose last step fails.
func turnsBack(did *[]string) deploy.Plan {
	p := three(did)
	p.Steps[2].Do = &effect{Name: "do c", did: did, fn: fails("no room")}
	return p
}
