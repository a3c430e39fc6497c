package filelog_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/internal/durable"
)

// holdLock locks a file as another process would, until the function returned
// is called.
func holdLock(t *testing.T, name string) func() {
	t.Helper()
	f, err := durable.OpenLocked(context.Background(), name, os.O_RDONLY, 0, durable.Exclusive)
	require.NoError(t, err)
	return func() { require.NoError(t, f.Close()) }
}

// tails are what a power cut may leave of a record.
func tails() [][]byte {
	last := []byte("{\"n\":2,\"text\":\"something\"}\n")
	var list [][]byte
	for cut := 1; cut < len(last); cut++ {
		zeroed := append(append([]byte{}, last[:cut]...), make([]byte, len(last)-cut)...)
		holed := append(make([]byte, cut), last[cut:]...)
		list = append(list, last[:cut], zeroed, holed)
	}
	return append(list, make([]byte, 100), bytes.Repeat([]byte{0}, 1<<17))
}

func TestTorn(t *testing.T) {
	for _, whole := range []int{0, 1, 3} {
		for _, tail := range tails() {
			checkTorn(t, whole, tail)
		}
	}
}

// checkTorn damages a stream of n records with tail, reads it and goes on.
func checkTorn(t *testing.T, n int, tail []byte) {
	t.Helper()
	dir := t.TempDir()
	var text []byte
	want := []string(nil)
	for i := 1; i <= n; i++ {
		text = append(append(text, rec(i)...), '\n')
		want = append(want, string(rec(i)))
	}
	name := filepath.Join(dir, "a.jsonl")
	require.NoError(t, os.WriteFile(name, append(text, tail...), 0o600))
	l, err := filelog.NewOn(dir, unsynced{}) // TestPowerCut has the syncs
	require.NoError(t, err)
	for range 2 {
		got, err := read(l, "a", 1)
		require.Equal(t, want, got, "%q", tail)
		require.ErrorIs(t, err, deploy.ErrTorn)
		require.ErrorContains(t, err, name)
	}
	_, err = read(l, "a", uint64(n+1))
	require.ErrorIs(t, err, deploy.ErrTorn)
	require.ErrorIs(t, l.Append(t.Context(), "a", uint64(n+2), rec(0)), deploy.ErrConflict)
	require.NoFileExists(t, filepath.Join(dir, "a.torn-1"), "a refused record changes nothing")

	require.NoError(t, l.Append(t.Context(), "a", uint64(n+1), rec(9)))
	got, err := read(l, "a", 1)
	require.NoError(t, err)
	require.Equal(t, append(want, string(rec(9))), got)
	aside, err := os.ReadFile(filepath.Join(dir, "a.torn-1"))
	require.NoError(t, err)
	require.Equal(t, tail, aside)
}

func TestTornAgain(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.jsonl")
	l := newLog(t, dir)
	for n := 1; n <= 3; n++ {
		require.NoError(t, l.Append(t.Context(), "a", uint64(n), rec(n)))
		f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.Write([]byte("{"))
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	require.NoError(t, l.Append(t.Context(), "a", 4, rec(4)))
	for _, aside := range []string{"a.torn-1", "a.torn-2", "a.torn-3"} {
		require.FileExists(t, filepath.Join(dir, aside))
	}
	got, err := read(l, "a", 1)
	require.NoError(t, err)
	require.Len(t, got, 4)
}

// A last line damaged otherwise was acknowledged: it stays for the hash chain.
func TestEditedLastLineIsNotTorn(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.jsonl"), []byte("{\"n\":1}\n{\"n\"}:2\n"), 0o600))
	l := newLog(t, dir)
	got, err := read(l, "a", 1)
	require.NoError(t, err)
	require.Equal(t, []string{`{"n":1}`, `{"n"}:2`}, got)
	require.ErrorIs(t, l.Append(t.Context(), "a", 2, rec(2)), deploy.ErrConflict)
}
