//go:build unix

package localexec_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy/executor/localexec"
)

func TestLeftoverIsReported(t *testing.T) {
	res, err := newExecutor(t, nil).Run(t.Context(), sh(`sleep 60 & echo done`))
	require.ErrorIs(t, err, localexec.ErrLeftover)
	require.Equal(t, 0, res.Exit)
	require.Equal(t, "done\n", string(res.Stdout))
}

func TestRestThatEndsByItselfIsNoFault(t *testing.T) {
	res, err := newExecutor(t, nil).Run(t.Context(), sh(`(sleep 0.1; echo late) & echo early`))
	require.NoError(t, err)
	require.Equal(t, "early\nlate\n", string(res.Stdout))
}

type failingReader struct{ after io.Reader }

var errReader = errors.New("input is gone")

func (f failingReader) Read(p []byte) (int, error) {
	if n, err := f.after.Read(p); err == nil {
		return n, nil
	}
	return 0, errReader
}

// A command must not take the part of an input that could be read for all.
func TestStdinThatFailsEndsTheCommand(t *testing.T) {
	cmd := sh(`cat; echo "took it"`)
	cmd.Stdin = failingReader{after: strings.NewReader("half\n")}
	res, err := newExecutor(t, nil).Run(t.Context(), cmd)
	require.ErrorIs(t, err, errReader)
	require.ErrorContains(t, err, "Stdin")
	require.Equal(t, "terminated", res.Signal)
	require.NotContains(t, string(res.Stdout), "took it")
}

type panicking struct{}

func (panicking) Write([]byte) (int, error) { panic("no such writer") }
func (panicking) Read([]byte) (int, error)  { panic("no such reader") }

func TestPanicsBecomeErrors(t *testing.T) {
	ex := newExecutor(t, nil)
	cmd := sh(`echo one; echo two >&2`)
	cmd.Stdout = panicking{}
	res, err := ex.Run(t.Context(), cmd)
	require.ErrorContains(t, err, "Stdout: panic: no such writer")
	require.Equal(t, "two\n", string(res.Stderr))

	cmd = sh(`cat; echo "took it"`)
	cmd.Stdin = panicking{}
	_, err = ex.Run(t.Context(), cmd)
	require.ErrorContains(t, err, "Stdin: panic: no such reader")
}

// hanging blocks in its first Write and counts the calls.
type hanging struct {
	calls    atomic.Int32
	entered  chan struct{}
	released chan struct{}
	returned chan struct{}
}

func (h *hanging) Write(p []byte) (int, error) {
	if h.calls.Add(1) == 1 {
		close(h.entered)
		<-h.released
		defer close(h.returned)
	}
	return len(p), nil
}

func TestHangingWriterIsGivenUpWithCtx(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	w := &hanging{entered: make(chan struct{}), released: make(chan struct{}), returned: make(chan struct{})}
	go func() {
		<-w.entered
		cancel(stop)
	}()
	cmd := sh(`while :; do echo "a line of output"; echo another >&2; done`)
	cmd.Stdout, cmd.Stderr = w, w
	_, err := newExecutor(t, nil).Run(ctx, cmd)
	require.ErrorIs(t, err, stop)
	require.ErrorContains(t, err, "its Writer has not returned")
	close(w.released)
	<-w.returned
	require.EqualValues(t, 1, w.calls.Load(), "nothing is written once Run has returned")
}

// Who writes slowly gets everything all the same: the time that the pump
// spends in a Writer does not count as silence.
func TestSlowWriterLosesNothing(t *testing.T) {
	ended := make(chan struct{})
	var out strings.Builder
	first := true
	cmd := sh(`echo first; read -r x; head -c 50000 /dev/zero | tr '\0' o; echo last >&2`)
	cmd.Stdin = readerFunc(func([]byte) (int, error) { <-ended; return 0, io.EOF })
	cmd.Stdout = writerFunc(func(p []byte) (int, error) {
		if first {
			first = false
			close(ended)
		}
		return out.Write(p)
	})
	_, err := newExecutor(t, nil).Run(t.Context(), cmd)
	require.NoError(t, err)
	require.Len(t, out.String(), len("first\n")+50000)
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
