package deploy_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// TestPrunedRunLogsOfEveryVersionStayReadable reads and prunes on a log from
// which each version of the format pruned. With -update the file of the newest
// version is written anew; those of older ones are never touched.
func TestPrunedRunLogsOfEveryVersionStayReadable(t *testing.T) {
	newest := filepath.Join("testdata", "runlog-pruned-v1.jsonl")
	var did []string
	ref := three(&did).Ref("")
	if *update {
		log := newPrunable()
		runs(t, log, nil, "r1", "r2", "r3")
		_, err := newRunner(t, log, nil).Prune(t.Context(), ref, nothing)
		require.NoError(t, err)
		left := bytes.Join(log.streams["dev/api"][8:], []byte("\n"))
		require.NoError(t, os.WriteFile(newest, append(left, '\n'), 0o644))
	}
	for _, version := range []string{newest} {
		raw, err := os.ReadFile(version)
		require.NoError(t, err)
		log := newPrunable()
		left := bytes.Split(bytes.TrimSuffix(raw, []byte("\n")), []byte("\n"))
		log.streams["dev/api"] = append(make([][]byte, 8), left...)
		ids, gone := known(t, log)
		require.Equal(t, []deploy.RunID{"r2", "r3"}, ids)
		require.Equal(t, 1, gone)
		_, err = newRunner(t, log, nil).Run(t.Context(), "r1", three(&did))
		require.ErrorIs(t, err, deploy.ErrPruned)
		runs(t, log, nil, "r4")
		n, err := newRunner(t, log, nil).Prune(t.Context(), ref, nothing)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		_, gone = known(t, log)
		require.Equal(t, 2, gone)
	}
}
