package executortest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/masaruk/devops/deploy"
)

var errStop = errors.New("executortest: stop")

func cancelledBefore(ctx context.Context, h *host) error {
	ctx, cancel := context.WithCancelCause(ctx)
	cancel(errStop)
	r, err := h.run(ctx, sh("echo ran"))
	if err != nil {
		return err
	}
	if r.stdout != "" || string(r.res.Stdout) != "" {
		return errors.New("ctx had ended before and the command was run")
	}
	return wantCause(r.err)
}

func wantCause(err error) error {
	if !errors.Is(err, errStop) {
		return fmt.Errorf("ctx ended and Run returned %v, which does not wrap context.Cause", err)
	}
	return nil
}

// cancelled runs cmd, ends its ctx when it has printed n lines, and returns
// these and what Run did.
func (h *host) cancelled(ctx context.Context, cmd deploy.Command, n int) (lines []string, r ran, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var out buffer
	cmd.Stdout = &out
	done := h.begin(ctx, cmd)
	lines, err = out.lines(n, h.limit)
	cancel(errStop)
	r, hung := h.wait(done, cmd)
	r.stdout = out.String()
	if err == nil {
		err = hung
	}
	return lines, r, err
}

const politeScript = `
trap 'wait; sleep 0.3; echo tidied; exit 0' TERM
sh -c 'trap "echo child tidied; exit 0" TERM; echo child ready; i=0; while [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done' &
while :; do sleep 0.1; done`

// politeSignal wants every process of the group to have the time that Grace
// gives it.
func politeSignal(ctx context.Context, h *host) error {
	cmd := sh(politeScript)
	cmd.Grace = h.limit
	_, r, err := h.cancelled(ctx, cmd, 1)
	if err != nil {
		return err
	}
	return errors.Join(wantCause(r.err), same("Stdout", r.stdout, "child ready\nchild tidied\ntidied\n"))
}

// groupEnded cancels groups that resist, each in another way.
func groupEnded(ctx context.Context, h *host) error {
	var bad []error
	for name, tc := range map[string]struct {
		script string
		lines  int
	}{
		"child and grandchild": {`echo $$; sh -c 'echo $$; sleep 60 & echo $!; wait' & wait`, 3},
		"group ignores TERM":   {`trap '' TERM; echo $$; sh -c 'echo $$; exec sleep 60' & wait; wait; sleep 60`, 2},
		"child ignores TERM":   {`echo $$; sh -c 'trap "" TERM; echo $$; exec sleep 60' & wait`, 2},
		"stopped":              {`echo $$; sh -c 'echo $$; kill -STOP $$' & wait`, 2},
	} {
		cmd := sh(tc.script)
		cmd.Grace = 300 * time.Millisecond
		pids, r, hung := h.cancelled(ctx, cmd, tc.lines)
		err := hung
		if hung == nil {
			err = wantCause(r.err)
		}
		if len(pids) > 0 {
			err = errors.Join(err, h.mustBeGone(ctx, pids...))
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", name, err))
		}
		if hung != nil {
			break // the others would hang as well
		}
	}
	return errors.Join(bad...)
}

// leftoversEnded does not ask for an error: whether processes left behind are
// a failure is for the executor to say.
func leftoversEnded(ctx context.Context, h *host) error {
	cmd := sh(`sh -c 'trap "" TERM; echo $$; exec sleep 60' & sleep 60 & echo $!; read -r x; exit 0`)
	cmd.Grace = 300 * time.Millisecond
	reader, finish := newGate()
	defer finish()
	var out buffer
	cmd.Stdin, cmd.Stdout = reader(), &out
	done := h.begin(ctx, cmd)
	pids, err := out.lines(2, h.limit)
	finish()
	r, hung := h.wait(done, cmd)
	if err = errors.Join(err, hung); err != nil {
		return errors.Join(err, h.mustBeGone(ctx, strings.Fields(out.String())...))
	}
	if r.res.Exit != 0 {
		err = fmt.Errorf("Result has Exit %d, not that of the command", r.res.Exit)
	}
	return errors.Join(err, h.mustBeGone(ctx, pids...))
}
