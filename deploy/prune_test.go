package deploy_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// prunable is a memLog that can be pruned; a record that is gone is empty.
type prunable struct {
	*memLog
	// removing is called with the records of a stream that are about to go;
	// where it returns an error they stay, but for those that it empties.
	removing func(recs [][]byte) error
}

func newPrunable() *prunable { return &prunable{memLog: newMemLog()} }

func (l *prunable) Prune(_ context.Context, stream string, before uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	recs := l.streams[stream]
	if before > uint64(len(recs)) {
		return errors.New("the last one stays")
	}
	if l.removing != nil {
		if err := l.removing(recs[:before-1]); err != nil {
			return err
		}
	}
	clear(recs[:before-1])
	return nil
}

func (l *prunable) Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for rec, err := range l.memLog.Read(ctx, stream, from) {
			if (len(rec) > 0 || err != nil) && !yield(rec, err) {
				return
			}
		}
	}
}

// there is how many records of dev/api are left.
func (l *prunable) there() int {
	return len(slices.DeleteFunc(slices.Clone(l.streams["dev/api"]), func(rec []byte) bool { return len(rec) == 0 }))
}

// nothing keeps as little as can be.
var nothing = deploy.Retention{Keep: -1, Runs: -1}

// runs makes runs that succeed, and returns what each of them did.
func runs(t *testing.T, log deploy.Log, opts *deploy.Options, ids ...deploy.RunID) {
	t.Helper()
	for _, id := range ids {
		var did []string
		_, err := newRunner(t, log, opts).Run(t.Context(), id, three(&did))
		require.NoError(t, err)
		require.Len(t, did, 3)
	}
}

// known are the runs that the log tells of, and how many it says are gone.
func known(t *testing.T, log deploy.Log) (ids []deploy.RunID, gone int) {
	t.Helper()
	for rep, err := range newRunner(t, log, nil).History(t.Context(), deploy.Ref{Service: "api", Environment: "dev"}) {
		require.NoError(t, err)
		ids = append(ids, rep.Run)
		if rep.Pruned != nil {
			gone = rep.Pruned.Runs
		}
	}
	return ids, gone
}

func TestPruneLeavesALogThatCanBeVerified(t *testing.T) {
	var did []string
	ref := three(&did).Ref("")
	for _, signer := range []*deploy.SigningKey{nil, key("ops", 1)} {
		log, anchor := newPrunable(), &lastHead{heads: map[string]string{}}
		opts := &deploy.Options{Anchor: anchor, Signer: signer}
		var keys []deploy.VerifyingKey
		if signer != nil {
			keys = append(keys, public(signer))
		}
		runs(t, log, opts, "r1", "r2", "r3")
		old := anchor.heads["dev/api"]
		runs(t, log, opts, "r4", "r5")
		r := newRunner(t, log, opts)
		before := anchor.heads["dev/api"]
		n, err := r.Prune(t.Context(), ref, nothing)
		require.NoError(t, err)
		require.Equal(t, 3, n)
		require.Equal(t, 17, log.there(), "two runs of 8 records, and what says that three are gone")
		ids, gone := known(t, log)
		require.Equal(t, []deploy.RunID{"r4", "r5"}, ids)
		require.Equal(t, 3, gone)

		for _, head := range []string{"", before, anchor.heads["dev/api"]} {
			require.NoError(t, r.Verify(t.Context(), ref, head, keys...))
		}
		require.NoError(t, r.Verify(t.Context(), ref, old, keys...), "of the last record that went, which the log states")

		n, err = r.Prune(t.Context(), ref, nothing)
		require.NoError(t, err)
		require.Zero(t, n)
		runs(t, log, opts, "r6", "r7")
		n, err = r.Prune(t.Context(), ref, nothing)
		require.NoError(t, err)
		require.Equal(t, 2, n)
		ids, gone = known(t, log)
		require.Equal(t, []deploy.RunID{"r6", "r7"}, ids)
		require.Equal(t, 5, gone)
		err = r.Verify(t.Context(), ref, old, keys...)
		require.ErrorContains(t, err, "log no longer has the record")
		require.ErrorContains(t, err, "use a newer anchor")
		require.ErrorIs(t, err, deploy.ErrPruned)

		whole := log.streams["dev/api"]
		for n := slices.IndexFunc(whole, func(rec []byte) bool { return len(rec) > 0 }) + 1; n < len(whole); n++ {
			log.streams["dev/api"] = whole[:n:n]
			_, err := r.Run(t.Context(), "r8", three(&did))
			require.ErrorContains(t, err, "log was truncated", n)
		}
		log.streams["dev/api"] = whole
		require.Empty(t, did)
		runs(t, log, opts, "r8")
	}
}

