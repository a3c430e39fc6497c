package approval_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy/approval"
)

func TestAtATerminalThePlanIsShownAndTheEnvironmentTyped(t *testing.T) {
	co := newCompany(t, newMemory(), nil)
	co.note = "clear\x1b[2Jscreen \u202eesrever"
	r := co.leave("r1")
	require.NoError(t, co.vote(r, approval.Ballot{By: ben, Verdict: approval.Approve, Comment: "from\x1b[31mbelow"}))
	ref := co.ref()
	ref.Run = "r1"
	ask := func(who approval.Identity, typed string) (string, error) {
		var out strings.Builder
		_, err := co.desk.Ask(t.Context(), ref, "", who, strings.NewReader(typed), &out)
		return out.String(), err
	}
	out, err := ask(cleo, "approve\nstg \nship it\n")
	require.NoError(t, err)
	require.Contains(t, out, r.Plan.Digest())
	require.Contains(t, out, "started by ada@example.com")
	require.Contains(t, out, "You are Cleo (cleo@example.com).")
	require.Contains(t, out, "The request is approved.")
	require.NotContains(t, out, "\x1b", "nothing in a plan or comment moves the cursor")
	require.NotContains(t, out, "\u202e")
	e := co.outcome("r1")
	require.NoError(t, e.err)
	require.Equal(t, "ship it", passed(t, e.rep).By[1].Comment)
	require.Equal(t, "terminal", passed(t, e.rep).By[1].Via)
}

func TestAtATerminalNothingIsRecordedUnlessConfirmed(t *testing.T) {
	co := newCompany(t, newMemory(), nil)
	co.leave("r1")
	ref := co.ref()
	ref.Run = "r1"
	for typed, want := range map[string]error{
		"":                        io.ErrUnexpectedEOF,
		"approve":                 io.ErrUnexpectedEOF,
		"approve\n":               io.ErrUnexpectedEOF,
		"approve\nstg\n":          io.ErrUnexpectedEOF,
		"yes\nstg\n\n":            approval.ErrNotConfirmed,
		"approve\nproduction\n\n": approval.ErrNotConfirmed,
		"approve\nStg\n\n":        approval.ErrNotConfirmed,
		"approve\n\n\n":           approval.ErrNotConfirmed,
	} {
		_, err := co.desk.Ask(t.Context(), ref, "approve", ben, strings.NewReader(typed), io.Discard)
		require.ErrorIs(t, err, want, "%q", typed)
	}
	good := "approve\nstg\n\n"
	_, err := co.desk.Ask(t.Context(), ref, "other", ben, strings.NewReader(good), io.Discard)
	require.ErrorIs(t, err, errNotExist)
	_, err = co.desk.Ask(t.Context(), ref, "", ada, strings.NewReader(good), io.Discard)
	require.ErrorIs(t, err, approval.ErrSelf)
	_, err = co.desk.Ask(t.Context(), ref, "", ben, strings.NewReader(good), brokenPipe{})
	require.ErrorIs(t, err, errPipe, "who saw nothing approves nothing")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err = co.desk.Ask(ctx, ref, "", ben, cancels{cancel, strings.NewReader(good)}, io.Discard)
	require.ErrorIs(t, err, errKilled)
	require.Empty(t, bodies(t, co.log, co.stream(), "voted"))
	_, err = co.desk.Ask(t.Context(), ref, "", ben, strings.NewReader("Refuse\nno\n"), io.Discard)
	require.NoError(t, err)
	require.ErrorIs(t, co.outcome("r1").err, approval.ErrRefused)
}

var errPipe = errors.New("broken pipe")

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errPipe }

// cancels ends the context once it is read.
type cancels struct {
	cancel context.CancelCauseFunc
	in     io.Reader
}

func (c cancels) Read(p []byte) (int, error) { c.cancel(errKilled); return c.in.Read(p) }
