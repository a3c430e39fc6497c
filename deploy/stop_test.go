package deploy_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// TestStopTurnsBackBeforeTheNextStep and lets the one that runs come to its
// end.
func TestStopTurnsBackBeforeTheNextStep(t *testing.T) {
	var did []string
	stop := make(chan struct{})
	p := three(&did)
	p.Steps[1].Do.(*effect).fn = func(ctx context.Context, _ *deploy.Call) error {
		close(stop)
		return context.Cause(ctx)
	}
	log := newMemLog()
	rep, err := newRunner(t, log, &deploy.Options{Stop: stop}).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrStopped)
	require.Equal(t, deploy.Undone, rep.Outcome)
	require.Equal(t, []string{"do a", "do b", "undo b", "undo a"}, did)
	require.Contains(t, rep.Reason, "told to stop")
	require.Equal(t, deploy.Succeeded, rep.Steps[1].Outcome)
}

func TestStopAfterTheLastStepChangesNothing(t *testing.T) {
	var did []string
	stop := make(chan struct{})
	p := three(&did)
	p.Steps[2].Do.(*effect).fn = func(context.Context, *deploy.Call) error { close(stop); return nil }
	rep, err := newRunner(t, newMemLog(), &deploy.Options{Stop: stop}).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
}

// TestStopEndsTheWaitForAnotherAttempt, of which there is none.
func TestStopEndsTheWaitForAnotherAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		stop := make(chan struct{})
		p := three(&did)
		p.Steps[1].InFlight, p.Steps[1].Retry = deploy.Repeat, deploy.Retry{Max: 5, Wait: time.Hour}
		p.Steps[1].Do.(*effect).fn = fails("not yet")
		go func() {
			synctest.Wait()
			close(stop)
		}()
		began := time.Now()
		rep, err := newRunner(t, newMemLog(), &deploy.Options{Stop: stop}).Run(t.Context(), "r1", p)
		require.ErrorContains(t, err, "not yet")
		require.Equal(t, deploy.Undone, rep.Outcome)
		require.Less(t, time.Since(began), time.Minute)
		require.Equal(t, []string{"do a", "do b", "undo b", "undo a"}, did)
	})
}

// TestTheGraceEnds with a run that can be continued.
func TestTheGraceEnds(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			var did []string
			log, stop := newMemLog(), make(chan struct{})
			p := three(&did)
			p.Steps[1].InFlight = deploy.Repeat
			p.Steps[1].Do.(*effect).fn = func(ctx context.Context, _ *deploy.Call) error {
				close(stop)
				<-ctx.Done()
				return context.Cause(ctx)
			}
			began := time.Now()
			rep, err := newRunner(t, log, &deploy.Options{Stop: stop, Grace: grace}).Run(t.Context(), "r1", p)
			require.ErrorContains(t, err, "grace of")
			require.Equal(t, deploy.Interrupted, rep.Outcome)
			require.Equal(t, max(grace, 30*time.Second), max(time.Since(began), 30*time.Second))
			require.Equal(t, []string{"do a", "do b"}, did)

			p.Steps[1].Do.(*effect).fn = nil
			rep, err = newRunner(t, log, nil).Run(t.Context(), "r1", p)
			require.NoError(t, err)
			require.Equal(t, deploy.Succeeded, rep.Outcome)
		})
	}
}

// TestAGraceWithoutBound waits for whatever runs.
func TestAGraceWithoutBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		stop := make(chan struct{})
		p := three(&did)
		p.Steps[1].Do.(*effect).fn = func(ctx context.Context, _ *deploy.Call) error {
			close(stop)
			time.Sleep(24 * time.Hour)
			return context.Cause(ctx)
		}
		rep, err := newRunner(t, newMemLog(), &deploy.Options{Stop: stop, Grace: -1}).Run(t.Context(), "r1", p)
		require.ErrorIs(t, err, deploy.ErrStopped)
		require.Equal(t, deploy.Undone, rep.Outcome)
	})
}

// TestARunThatIsToldToEndBeforeItIsContinued has a report all the same.
func TestARunThatIsToldToEndBeforeItIsContinued(t *testing.T) {
	var did []string
	log, p := newMemLog(), three(&did)
	ctx, cancel := context.WithCancel(t.Context())
	p.Steps[1].Do.(*effect).fn = func(context.Context, *deploy.Call) error { cancel(); return context.Cause(ctx) }
	first, err := newRunner(t, log, nil).Run(ctx, "r1", p)
	require.ErrorIs(t, err, context.Canceled)
	records := len(log.streams["dev/api"])

	rep, err := newRunner(t, log, nil).Run(ctx, "r1", p)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, deploy.Interrupted, rep.Outcome)
	require.Equal(t, first.Steps, rep.Steps)
	require.Len(t, log.streams["dev/api"], records)
	rep, err = newRunner(t, newMemLog(), nil).Run(ctx, "r1", p)
	require.ErrorIs(t, err, context.Canceled)
	require.Nil(t, rep, "no such run")
}

// TestSignals sends them to a process of its own.
func TestSignals(t *testing.T) {
	if os.Getenv("DEVOPS_TEST_SIGNALS") != "" {
		signalled()
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSignals$")
	cmd.Env = append(os.Environ(), "DEVOPS_TEST_SIGNALS=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	next := func() string {
		require.True(t, lines.Scan(), "the process ended")
		return lines.Text()
	}
	require.Equal(t, "ready", next())
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, "stop", next())
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Equal(t, "second signal: interrupt", next())
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	err = cmd.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, syscall.SIGTERM, exit.Sys().(syscall.WaitStatus).Signal(), "after release a signal ends the program")
}

func signalled() {
	ctx, stop, release := deploy.Signals(context.Background())
	os.Stdout.WriteString("ready\n")
	<-stop
	os.Stdout.WriteString("stop\n")
	<-ctx.Done()
	release()
	release()
	os.Stdout.WriteString(context.Cause(ctx).Error() + "\n")
	select {}
}

func TestReleaseEndsTheContext(t *testing.T) {
	ctx, stop, release := deploy.Signals(t.Context())
	release()
	require.True(t, errors.Is(context.Cause(ctx), context.Canceled))
	select {
	case <-stop:
		t.Fatal("told to stop")
	default:
	}
}
