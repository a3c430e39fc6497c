package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// once returns a hook for memLog.before that calls f the first time that a
// record holds all of the texts, just before it is stored.
func once(log *memLog, f func(), texts ...string) {
	log.before = func(_ string, _ uint64, rec []byte) error {
		for _, text := range texts {
			if !strings.Contains(string(rec), text) {
				return nil
			}
		}
		log.before = nil
		f()
		return nil
	}
}

// waitingLog is one controller's view of a shared log: it waits at the first
// record of a kind.
type waitingLog struct {
	*memLog
	kind string
	wait func()
	once sync.Once
}

func (l *waitingLog) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	if strings.Contains(string(rec), `"kind":"`+l.kind+`"`) {
		l.once.Do(l.wait)
	}
	return l.memLog.Append(ctx, stream, seq, rec)
}

// finishLate lets act read the log while a run is about to append its last
// record, and append its own, of the given kind, behind that.
func finishLate(t *testing.T, kind string, act func(r *deploy.Runner, p deploy.Plan) error) (deploy.Plan, *memLog, error) {
	t.Helper()
	var did []string
	log := newMemLog()
	p := three(&did)
	reached, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	first := newRunner(t, &waitingLog{memLog: log, kind: "finished", wait: func() { close(reached); <-goOn }}, nil)
	go func() {
		_, err := first.Run(context.WithoutCancel(t.Context()), "r1", p)
		ended <- err
	}()
	<-reached
	second := &waitingLog{memLog: log, kind: kind, wait: func() { close(goOn); require.NoError(t, <-ended) }}
	err := act(newRunner(t, second, nil), p)
	return p, log, err
}

func TestADecisionThatComesTooLateIsRefusedAndTheLogStaysReadable(t *testing.T) {
	p, log, err := finishLate(t, "decided", func(r *deploy.Runner, p deploy.Plan) error {
		return r.Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerUndo, By: "ada"})
	})
	require.Error(t, err)
	rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
	_, err = newRunner(t, log, nil).Run(t.Context(), "r2", p)
	require.NoError(t, err, "the next run")
}

func TestAControllerThatComesTooLateLeavesTheLogReadable(t *testing.T) {
	p, log, _ := finishLate(t, "continued", func(r *deploy.Runner, p deploy.Plan) error {
		_, err := r.Run(t.Context(), "r1", p)
		return err
	})
	_, err := newRunner(t, log, nil).Run(t.Context(), "r2", p)
	require.NoError(t, err, "the next run")
}

// TestAFailedStepIsNotStartedAgain: the program dies, or the log does, between
// the outcome of a step that failed and the record that turns the run back.
func TestAFailedStepIsNotStartedAgain(t *testing.T) {
	for name, stop := range map[string]func(log *memLog, cancel func()){
		"crash": func(log *memLog, _ func()) { crashAt(log, 3) }, // started, intent, outcome
		"cancel": func(log *memLog, cancel func()) {
			once(log, cancel, `"kind":"outcome"`, `"outcome":"failed"`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var did []string
			log := newMemLog()
			p := three(&did)
			p.Steps[0].InFlight = deploy.Ask
			p.Steps[0].Do = &effect{Name: "do a", did: &did, fn: fails("declined")}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stop(log, cancel)
			_, err := newRunner(t, log, nil).Run(ctx, "r1", p)
			require.Error(t, err)
			log.before = nil
			rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
			require.ErrorContains(t, err, "declined")
			require.Equal(t, deploy.Undone, rep.Outcome)
			require.Equal(t, []string{"do a", "undo a"}, did)
		})
	}
}

// TestAnAmbiguousAppendAndATakeoverStopTheEffect: the intent is stored, the
// answer is lost, and another controller takes over before the first looks.
func TestAnAmbiguousAppendAndATakeoverStopTheEffect(t *testing.T) {
	var did []string
	inner := newMemLog()
	p := three(&did)
	p.Steps[0].InFlight = deploy.Ask
	lost := &lostAnswer{memLog: inner}
	lost.meanwhile = func() {
		_, err := newRunner(t, inner, nil).Run(t.Context(), "r1", p)
		require.ErrorIs(t, err, deploy.ErrHeld)
	}
	_, err := newRunner(t, lost, nil).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrConflict)
	require.Empty(t, did)
}

// lostAnswer stores the first intent and loses the answer.
type lostAnswer struct {
	*memLog
	meanwhile func()
}

func (l *lostAnswer) Append(ctx context.Context, stream string, seq uint64, rec []byte) error {
	err := l.memLog.Append(ctx, stream, seq, rec)
	if f := l.meanwhile; f != nil && strings.Contains(string(rec), `"kind":"intent"`) {
		l.meanwhile = nil
		f()
		return errors.New("connection reset after the write")
	}
	return err
}

