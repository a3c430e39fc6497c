package execlog_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/execlog"
)

// fill appends records first to last.
func fill(t *testing.T, l deploy.Log, first, last int) {
	t.Helper()
	for n := first; n <= last; n++ {
		require.NoError(t, l.Append(t.Context(), "a", uint64(n), rec(n)))
	}
}

// texts are records first to last as Read gives them.
func texts(first, last int) (list []string) {
	for n := first; n <= last; n++ {
		list = append(list, string(rec(n)))
	}
	return list
}

// A writer that stood still between the look at the stream and its record,
// until others had its number and it was pruned, does not get it.
func TestAWriterThatSleptUntilItsNumberWasPruned(t *testing.T) {
	for _, first := range []int{1, 5} {
		dir := t.TempDir()
		l := newLog(t, host(t), dir)
		fill(t, l, 1, first-1)
		slept := false
		ex := &changing{Executor: host(t), stdin: func(r io.Reader) io.Reader {
			return readerFunc(func(p []byte) (int, error) {
				if !slept {
					slept = true
					fill(t, l, first, 10)
					require.NoError(t, l.Prune(t.Context(), "a", 9))
				}
				return r.Read(p)
			})
		}}
		sleeper := newLog(t, ex, dir)
		require.ErrorIs(t, sleeper.Append(t.Context(), "a", uint64(first), rec(0)), deploy.ErrConflict)
		require.True(t, slept)
		got, err := read(l, "a", 1)
		require.NoError(t, err)
		require.Equal(t, texts(9, 10), got)
		names, err := filepath.Glob(filepath.Join(dir, "a", "@", "*"))
		require.NoError(t, err)
		require.Len(t, names, 3, "two records and the folder that says which is the first: %q", names)
	}
}

// What a killed Prune leaves behind is not read, and the next one removes it;
// so is the record of a writer that was killed just when it found out that it
// came too late.
func TestWhatAKilledPruneLeaves(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, host(t), dir)
	fill(t, l, 1, 12)
	records := filepath.Join(dir, "a", "@")
	require.NoError(t, os.Mkdir(filepath.Join(records, "first"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(records, "first", "9"), nil, 0o600))
	require.NoError(t, os.Remove(filepath.Join(records, "2")))
	require.NoError(t, os.Remove(filepath.Join(records, "7")))
	for from, want := range map[uint64][]string{1: texts(9, 12), 7: texts(9, 12), 10: texts(10, 12)} {
		got, err := read(l, "a", from)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, seq := range []uint64{1, 2, 3, 7, 8} {
		err := l.Append(t.Context(), "a", seq, rec(0))
		require.ErrorIs(t, err, deploy.ErrConflict)
		require.ErrorContains(t, err, "holds 12 records")
	}
	require.NoError(t, l.Prune(t.Context(), "a", 3), "it is pruned further")
	names, err := filepath.Glob(filepath.Join(records, "*"))
	require.NoError(t, err)
	require.Len(t, names, 5, "%q", names)
	require.NoError(t, l.Prune(t.Context(), "a", 11))
	for pattern, want := range map[string][]string{"*": {"11", "12", "first"}, "first/*": {"11"}} {
		names, err = filepath.Glob(filepath.Join(records, pattern))
		require.NoError(t, err)
		require.Equal(t, want, bases(names))
	}
	require.ErrorContains(t, l.Prune(t.Context(), "a", 13), "ends at record 12")
}

func bases(paths []string) (names []string) {
	for _, p := range paths {
		names = append(names, filepath.Base(p))
	}
	return names
}

// Records that go while they are sent are not taken for a gap.
func TestPruneInTheMiddleOfAnAnswer(t *testing.T) {
	for _, first := range []int{1, 3} {
		dir := t.TempDir()
		l := newLog(t, host(t), dir)
		fill(t, l, 1, 8)
		// The host lists the records, and they are gone when grep looks.
		tools := t.TempDir()
		script := fmt.Sprintf("#!/bin/sh\nmkdir %q/first && : >%q/first/6\nrm -f %q/[1-5]\nexec /usr/bin/env -u PATH PATH=/usr/local/bin:/usr/bin:/bin grep \"$@\"\n",
			filepath.Join(dir, "a", "@"), filepath.Join(dir, "a", "@"), filepath.Join(dir, "a", "@"))
		require.NoError(t, os.WriteFile(filepath.Join(tools, "grep"), []byte(script), 0o700))
		ex := deploy.ExecutorFunc(func(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
			cmd.Env["PATH"] = tools + ":" + cmd.Env["PATH"]
			return host(t).Run(ctx, cmd)
		})
		got, err := read(newLog(t, ex, dir), "a", uint64(first))
		require.ErrorIs(t, err, deploy.ErrPruned)
		require.Empty(t, got)
		got, err = read(l, "a", uint64(first))
		require.NoError(t, err)
		require.Equal(t, texts(6, 8), got)
	}
}

// That the first record is another one is durable before anything is removed,
// also where a Prune was killed between the two.
func TestPruneSyncsBeforeItRemoves(t *testing.T) {
	for _, killed := range []bool{false, true} {
		dir, tools := t.TempDir(), t.TempDir()
		l := newLog(t, host(t), dir)
		fill(t, l, 1, 8)
		records, calls := filepath.Join(dir, "a", "@"), filepath.Join(tools, "calls")
		if killed {
			require.NoError(t, os.Mkdir(filepath.Join(records, "first"), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(records, "first", "6"), nil, 0o600))
		}
		for _, name := range []string{"sync", "rm"} {
			script := fmt.Sprintf("#!/bin/sh\necho %s \"$1\" >>%q\nPATH=/usr/local/bin:/usr/bin:/bin exec %s \"$@\"\n", name, calls, name)
			require.NoError(t, os.WriteFile(filepath.Join(tools, name), []byte(script), 0o700))
		}
		ex := deploy.ExecutorFunc(func(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
			cmd.Env["PATH"] = tools + ":" + cmd.Env["PATH"]
			return host(t).Run(ctx, cmd)
		})
		require.NoError(t, newLog(t, ex, dir).Prune(t.Context(), "a", 6))
		text, err := os.ReadFile(calls)
		require.NoError(t, err)
		require.Equal(t, "sync "+records+"/first\nsync "+records+"\nrm -f\nsync .\n", string(text))
		got, err := read(l, "a", 1)
		require.NoError(t, err)
		require.Equal(t, texts(6, 8), got)
	}
}

// A record that somebody removed is not passed over.
func TestARecordThatIsMissing(t *testing.T) {
	answer := "\x001\n1:{\"n\":1}\n3:{\"n\":3}\n\x003\n"
	ex := deploy.ExecutorFunc(func(_ context.Context, cmd deploy.Command) (deploy.Result, error) {
		_, err := io.Copy(cmd.Stdout, strings.NewReader(answer))
		return deploy.Result{}, err
	})
	l, err := execlog.New(ex, "/log", nil)
	require.NoError(t, err)
	got, err := read(l, "a", 1)
	require.ErrorContains(t, err, "record 2 was not sent")
	require.False(t, errors.Is(err, deploy.ErrPruned))
	require.Equal(t, texts(1, 1), got)
}