// TestAPrunedRunIsNotRunAgain, for all that the log has forgotten about it.
func TestAPrunedRunIsNotRunAgain(t *testing.T) {
	log := newPrunable()
	runs(t, log, nil, "r1", "r2", "r3")
	var did []string
	r, p := newRunner(t, log, nil), three(&did)
	for _, id := range []deploy.RunID{"r4", "r5"} {
		_, err := r.Prune(t.Context(), p.Ref(""), nothing)
		require.NoError(t, err)
		_, err = r.Run(t.Context(), "r1", p)
		require.ErrorIs(t, err, deploy.ErrPruned)
		require.ErrorContains(t, err, "choose another id")
		_, err = r.Report(t.Context(), p.Ref("r1"))
		require.ErrorIs(t, err, deploy.ErrPruned)
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = r.Report(t.Context(), p.Ref("never"))
		require.NotErrorIs(t, err, deploy.ErrPruned)
		runs(t, log, nil, id)
	}
	require.Empty(t, did)
}

// TestRetention: a run a day, the letter says how it ended. Oldest first.
func TestRetention(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		runs string // s succeeded, u undone
		keep deploy.Retention
		gone int
	}{
		{"ssssssss", deploy.Retention{}, 0},
		{"ssssssss", deploy.Retention{Keep: -1}, 0},
		{"ssssssss", deploy.Retention{Runs: -1}, 0},
		{"ssssssss", deploy.Retention{Keep: -1, Runs: 5}, 3},
		{"ssssssss", deploy.Retention{Keep: -1, Runs: 8}, 0},
		{"ssssssss", deploy.Retention{Keep: 3*day + time.Hour, Runs: -1}, 5},
		{"ssssssss", deploy.Retention{Keep: 3*day + time.Hour, Runs: 6}, 2},
		{"ssssssss", nothing, 6},
		{"s", nothing, 0},
		{"u", nothing, 0},
		{"uuu", nothing, 2},
		{"usu", nothing, 1},
		{"ususuuuu", nothing, 1},
		{"ssususuu", nothing, 3},
		{"ssssuuuu", deploy.Retention{Keep: -1, Runs: 7}, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			log := newPrunable()
			var did []string
			for i, how := range c.runs {
				p := three(&did)
				if how == 'u' {
					p = turnsBack(&did)
				}
				_, err := newRunner(t, log, nil).Run(t.Context(), deploy.RunID(fmt.Sprint("r", i)), p)
				require.Equal(t, how == 'u', err != nil)
				time.Sleep(day) // in the bubble
			}
			n, err := newRunner(t, log, nil).Prune(t.Context(), three(&did).Ref(""), c.keep)
			require.NoError(t, err)
			require.Equal(t, c.gone, n, "%+v", c)
			ids, gone := known(t, log)
			require.Equal(t, c.gone, gone)
			require.Len(t, ids, len(c.runs)-c.gone)
		})
	}
	synctest.Test(t, func(t *testing.T) { // the defaults
		log := newPrunable()
		for i := range 60 {
			runs(t, log, nil, deploy.RunID(fmt.Sprint("r", i)))
			time.Sleep(day)
		}
		var did []string
		for _, want := range []int{0, 10} {
			n, err := newRunner(t, log, nil).Prune(t.Context(), three(&did).Ref(""), deploy.Retention{})
			require.NoError(t, err)
			require.Equal(t, want, n)
			time.Sleep(365 * day)
		}
	})
}

// TestABeginningThatIsMissingIsRefused, at every record, unless the log says
// that it was pruned up to there.
func TestABeginningThatIsMissingIsRefused(t *testing.T) {
	log := newPrunable()
	runs(t, log, nil, "r1", "r2", "r3", "r4")
	kept := errors.New("nothing is removed yet")
	for _, prune := range []bool{false, true} {
		allowed := 0
		if prune {
			log.removing = func([][]byte) error { return kept }
			var did []string
			_, err := newRunner(t, log, nil).Prune(t.Context(), three(&did).Ref(""), nothing)
			require.ErrorIs(t, err, kept)
			require.ErrorContains(t, err, "Prune again")
			allowed = 16
		}
		whole := log.streams["dev/api"]
		for n := 1; n < len(whole); n++ {
			cut := newPrunable()
			cut.streams["dev/api"] = append(make([][]byte, n), whole[n:]...)
			var did []string
			_, err := newRunner(t, cut, nil).Run(t.Context(), "r9", three(&did))
			if n <= allowed {
				require.NoError(t, err, "the removal was interrupted")
				ids, gone := known(t, cut)
				require.Equal(t, []deploy.RunID{"r3", "r4", "r9"}, ids)
				require.Equal(t, 2, gone)
				continue
			}
			var bad *deploy.LogError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, uint64(n), bad.Seq)
			require.ErrorContains(t, err, "log was truncated")
			require.ErrorContains(t, err, fmt.Sprintf("begins with record %d", n+1))
			require.Empty(t, did)
			require.Len(t, cut.streams["dev/api"], len(whole))
		}
	}
}

