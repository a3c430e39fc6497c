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
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/runlog/execlog"
	"github.com/masaruk/devops/deploy/runlogtest"
)

func host(t testing.TB) deploy.Executor {
	t.Helper()
	ex, err := localexec.New(nil)
	require.NoError(t, err)
	return ex
}

func newLog(t testing.TB, ex deploy.Executor, dir string) *execlog.Log {
	t.Helper()
	l, err := execlog.New(ex, dir, nil)
	require.NoError(t, err)
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
	dir := filepath.Join(t.TempDir(), "it's a $(log)")
	runlogtest.Run(t, func() (deploy.Log, error) { return execlog.New(host(t), dir, nil) })
}

func TestManyRecords(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, host(t), dir)
	require.NoError(t, l.Append(t.Context(), "a", 1, rec(1)))
	const count = 1234
	for n := 2; n <= count; n++ { // as Append would
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a", "@", fmt.Sprint(n)), append(rec(n), '\n'), 0o600))
	}
	got, err := read(l, "a", 1)
	require.NoError(t, err)
	require.Len(t, got, count)
	for i, r := range got {
		require.Equal(t, string(rec(i+1)), r)
	}
	got, err = read(l, "a", count)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.NoError(t, l.Append(t.Context(), "a", count+1, rec(count+1)))
	err = l.Append(t.Context(), "a", 7, rec(7))
	require.ErrorIs(t, err, deploy.ErrConflict)
	require.ErrorContains(t, err, "holds 1235 records")
}

// changing is an Executor with a fault.
type changing struct {
	deploy.Executor
	stdin  func(io.Reader) io.Reader
	stdout func(io.Writer) io.Writer
	after  error // returned in place of success
}

func (c *changing) Run(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
	if c.stdin != nil && cmd.Stdin != nil {
		cmd.Stdin = c.stdin(cmd.Stdin)
	}
	if c.stdout != nil && cmd.Stdout != nil {
		cmd.Stdout = c.stdout(cmd.Stdout)
	}
	res, err := c.Executor.Run(ctx, cmd)
	if err == nil {
		err = c.after
	}
	return res, err
}

// A record of which only the beginning arrives is not there.
func TestInputCutShort(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, host(t), dir)
	require.NoError(t, l.Append(t.Context(), "a", 1, rec(1)))
	for n := range int64(len(rec(2)) + 1) {
		short := newLog(t, &changing{Executor: host(t), stdin: func(r io.Reader) io.Reader { return io.LimitReader(r, n) }}, dir)
		require.ErrorContains(t, short.Append(t.Context(), "a", 2, rec(2)), "cut short")
	}
	got, err := read(l, "a", 1)
	require.NoError(t, err)
	require.Len(t, got, 1)
	names, err := filepath.Glob(filepath.Join(dir, "a", "@", "tmp-*"))
	require.NoError(t, err)
	require.Empty(t, names)
	require.NoError(t, l.Append(t.Context(), "a", 2, rec(2)))
}

// limited passes on so many bytes and drops the rest.
type limited struct {
	io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(l.left, len(p))
	l.left -= n
	if _, err := l.Writer.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// An answer of which only the beginning arrives is not taken for the stream.
func TestOutputCutShort(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, host(t), dir)
	whole := 0
	for n := 1; n <= 3; n++ {
		require.NoError(t, l.Append(t.Context(), "a", uint64(n), rec(n)))
		whole += len(rec(n)) + 1
	}
	const note = 3 // the first and the last line are a zero byte, a digit and a line feed
	whole += 3 * len("1:")
	for left := range note + whole + note {
		short := newLog(t, &changing{Executor: host(t), stdout: func(w io.Writer) io.Writer { return &limited{w, left} }}, dir)
		got, err := read(short, "a", 1)
		require.ErrorContains(t, err, "cut short", left)
		require.Len(t, got, max(0, left-note)/(len("1:")+len(rec(1))+1))
	}
}

// Where the answer is lost, Append says that it failed, and a Read shows that
// the record is there.
func TestLostAcknowledgement(t *testing.T) {
	dir, lost := t.TempDir(), errors.New("the connection broke")
	l := newLog(t, &changing{Executor: host(t), after: lost}, dir)
	err := l.Append(t.Context(), "a", 1, rec(1))
	require.ErrorIs(t, err, lost)
	require.NotErrorIs(t, err, deploy.ErrConflict)
	_, err = read(l, "a", 1)
	require.ErrorIs(t, err, lost)
	whole := newLog(t, host(t), dir)
	got, err := read(whole, "a", 1)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.ErrorIs(t, whole.Append(t.Context(), "a", 1, rec(1)), deploy.ErrConflict)
}

// The record of a failed Append is in no error, and no argument vector.
func TestRecordsStayInside(t *testing.T) {
	const canary = "correct-horse-battery"
	ex := deploy.ExecutorFunc(func(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
		require.NotContains(t, strings.Join(cmd.Argv, " "), canary)
		return host(t).Run(ctx, cmd)
	})
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), nil, 0o600)) // in the way
	l := newLog(t, ex, dir)
	err := l.Append(t.Context(), "a", 1, []byte(`"`+canary+`"`))
	require.Error(t, err)
	require.NotContains(t, err.Error(), canary)
	var exit *deploy.ExitError
	require.ErrorAs(t, err, &exit)
	require.NoError(t, l.Append(t.Context(), "b", 1, []byte(`"`+canary+`"`)))
	info, err := os.Stat(filepath.Join(dir, "b", "@", "1"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
}

func TestCancelledAppend(t *testing.T) {
	cause := errors.New("the test ended it")
	ctx, cancel := context.WithCancelCause(t.Context())
	r, w := io.Pipe()
	defer w.Close()
	ex := &changing{Executor: host(t), stdin: func(io.Reader) io.Reader {
		return io.MultiReader(strings.NewReader("{"), readerFunc(func(p []byte) (int, error) {
			cancel(cause)
			return r.Read(p) // never more
		}))
	}}
	l := newLog(t, ex, t.TempDir())
	require.ErrorIs(t, l.Append(ctx, "a", 1, rec(1)), cause)
	got, err := read(l, "a", 1)
	require.NoError(t, err)
	require.Empty(t, got)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestRefused(t *testing.T) {
	l := newLog(t, host(t), t.TempDir())
	for name, bad := range map[string][]byte{
		"empty": nil, "line feed": []byte("1\n2"), "zero": []byte("\"\x00\""),
		"too big": []byte(`"` + strings.Repeat("x", deploy.MaxRecord-1) + `"`),
	} {
		require.ErrorIs(t, l.Append(t.Context(), "a", 1, bad), deploy.ErrRecord, name)
	}
	_, err := execlog.New(nil, "/log", nil)
	require.ErrorContains(t, err, "Executor")
	for _, dir := range []string{"", "log", "/", "/.", "-x"} {
		_, err := execlog.New(host(t), dir, nil)
		require.ErrorContains(t, err, "absolute path", dir)
	}
}
