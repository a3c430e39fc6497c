package filelog_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/deploy/runlogtest"
)

func newLog(t testing.TB, dir string) *filelog.Log {
	t.Helper()
	l, err := filelog.New(dir, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func rec(n int) []byte { return fmt.Appendf(nil, `{"n":%d}`, n) }

// read returns the records, and the error that ended them.
func read(l deploy.Log, stream string, from uint64) (recs []string, err error) {
	for r, err := range l.Read(context.Background(), stream, from) {
		if err != nil {
			return recs, err
		}
		recs = append(recs, string(r))
	}
	return recs, nil
}

func TestContract(t *testing.T) {
	runlogtest.Run(t, func() (deploy.Log, error) { return filelog.New(t.TempDir(), nil) })
}

func TestContractOnSharedStorage(t *testing.T) {
	dir := t.TempDir()
	runlogtest.Run(t, func() (deploy.Log, error) { return filelog.New(dir, nil) })
}

// twins are two processes as one log: each call goes to the other one.
type twins struct {
	logs  [2]*filelog.Log
	calls atomic.Int64
}

func (w *twins) next() *filelog.Log { return w.logs[w.calls.Add(1)%2] }

func (w *twins) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	return w.next().Append(ctx, stream, seq, rec)
}

func (w *twins) Prune(ctx context.Context, stream string, before uint64) error {
	return w.next().Prune(ctx, stream, before)
}

func (w *twins) Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	return w.next().Read(ctx, stream, from)
}

func TestContractOfTwoProcesses(t *testing.T) {
	runlogtest.Run(t, func() (deploy.Log, error) {
		dir := t.TempDir()
		return &twins{logs: [2]*filelog.Log{newLog(t, dir), newLog(t, dir)}}, nil
	})
}

func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state/log")
	l := newLog(t, dir)
	_, err := read(l, "api/stg", 1)
	require.NoError(t, err)
	require.ErrorIs(t, l.Append(t.Context(), "api/stg", 2, rec(2)), deploy.ErrConflict)
	require.NoDirExists(t, filepath.Dir(dir), "nothing is made until something is kept")

	require.NoError(t, l.Append(t.Context(), "api/stg", 1, rec(1)))
	require.NoError(t, l.Append(t.Context(), "api/stg", 2, rec(2)))
	name := filepath.Join(dir, "api/stg.jsonl")
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "{\"n\":1}\n{\"n\":2}\n", string(data))
	for path, mode := range map[string]os.FileMode{name: 0o600, dir: 0o700, filepath.Dir(name): 0o700} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}
	entries, err := os.ReadDir(filepath.Dir(name))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no other files")
}

func TestNewFollowsNoChangeOfDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	l := newLog(t, "log")
	here, err := os.Getwd()
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	require.NoError(t, l.Append(t.Context(), "a", 1, rec(1)))
	require.FileExists(t, filepath.Join(here, "log/a.jsonl"))
}

func TestNoDirectory(t *testing.T) {
	_, err := filelog.New("", nil)
	require.Error(t, err)
}

// Another process is another Log on the same files.
func TestOthersAppend(t *testing.T) {
	dir := t.TempDir()
	a, b := newLog(t, dir), newLog(t, dir)
	want := []string{}
	for n := 1; n <= 9; n++ {
		l, other := a, b
		if n%3 == 0 {
			l, other = b, a
		}
		require.NoError(t, l.Append(t.Context(), "s", uint64(n), rec(n)))
		require.ErrorIs(t, other.Append(t.Context(), "s", uint64(n), rec(n)), deploy.ErrConflict)
		want = append(want, string(rec(n)))
		got, err := read(other, "s", uint64(n))
		require.NoError(t, err)
		require.Equal(t, want[n-1:], got)
	}
	// Replaced by another file, as after a restore: longer, then shorter.
	for _, text := range []string{strings.Repeat("{\"other\":1}\n", 20), "{\"other\":1}\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "new"), []byte(text), 0o600))
		require.NoError(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "s.jsonl")))
		for _, l := range []*filelog.Log{a, b} {
			got, err := read(l, "s", 1)
			require.NoError(t, err)
			require.Equal(t, text, strings.Join(got, "\n")+"\n")
			got, err = read(l, "s", 12)
			require.NoError(t, err)
			require.Len(t, got, max(0, strings.Count(text, "\n")-11))
		}
	}
	require.NoError(t, a.Append(t.Context(), "s", 2, rec(2)))
}