// TestALogThatAlwaysConflictsDoesNotHangTheRun: nothing else is in the log.
func TestALogThatAlwaysConflictsDoesNotHangTheRun(t *testing.T) {
	var did []string
	log := newMemLog()
	tries := 0
	log.before = func(string, uint64, []byte) error {
		if tries++; tries > 1000 {
			return errCrash
		}
		return fmt.Errorf("spurious: %w", deploy.ErrConflict)
	}
	_, err := newRunner(t, log, nil).Run(t.Context(), "r1", three(&did))
	require.ErrorIs(t, err, deploy.ErrConflict)
	require.LessOrEqual(t, tries, 100)
	require.Empty(t, did)
}

// TestNoStepStartsAfterADecisionToUndo: the decision comes between two steps.
func TestNoStepStartsAfterADecisionToUndo(t *testing.T) {
	for name, c := range map[string]struct{ before, want []string }{
		"next step":   {[]string{`"kind":"intent"`, `"step":"c"`}, []string{"do a", "do b", "undo b", "undo a"}},
		"end of run":  {[]string{`"kind":"finished"`}, []string{"do a", "do b", "do c", "undo c", "undo b", "undo a"}},
		"first step":  {[]string{`"kind":"intent"`, `"step":"a"`}, nil},
		"while it is": {[]string{`"kind":"outcome"`, `"step":"b"`}, []string{"do a", "do b", "undo b", "undo a"}},
	} {
		t.Run(name, func(t *testing.T) {
			var did []string
			log := newMemLog()
			p := three(&did)
			r := newRunner(t, log, nil)
			once(log, func() {
				require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerUndo, By: "ada"}))
			}, c.before...)
			rep, err := r.Run(t.Context(), "r1", p)
			require.ErrorContains(t, err, "undone by decision of ada")
			require.Equal(t, deploy.Undone, rep.Outcome)
			require.Equal(t, c.want, did)
		})
	}
}

func TestCancelInEachPhaseKeepsItsCause(t *testing.T) {
	stop := errors.New("SIGTERM")
	for name, texts := range map[string][]string{
		"started": {`"kind":"started"`}, "intent": {`"kind":"intent"`, `"step":"b"`}, "outcome": {`"kind":"outcome"`, `"step":"b"`},
		"undo": {`"kind":"undo"`}, "intent of undo": {`"kind":"intent"`, `"phase":"undo"`}, "outcome of undo": {`"kind":"outcome"`, `"phase":"undo"`},
	} {
		t.Run(name, func(t *testing.T) {
			var did []string
			log := newMemLog()
			p := three(&did)
			p.Steps[2].Do = &effect{Name: "do c", did: &did, fn: fails("first cause")}
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			once(log, func() { cancel(stop) }, texts...)
			rep, err := newRunner(t, log, nil).Run(ctx, "r1", p)
			require.ErrorIs(t, err, stop)
			require.Equal(t, deploy.Interrupted, rep.Outcome)
			rep, err = newRunner(t, log, nil).Run(t.Context(), "r1", p)
			require.ErrorContains(t, err, "first cause")
			require.Equal(t, deploy.Undone, rep.Outcome)
			require.Equal(t, "undo a", did[len(did)-1])
		})
	}
}

func TestCancelDuringTheRetryPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		log := newMemLog()
		stop := errors.New("SIGTERM")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		p := three(&did)
		p.Steps[0].Retry = deploy.Retry{Max: 3, Wait: time.Hour}
		p.Steps[0].Do = &effect{Name: "do a", did: &did, fn: fails("not yet")}
		time.AfterFunc(90*time.Minute, func() { cancel(stop) })
		start := time.Now()
		rep, err := newRunner(t, log, nil).Run(ctx, "r1", p)
		require.ErrorIs(t, err, stop)
		require.Equal(t, 90*time.Minute, time.Since(start))
		require.Equal(t, deploy.Interrupted, rep.Outcome)
		require.Equal(t, []string{"do a", "do a"}, did)
		p.Steps[0].Do = &effect{Name: "do a", did: &did}
		rep, err = newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.NoError(t, err, "attempts are left")
		require.Equal(t, 3, rep.Steps[0].Attempts)
	})
}

// TestTheCauseIsKeptWhenAStepFailsJustBefore: the context ends between the
// failure of a step and what follows it.
func TestTheCauseIsKeptWhenAStepFailsJustBefore(t *testing.T) {
	for _, retries := range []int{0, 1} {
		var did []string
		log := newMemLog()
		stop := errors.New("SIGTERM")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		p := three(&did)
		p.Steps[0].Retry.Max = retries
		p.Steps[0].Do = &effect{Name: "do a", did: &did, fn: fails("declined")}
		once(log, func() { cancel(stop) }, `"kind":"outcome"`, `"outcome":"failed"`)
		_, err := newRunner(t, log, nil).Run(ctx, "r1", p)
		require.ErrorContains(t, err, "declined")
		require.ErrorIs(t, err, stop, "retries: %d", retries)
	}
}

func TestACancelledContextBeginsNothing(t *testing.T) {
	var did []string
	log := newMemLog()
	stop := errors.New("SIGTERM")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	rep, err := newRunner(t, log, nil).Run(ctx, "r1", three(&did))
	require.ErrorIs(t, err, stop)
	require.Nil(t, rep)
	require.Empty(t, log.streams["dev/api"])
}
