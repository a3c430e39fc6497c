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
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/durable/powercut"
)

// unsynced is the real file system without its waits, for what is looked at
// once and thrown away.
type unsynced struct{ durable.OS }

func (unsynced) SyncDir(string) error { return nil }

func (u unsynced) OpenFile(name string, flag int, perm os.FileMode) (durable.File, error) {
	f, err := u.OS.OpenFile(name, flag, perm)
	return unsyncedFile{f}, err
}

type unsyncedFile struct{ durable.File }

func (unsyncedFile) Sync() error { return nil }

func newLogOn(t *testing.T, rec *powercut.Recorder, dir string) *filelog.Log {
	t.Helper()
	l, err := filelog.NewOn(filepath.Join(dir, "log"), rec)
	require.NoError(t, err)
	return l
}

// long is record n, long enough to be torn in many places.
func long(n int) []byte { return fmt.Appendf(nil, `{"n":%d,"text":"something to tear"}`, n) }

// survived checks the stream after a power cut: records 1 to n, where n is at
// least the number in the last mark, and it can be continued.
func survived(s powercut.State) error {
	acked := 0
	if len(s.Marks) > 0 {
		if _, err := fmt.Sscan(s.Marks[len(s.Marks)-1], &acked); err != nil {
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
	if len(got) < acked {
		return fmt.Errorf("%d records are left, %d were acknowledged or read", len(got), acked)
	}
	for i, r := range got {
		if r != string(long(i+1)) {
			return fmt.Errorf("record %d became %q", i+1, r)
		}
	}
	return nil
}

// continues checks besides that the stream can be continued.
func continues(s powercut.State) error {
	if err := survived(s); err != nil {
		return err
	}
	l, err := filelog.NewOn(filepath.Join(s.Dir, "log"), unsynced{})
	if err != nil {
		return err
	}
	before, _ := read(l, "api/stg", 1) // survived has looked at the error
	if err := l.Append(ctx(), "api/stg", uint64(len(before)+1), long(0)); err != nil {
		return err
	}
	after, err := read(l, "api/stg", 1)
	if err == nil && len(after) != len(before)+1 {
		err = fmt.Errorf("%d records and one more make %d", len(before), len(after))
	}
	return err
}

// appendUntil appends records and marks each, until the stream has n or the
// process is killed.
func appendUntil(rec *powercut.Recorder, l *filelog.Log, n int) error {
	got, err := read(l, "api/stg", 1)
	if err != nil && !errors.Is(err, deploy.ErrTorn) {
		return err
	}
	rec.Mark(fmt.Sprint(len(got)))
	for i := len(got) + 1; i <= n; i++ {
		if err := l.Append(ctx(), "api/stg", uint64(i), long(i)); err != nil {
			return err
		}
		rec.Mark(fmt.Sprint(i))
	}
	return nil
}

func TestPowerCut(t *testing.T) {
	dir := t.TempDir()
	rec, err := powercut.New(dir)
	require.NoError(t, err)
	require.NoError(t, appendUntil(rec, newLogOn(t, rec, dir), 3))
	recording := rec.Recording()
	t.Logf("%d operations: %q", len(recording.Ops()), recording.Ops())
	require.GreaterOrEqual(t, len(recording.Syncs()), 6)
	require.NoError(t, recording.Prove(nil, survived))
	require.NoError(t, recording.Check(nil, continues))
}

// The process is killed after each operation, the next one goes on, then the
// power is cut. Every sync of the second one must be needed too: what it found
// was not durable.
func TestKillThenPowerCut(t *testing.T) {
	kills, needed := 0, 0
	for ; ; kills++ {
		dir := t.TempDir()
		rec, err := powercut.New(dir)
		require.NoError(t, err)
		rec.KillAfter(kills)
		err = appendUntil(rec, newLogOn(t, rec, dir), 2)
		if err == nil {
			break
		}
		require.ErrorIs(t, err, powercut.ErrKilled)
		rec.KillAfter(-1)
		first := len(rec.Recording().Ops())
		require.NoError(t, appendUntil(rec, newLogOn(t, rec, dir), 3))
		recording := rec.Recording()
		require.NoError(t, recording.Check(nil, survived), "%q", recording.Ops())
		for _, i := range recording.Syncs() {
			if i >= first {
				needed++
				require.Error(t, recording.Without(i).Check(nil, survived), "killed after %d, not needed: %d of %q", kills, i, recording.Ops())
			}
		}
	}
	t.Logf("killed after each of %d operations, %d syncs of the next process proven needed", kills, needed)
	require.GreaterOrEqual(t, kills, 12)
}

// A Log that has been at the file all the time reads what another process left
// when it was killed before its sync.
func TestPowerCutAfterReadingOfOthers(t *testing.T) {
	dir := t.TempDir()
	rec, err := powercut.New(dir)
	require.NoError(t, err)
	l := newLogOn(t, rec, dir)
	require.NoError(t, appendUntil(rec, l, 1))
	rec.KillAfter(4) // open and sync to read, open and write to append
	require.ErrorIs(t, appendUntil(rec, newLogOn(t, rec, dir), 2), powercut.ErrKilled)
	rec.KillAfter(-1)
	require.NoError(t, appendUntil(rec, l, 2)) // only reads
	recording := rec.Recording()
	name := "log/api/stg.jsonl"
	require.Equal(t, []string{"write " + name, "sync " + name, `mark "2"`}, recording.Ops()[len(recording.Ops())-3:])
	require.NoError(t, recording.Check(nil, survived), "%q", recording.Ops())
}

// What was torn is kept, whenever the power goes while it is moved aside.
func TestPowerCutWhileMovingAside(t *testing.T) {
	needed := map[int]bool{}
	for _, torn := range []string{`{"n":2,"te`, "\x00\x00\x00\x00\x00\x00thing to tear, and longer than the next\"}\n"} {
		dir := t.TempDir()
		name := filepath.Join(dir, "log/api/stg.jsonl")
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, append(append(long(1), '\n'), torn...), 0o600))
		rec, err := powercut.New(dir)
		require.NoError(t, err)
		require.NoError(t, appendUntil(rec, newLogOn(t, rec, dir), 2))
		recording := rec.Recording()
		check := func(s powercut.State) error { return errors.Join(survived(s), kept(s.Dir, torn)) }
		require.NoError(t, recording.Check(nil, check), "%q", recording.Ops())
		for _, i := range recording.Syncs() {
			missed := recording.Without(i).Check(nil, check) != nil
			needed[i] = needed[i] || missed
		}
	}
	// The cut must be durable before the next record only where its rest and
	// the torn one could make a line.
	for sync, missed := range needed {
		require.True(t, missed, "not needed: operation %d", sync)
	}
}

// kept tells whether the torn bytes are somewhere: still there, or aside. Once
// the next record is written over them they must be aside.
func kept(dir, torn string) error {
	data, err := os.ReadFile(filepath.Join(dir, "log/api/stg.jsonl"))
	if err != nil {
		return err
	}
	if string(data) == string(long(1))+"\n"+torn {
		return nil
	}
	aside, err := os.ReadFile(filepath.Join(dir, "log/api/stg.torn-1"))
	if err == nil && string(aside) != torn {
		err = fmt.Errorf("torn bytes %q became %q", torn, aside)
	}
	return err
}