// A file that was cut in place is read as it is now.
func TestOthersTruncate(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, dir)
	write(t, l, "s", 5)
	name := filepath.Join(dir, "s.jsonl")
	require.NoError(t, os.Truncate(name, int64(2*(len(rec(1))+1))))
	require.ErrorIs(t, l.Append(t.Context(), "s", 6, rec(6)), deploy.ErrConflict)
	got, err := read(l, "s", 1)
	require.NoError(t, err)
	require.Equal(t, []string{string(rec(1)), string(rec(2))}, got)
	require.NoError(t, os.Truncate(name, 0))
	require.NoError(t, l.Append(t.Context(), "s", 1, rec(7)))
	require.NoError(t, os.Remove(name))
	require.ErrorIs(t, l.Append(t.Context(), "s", 2, rec(2)), deploy.ErrConflict)
	require.NoError(t, l.Append(t.Context(), "s", 1, rec(8)))
	got, err = read(newLog(t, dir), "s", 1)
	require.NoError(t, err)
	require.Equal(t, []string{string(rec(8))}, got)
}

// What another process does while the file is closed is seen, though the file
// has the same inode.
func TestClosed(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, dir)
	write(t, l, "s", 3)
	require.NoError(t, l.Close())
	name := filepath.Join(dir, "s.jsonl")
	require.NoError(t, os.WriteFile(name, []byte("{\"n\":1,\"text\":\"as long as the three\"}\n"), 0o600))
	require.ErrorIs(t, l.Append(t.Context(), "s", 4, rec(4)), deploy.ErrConflict)
	require.NoError(t, l.Append(t.Context(), "s", 2, rec(2)))
}

func TestRefusedRecords(t *testing.T) {
	l := newLog(t, t.TempDir())
	for _, bad := range []string{"", "{\n}", "\"\x00\"", strings.Repeat("x", deploy.MaxRecord+1)} {
		err := l.Append(t.Context(), "a", 1, []byte(bad))
		require.ErrorIs(t, err, deploy.ErrRecord)
		require.Less(t, len(err.Error()), 300)
	}
	got, err := read(l, "a", 1)
	require.NoError(t, err)
	require.Empty(t, got)
	require.ErrorIs(t, l.Append(t.Context(), "a/../b", 1, rec(1)), deploy.ErrStreamName)
}

func TestErrorNamesFileAndLine(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, dir)
	require.NoError(t, l.Append(t.Context(), "api/stg", 1, rec(1)))
	err := l.Append(t.Context(), "api/stg", 3, rec(3))
	require.EqualError(t, err, "filelog: append "+filepath.Join(dir, "api/stg.jsonl")+
		" line 3: the stream holds 1 records, so the next is number 2, not 3: log sequence number is not the next one")
	var e *filelog.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, uint64(3), e.Line)
}

// A line that no Log wrote is an error with its number, not memory without end.
func TestForeignLine(t *testing.T) {
	dir := t.TempDir()
	text := "{\"n\":1}\n" + strings.Repeat("x", deploy.MaxRecord+1) + "\n{\"n\":3}\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.jsonl"), []byte(text), 0o600))
	got, err := read(newLog(t, dir), "a", 1)
	require.Equal(t, []string{`{"n":1}`}, got)
	require.ErrorContains(t, err, "line 2")
	_, err = read(newLog(t, dir), "a", 3)
	require.ErrorContains(t, err, "line 2")
}

func TestContextWhileAnotherHoldsTheFile(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, newLog(t, dir).Append(t.Context(), "a", 1, rec(1)))
	release := holdLock(t, filepath.Join(dir, "a.jsonl"))
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := make(chan error)
	go func() { failed <- newLog(t, dir).Append(ctx, "a", 2, rec(2)) }()
	cancel(context.DeadlineExceeded)
	require.ErrorIs(t, <-failed, context.DeadlineExceeded)
	release()
	require.NoError(t, newLog(t, dir).Append(t.Context(), "a", 2, rec(2)))
}
