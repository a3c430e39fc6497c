package filelog_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/internal/durable/powercut"
)

// write makes a stream of n records.
func write(t *testing.T, l deploy.Log, stream string, n int) {
	t.Helper()
	for i := 1; i <= n; i++ {
		require.NoError(t, l.Append(t.Context(), stream, uint64(i), rec(i)))
	}
}

func TestPrunedFile(t *testing.T) {
	dir := t.TempDir()
	l, other := newLog(t, dir), newLog(t, dir)
	write(t, l, "s", 5)
	_, err := read(other, "s", 1)
	require.NoError(t, err)
	require.NoError(t, l.Prune(t.Context(), "s", 4))
	name := filepath.Join(dir, "s.jsonl")
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "\n{\"v\":1,\"pruned\":3}\n{\"n\":4}\n{\"n\":5}\n", string(data))
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	for _, l := range []*filelog.Log{l, other, newLog(t, dir)} {
		got, err := read(l, "s", 2)
		require.NoError(t, err)
		require.Equal(t, []string{string(rec(4)), string(rec(5))}, got)
		got, err = read(l, "s", 5)
		require.NoError(t, err)
		require.Equal(t, []string{string(rec(5))}, got)
		err = l.Append(t.Context(), "s", 5, rec(0))
		require.ErrorIs(t, err, deploy.ErrConflict)
		require.ErrorContains(t, err, "the next is number 6")
		require.ErrorContains(t, l.Prune(t.Context(), "s", 6), "ends at record 5")
	}
	require.NoError(t, other.Append(t.Context(), "s", 6, rec(6)))
	require.NoError(t, l.Append(t.Context(), "s", 7, rec(7)))
	require.NoError(t, other.Prune(t.Context(), "s", 7))
	got, err := read(l, "s", 1)
	require.NoError(t, err)
	require.Equal(t, []string{string(rec(7))}, got)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no other files")
}

// A torn record survives a prune beside the file.
func TestPruneOfATornFile(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, dir)
	write(t, l, "s", 3)
	f, err := os.OpenFile(filepath.Join(dir, "s.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"n":4`)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.ErrorContains(t, l.Prune(t.Context(), "s", 4), "ends at record 3", "a torn record is none")
	require.NoError(t, l.Prune(t.Context(), "s", 3))
	torn, err := os.ReadFile(filepath.Join(dir, "s.torn-1"))
	require.NoError(t, err)
	require.Equal(t, `{"n":4`, string(torn))
	got, err := read(l, "s", 1)
	require.NoError(t, err)
	require.Equal(t, []string{string(rec(3))}, got)
}

// What a newer version wrote is not taken for a stream.
func TestUnknownHeader(t *testing.T) {
	for _, header := range []string{"\n", "\n\n", "\n{\"v\":2,\"pruned\":3}\n", "\n{\"v\":1,\"pruned\":0}\n", "\n{\"v\":1,\"pruned\":99999999999999999999}\n"} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "s.jsonl"), []byte(header+"{\"n\":4}\n"), 0o600))
		l := newLog(t, dir)
		_, err := read(l, "s", 1)
		require.ErrorContains(t, err, "use a newer one", header)
		require.Error(t, l.Append(t.Context(), "s", 5, rec(5)))
		require.NotErrorIs(t, l.Append(t.Context(), "s", 5, rec(5)), deploy.ErrConflict)
	}
}

// prunedWell checks the stream after a power cut during a prune: it ends as it
// ended, and begins where it did or where it was to begin.
func prunedWell(before int) func(powercut.State) error {
	return func(s powercut.State) error {
		acked, pruned := 0, false
		for _, m := range s.Marks {
			if m == "pruned" {
				pruned = true
			} else if _, err := fmt.Sscan(m, &acked); err != nil {
				return err
			}
		}
		l, err := filelog.NewOn(filepath.Join(s.Dir, "log"), unsynced{})
		if err != nil {
			return err
		}
		got, err := read(l, "api/stg", 1)
		if err != nil && !errors.Is(err, deploy.ErrTorn) {
			return err
		}
		first := 1
		if len(got) > 0 && got[0] == string(long(before)) {
			first = before
		}
		for i, r := range got {
			if r != string(long(first+i)) {
				return fmt.Errorf("record %d became %q", first+i, r)
			}
		}
		if pruned && first != before {
			return errors.New("what was pruned is there again")
		}
		if first+len(got)-1 < acked {
			return fmt.Errorf("%d records are left from %d on, %d were acknowledged", len(got), first, acked)
		}
		if err := l.Append(ctx(), "api/stg", uint64(first+len(got)), long(0)); err != nil {
			return err
		}
		if acked < before {
			return nil
		}
		return l.Prune(ctx(), "api/stg", uint64(before))
	}
}

func TestPowerCutWhilePruning(t *testing.T) {
	dir := t.TempDir()
	rec, err := powercut.New(dir)
	require.NoError(t, err)
	l := newLogOn(t, rec, dir)
	require.NoError(t, appendUntil(rec, l, 3))
	first := len(rec.Recording().Ops())
	require.NoError(t, l.Prune(ctx(), "api/stg", 3))
	rec.Mark("pruned")
	require.NoError(t, l.Append(ctx(), "api/stg", 4, long(4)))
	rec.Mark("4")
	recording := rec.Recording()
	require.NoError(t, recording.Check(nil, prunedWell(3)), "%q", recording.Ops())
	needed := 0
	for _, i := range recording.Syncs() {
		if i >= first {
			needed++
			require.Error(t, recording.Without(i).Check(nil, prunedWell(3)), "not needed: %d of %q", i, recording.Ops())
		}
	}
	require.Equal(t, 3, needed, "the new file, its name, and the record that came then: %q", recording.Ops())
}

// Who prunes is killed after each operation, another process goes on, and then
// the power is cut: what it appended is there, whatever file it went into.
func TestKillWhilePruningThenPowerCut(t *testing.T) {
	kills, named := 0, 0
	for ; ; kills++ {
		dir := t.TempDir()
		rec, err := powercut.New(dir)
		require.NoError(t, err)
		l := newLogOn(t, rec, dir)
		require.NoError(t, appendUntil(rec, l, 3))
		rec.KillAfter(kills)
		err = l.Prune(ctx(), "api/stg", 3)
		if err == nil {
			break
		}
		require.ErrorIs(t, err, powercut.ErrKilled)
		rec.KillAfter(-1)
		first := len(rec.Recording().Ops())
		next := newLogOn(t, rec, dir)
		require.NoError(t, next.Append(ctx(), "api/stg", 4, long(4)))
		rec.Mark("4")
		require.NoError(t, next.Close())
		recording := rec.Recording()
		require.NoError(t, recording.Check(nil, prunedWell(3)), "killed after %d: %q", kills, recording.Ops())
		for _, i := range recording.Syncs() {
			if i >= first && recording.Ops()[i] == "sync directory log/api" {
				named++
				require.Error(t, recording.Without(i).Check(nil, prunedWell(3)), "killed after %d, not needed: %d of %q", kills, i, recording.Ops())
			}
		}
	}
	require.GreaterOrEqual(t, kills, 5)
	require.Positive(t, named, "no kill left a name that was not durable")
}
