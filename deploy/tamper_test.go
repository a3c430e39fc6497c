package deploy_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// TestATamperedLogStopsTheRun edits, removes, moves and splices each record of
// the log of an unfinished run in turn.
func TestATamperedLogStopsTheRun(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	other := three(&did)
	other.Service = "web"
	for _, run := range []deploy.Plan{p, other} {
		crashAt(log, 6)
		_, err := newRunner(t, log, nil).Run(t.Context(), "r1", run)
		require.ErrorIs(t, err, errCrash)
	}
	log.before = nil
	whole, web := log.streams["dev/api"], log.streams["dev/web"]
	require.Len(t, whole, 6)

	for i := range whole {
		last := i == len(whole)-1
		for name, c := range map[string]struct {
			tamper func([][]byte) [][]byte
			skip   bool
		}{
			"edited": {tamper: func(recs [][]byte) [][]byte {
				recs[i] = bytes.Replace(recs[i], []byte(`"run":"r1"`), []byte(`"run":"r2"`), 1)
				return recs
			}},
			"torn": {tamper: func(recs [][]byte) [][]byte {
				recs[i] = recs[i][:len(recs[i])/2]
				return recs
			}},
			"reordered": {skip: last, tamper: func(recs [][]byte) [][]byte {
				recs[i], recs[i+1] = recs[i+1], recs[i]
				return recs
			}},
			"removed": {skip: last, tamper: func(recs [][]byte) [][]byte { return slices.Delete(recs, i, i+1) }},
			"doubled": {tamper: func(recs [][]byte) [][]byte { return slices.Insert(recs, i, recs[i]) }},
			"spliced": {tamper: func(recs [][]byte) [][]byte {
				recs[i] = web[i]
				return recs
			}},
		} {
			if c.skip {
				continue // a cut at the end is found only against a head kept elsewhere
			}
			t.Run(name, func(t *testing.T) {
				var recs [][]byte
				for _, rec := range whole {
					recs = append(recs, slices.Clone(rec))
				}
				bad := newMemLog()
				bad.streams["dev/api"] = c.tamper(recs)
				before := len(bad.streams["dev/api"])
				did = nil
				_, err := newRunner(t, bad, nil).Run(t.Context(), "r1", p)
				var log *deploy.LogError
				require.ErrorAs(t, err, &log)
				require.Equal(t, "dev/api", log.Stream)
				require.Contains(t, []uint64{uint64(i + 1), uint64(i + 2)}, log.Seq)
				require.ErrorContains(t, err, "run log dev/api: verify record")
				require.Empty(t, did)
				require.Len(t, bad.streams["dev/api"], before, "nothing is written to a log that cannot be believed")
			})
		}
	}
}

func TestATornEndIsToldAndGoneOnWithout(t *testing.T) {
	var did []string
	log := newMemLog()
	crashAt(log, 4)
	_, err := newRunner(t, log, nil).Run(t.Context(), "r1", three(&did))
	require.ErrorIs(t, err, errCrash)
	log.before, log.torn = nil, true
	var repaired []deploy.LogRepaired
	handle := func(e deploy.Event) {
		if r, ok := e.(deploy.LogRepaired); ok {
			repaired = append(repaired, r)
		}
	}
	rep, err := newRunner(t, log, &deploy.Options{Handle: handle}).Run(t.Context(), "r1", three(&did))
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
	require.Equal(t, []deploy.LogRepaired{{Stream: "dev/api", Seq: 5}}, repaired)
}

func TestACutIsFoundAgainstAHeadKeptElsewhere(t *testing.T) {
	var did []string
	log := newMemLog()
	r := newRunner(t, log, nil)
	p := three(&did)
	rep, err := r.Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.NotEmpty(t, rep.Head)
	require.NoError(t, r.Verify(t.Context(), p.Ref(""), rep.Head))
	_, err = r.Run(t.Context(), "r2", p)
	require.NoError(t, err)
	require.NoError(t, r.Verify(t.Context(), p.Ref(""), rep.Head), "an older head is on the way")

	log.streams["dev/api"] = log.streams["dev/api"][:5]
	require.NoError(t, r.Verify(t.Context(), p.Ref(""), ""), "the chain alone cannot show it")
	err = r.Verify(t.Context(), p.Ref(""), rep.Head)
	var bad *deploy.LogError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, "dev/api", bad.Stream)
	require.ErrorContains(t, r.Verify(t.Context(), p.Ref(""), "no head"), `"no head" is not a head`)
}