// TestACrashWhilePruningIsHarmless: what the log tells is the same before the
// removal, in the middle of it and after it, and the next Prune completes it.
func TestACrashWhilePruningIsHarmless(t *testing.T) {
	died := errors.New("it died")
	for removed := range 17 {
		log, anchor := newPrunable(), &lastHead{heads: map[string]string{}}
		opts := &deploy.Options{Anchor: anchor}
		runs(t, log, opts, "r1", "r2", "r3", "r4")
		log.removing = func(recs [][]byte) error {
			require.Len(t, recs, 16)
			clear(recs[:removed])
			return died
		}
		var did []string
		r, ref := newRunner(t, log, opts), three(&did).Ref("")
		_, err := r.Prune(t.Context(), ref, nothing)
		require.ErrorIs(t, err, died)
		ids, gone := known(t, log)
		require.Equal(t, []deploy.RunID{"r3", "r4"}, ids)
		require.Equal(t, 2, gone)
		require.NoError(t, r.Verify(t.Context(), ref, anchor.heads["dev/api"]))
		_, err = r.Report(t.Context(), three(&did).Ref("r1"))
		require.ErrorIs(t, err, deploy.ErrPruned)
		_, err = r.Run(t.Context(), "r2", three(&did))
		require.ErrorIs(t, err, deploy.ErrPruned)
		log.removing = nil
		n, err := r.Prune(t.Context(), ref, nothing)
		require.NoError(t, err)
		require.Zero(t, n)
		require.Equal(t, 17, log.there())
	}
}

// TestNothingIsRemovedBeforeTheHeadIsKept.
func TestNothingIsRemovedBeforeTheHeadIsKept(t *testing.T) {
	log, anchor := newPrunable(), &lastHead{heads: map[string]string{}}
	opts := &deploy.Options{Anchor: anchor}
	runs(t, log, opts, "r1", "r2", "r3")
	var did []string
	r, ref := newRunner(t, log, opts), three(&did).Ref("")
	anchor.asked = func() {
		anchor.asked = nil
		log.before = func(string, uint64, []byte) error { anchor.err = errors.New("bucket is gone"); return nil }
	}
	_, err := r.Prune(t.Context(), ref, nothing)
	require.ErrorIs(t, err, deploy.ErrAnchor)
	require.ErrorContains(t, err, "nothing was removed")
	require.Equal(t, 25, log.there())
	anchor.err, log.before = nil, nil
	_, err = r.Prune(t.Context(), ref, nothing)
	require.NoError(t, err)
	require.Equal(t, 17, log.there())
	require.NoError(t, r.Verify(t.Context(), ref, anchor.heads["dev/api"]))
}

func TestPruneIsRefusedWhileARunIsUnfinished(t *testing.T) {
	log := newPrunable()
	runs(t, log, nil, "r1", "r2", "r3")
	var did []string
	r, ref := newRunner(t, log, nil), three(&did).Ref("")
	// It begins when Prune has looked already.
	log.before = func(string, uint64, []byte) error {
		crashAt(log.memLog, 4)
		_, err := newRunner(t, log, nil).Run(t.Context(), "r4", three(&did))
		require.ErrorIs(t, err, errCrash)
		log.before = nil
		return nil
	}
	for range 2 {
		_, err := r.Prune(t.Context(), ref, nothing)
		var unfinished *deploy.UnfinishedError
		require.ErrorAs(t, err, &unfinished)
		require.Equal(t, deploy.RunID("r4"), unfinished.Run)
	}
	_, gone := known(t, log)
	require.Zero(t, gone)
	_, err := newRunner(t, newMemLog(), nil).Prune(t.Context(), ref, nothing)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	n, err := newRunner(t, newPrunable(), nil).Prune(t.Context(), ref, nothing)
	require.NoError(t, err, "an empty log")
	require.Zero(t, n)
}

// TestTwoPruneAtOnce: whichever comes first, the log says how many are gone.
func TestTwoPruneAtOnce(t *testing.T) {
	for _, other := range []deploy.Retention{{Keep: -1, Runs: 4}, {Keep: -1, Runs: 2}} {
		log := newPrunable()
		runs(t, log, nil, "r1", "r2", "r3", "r4", "r5")
		var did []string
		ref := three(&did).Ref("")
		log.before = func(string, uint64, []byte) error {
			log.before = nil
			_, err := newRunner(t, log, nil).Prune(t.Context(), ref, other)
			require.NoError(t, err)
			return nil
		}
		_, err := newRunner(t, log, nil).Prune(t.Context(), ref, deploy.Retention{Keep: -1, Runs: 3})
		require.NoError(t, err)
		ids, gone := known(t, log)
		require.Len(t, ids, 5-gone)
		require.Equal(t, 5-min(other.Runs, 3), gone)
	}
}

// TestAControllerThatSleptUntilItsRunWasPruned has lost its place, and does
// not cry wolf.
func TestAControllerThatSleptUntilItsRunWasPruned(t *testing.T) {
	log := newPrunable()
	var did []string
	p := three(&did)
	p.Steps[1].Do.(*effect).fn = func(context.Context, *deploy.Call) error {
		_, err := newRunner(t, log, nil).Run(t.Context(), "r1", three(new([]string)))
		require.NoError(t, err)
		runs(t, log, nil, "r2", "r3", "r4")
		n, err := newRunner(t, log, nil).Prune(t.Context(), p.Ref(""), nothing)
		require.NoError(t, err)
		require.Equal(t, 2, n)
		return nil
	}
	before := len(log.streams["dev/api"])
	_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrConflict)
	require.ErrorContains(t, err, "it was pruned")
	require.NotContains(t, err.Error(), "find out who")
	require.Equal(t, []string{"do a", "do b"}, did)
	require.Greater(t, len(log.streams["dev/api"]), before)
	ids, _ := known(t, log)
	require.Equal(t, []deploy.RunID{"r3", "r4"}, ids)
}

// TestAPrunedLogOfAnotherServiceIsRefused, which no first record shows.
func TestAPrunedLogOfAnotherServiceIsRefused(t *testing.T) {
	log := newPrunable()
	runs(t, log, nil, "r1", "r2", "r3")
	var did []string
	p := three(&did)
	_, err := newRunner(t, log, nil).Prune(t.Context(), p.Ref(""), nothing)
	require.NoError(t, err)
	log.streams["dev/web"] = log.streams["dev/api"]
	p.Service = "web"
	_, err = newRunner(t, log, nil).Run(t.Context(), "r4", p)
	require.ErrorContains(t, err, "log was spliced")
	require.Empty(t, did)
}

// TestAPrunedLogGoesOnFromTheDigestThatItStates: a chain that was computed
// anew behind other records does not fit.
func TestAPrunedLogGoesOnFromTheDigestThatItStates(t *testing.T) {
	log := newPrunable()
	runs(t, log, nil, "r1", "r2", "r3")
	var did []string
	_, err := newRunner(t, log, nil).Prune(t.Context(), three(&did).Ref(""), nothing)
	require.NoError(t, err)
	prev := strings.Repeat("0", 64)
	for i, line := range log.streams["dev/api"] {
		if len(line) == 0 {
			continue
		}
		_, rest, _ := strings.Cut(string(line), `"body":`)
		body := strings.TrimSuffix(rest, "}")
		hash := fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "devops hashlog v1\n%d\n%s\n%s", i+1, prev, body)))
		log.streams["dev/api"][i] = fmt.Appendf(nil, `{"v":1,"seq":%d,"prev":"%s","hash":"%s","body":%s}`, i+1, prev, hash, body)
		prev = hash
	}
	_, err = newRunner(t, log, nil).Run(t.Context(), "r4", three(&did))
	require.ErrorContains(t, err, "record 8, the last that was pruned, had another digest")
	require.Empty(t, did)
}

// TestMeasuresTellThatRunsAreGone, where they would have counted.
func TestMeasuresTellThatRunsAreGone(t *testing.T) {
	log := newPrunable()
	start := time.Now()
	runs(t, log, nil, "r1", "r2", "r3")
	measure := func(from time.Time) deploy.DORA {
		var all []*deploy.Report
		for rep, err := range newRunner(t, log, nil).History(t.Context(), deploy.Ref{Service: "api", Environment: "dev"}) {
			require.NoError(t, err)
			all = append(all, rep)
		}
		return deploy.MeasureDORA(all, from, time.Now())
	}
	require.False(t, measure(start).Incomplete)
	var did []string
	_, err := newRunner(t, log, nil).Prune(t.Context(), three(&did).Ref(""), nothing)
	require.NoError(t, err)
	require.True(t, measure(start).Incomplete)
	rep, err := newRunner(t, log, nil).Report(t.Context(), three(&did).Ref("r2"))
	require.NoError(t, err)
	require.False(t, measure(rep.Pruned.Until.Add(1)).Incomplete)
}
