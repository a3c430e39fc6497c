package deploy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/internal/hashlog"
)

// decides returns an effect in which somebody else, by another Runner, decides
// about the run.
func decides(t *testing.T, log deploy.Log, ref deploy.Ref, answer deploy.Answer) func(context.Context, *deploy.Call) error {
	return func(ctx context.Context, _ *deploy.Call) error {
		return newRunner(t, log, nil).Decide(ctx, ref, "", deploy.Decision{Answer: answer, By: "ada", Comment: "look"})
	}
}

func decide(t *testing.T, log deploy.Log, ref deploy.Ref, answer deploy.Answer) {
	t.Helper()
	require.NoError(t, decides(t, log, ref, answer)(t.Context(), nil))
}

func TestAPausedRunStopsBeforeItsNextStep(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	ref := p.Ref("r1")
	p.Steps[1].Do.(*effect).fn = decides(t, log, ref, deploy.AnswerPause)
	var events []deploy.Event
	r := newRunner(t, log, &deploy.Options{Handle: func(e deploy.Event) { events = append(events, e) }})
	rep, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrHeld)
	require.Equal(t, deploy.Held, rep.Outcome)
	require.Equal(t, []string{"do a", "do b"}, did)
	var held *deploy.HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, "ada", held.Pause.By)
	for _, text := range []string{"api@dev run r1", "paused by ada on ", "(look)", "deploy.AnswerResume"} {
		require.ErrorContains(t, err, text)
	}
	var told int
	for _, e := range events {
		if paused, ok := e.(deploy.RunPaused); ok {
			told++
			require.Equal(t, *held.Pause, paused.Pause)
		}
	}
	require.Equal(t, 1, told)

	// Another program leaves it alone too, and takes it from nobody.
	records := len(log.streams["dev/api"])
	rep, err = newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrHeld)
	require.Equal(t, deploy.Held, rep.Outcome)
	require.Len(t, log.streams["dev/api"], records)
	require.ErrorContains(t, r.Decide(t.Context(), ref, "", deploy.Decision{Answer: deploy.AnswerPause, By: "ben"}), "paused by ada")
	require.ErrorContains(t, r.Decide(t.Context(), ref, "b", deploy.Decision{Answer: deploy.AnswerResume, By: "ben"}), `leave the step "b" out`)

	decide(t, log, ref, deploy.AnswerResume)
	require.ErrorContains(t, r.Decide(t.Context(), ref, "", deploy.Decision{Answer: deploy.AnswerResume, By: "ben"}), "it is not paused")
	rep, err = newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
	require.Equal(t, []string{"do a", "do b", "do c"}, did)
}

// TestAPauseHoldsTheWayBackToo, also where the step that ran then has failed,
// and a decision to undo ends the pause.
func TestAPauseHoldsTheWayBackToo(t *testing.T) {
	for _, on := range []deploy.Answer{deploy.AnswerResume, deploy.AnswerUndo} {
		var did []string
		log := newMemLog()
		p := three(&did)
		ref := p.Ref("r1")
		p.Steps[1].Undo.(*effect).fn = decides(t, log, ref, deploy.AnswerPause)
		p.Steps[2].Do.(*effect).fn = func(ctx context.Context, c *deploy.Call) error {
			return errors.Join(errors.New("no room"), decides(t, log, ref, deploy.AnswerPause)(ctx, c))
		}
		rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.ErrorIs(t, err, deploy.ErrHeld)
		require.ErrorContains(t, err, "no room")
		require.Equal(t, deploy.Held, rep.Outcome)
		require.Equal(t, []string{"do a", "do b", "do c"}, did)

		decide(t, log, ref, on)
		rep, err = newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.ErrorIs(t, err, deploy.ErrHeld)
		require.Equal(t, deploy.Held, rep.Outcome)
		require.Equal(t, []string{"undo c", "undo b"}, did[3:])

		decide(t, log, ref, on)
		rep, err = newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.ErrorContains(t, err, "no room")
		require.Equal(t, deploy.Undone, rep.Outcome)
		require.Equal(t, []string{"undo c", "undo b", "undo a"}, did[3:])
	}
}

// TestAPauseLetsWhatRunsEnd: one branch is told to pause while the other runs,
// and neither a step after them nor one that would be left out goes on.
func TestAPauseLetsWhatRunsEnd(t *testing.T) {
	var did []string
	log := newMemLog()
	paused, begun := make(chan struct{}), make(chan struct{})
	var ref deploy.Ref
	p := branches(&did,
		func(ctx context.Context) error {
			defer close(paused)
			<-begun // before it has, the pause would hold it back
			return decides(t, log, ref, deploy.AnswerPause)(ctx, nil)
		},
		func(context.Context) error { close(begun); <-paused; return nil })
	ref = p.Ref("r1")
	p.Steps[0].Provides = []string{"kind"}
	p.Steps[0].Do = &effect{Name: "first", did: &did, fn: func(_ context.Context, c *deploy.Call) error { return c.Provide("kind", "a") }}
	p.Steps = append(p.Steps, deploy.Step{
		Name: "left out", Needs: []string{"left"}, Binds: []string{"kind"}, When: &deploy.When{Output: "kind", Is: "b"},
		Do: &effect{Name: "left out", did: &did},
	})
	p.Steps[len(p.Steps)-1].Name = "left-out"
	rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrHeld)
	require.Equal(t, deploy.Held, rep.Outcome)
	require.ElementsMatch(t, []string{"first", "left", "right"}, did)
	for _, s := range rep.Steps {
		require.Equal(t, deploy.Succeeded, s.Outcome, s.Step)
	}
	require.Len(t, rep.Steps, 3)
}

// TestAPauseSurvivesTheProgram that is killed while it lasts.
func TestAPauseSurvivesTheProgram(t *testing.T) {
	dir := newServer(t)
	require.NoError(t, exec.Command("mkfifo", filepath.Join(dir, "gate")).Run())
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DEVOPS_TEST_CONTROLLER="+dir)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return ledger(t, dir)["begun"] == 1 }, time.Minute, 5*time.Millisecond)
	log, err := filelog.New(filepath.Join(dir, "log"), nil)
	require.NoError(t, err)
	ref := released(dir, false).Ref(deploy.RunID(runOf(dir)))
	decide(t, log, ref, deploy.AnswerPause)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())

	for range 2 {
		_, said := runController(t, dir, 0)
		require.Equal(t, string(deploy.Held), said["outcome"])
		require.Zero(t, ledger(t, dir)["build"])
	}
	require.NoError(t, os.Rename(filepath.Join(dir, "gate"), filepath.Join(dir, "no gate")))
	decide(t, log, ref, deploy.AnswerResume)
	_, said := runController(t, dir, 0)
	require.Equal(t, string(deploy.Succeeded), said["outcome"])
	require.Equal(t, 1, ledger(t, dir)["build"])
	require.Equal(t, 1, ledger(t, dir)["pay"])
}

// TestAnAbortStopsWhatMayBeRepeated within Options.Poll, and lets the rest come
// to its end.
func TestAnAbortStopsWhatMayBeRepeated(t *testing.T) {
	for poll, bound := range map[time.Duration]time.Duration{0: 5 * time.Second, time.Second: time.Second, -1: time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var did []string
			log := newMemLog()
			var repeatable, other time.Duration
			began := time.Now()
			waits := func(took *time.Duration) func(context.Context) error {
				return func(ctx context.Context) error {
					defer func() { *took = time.Since(began) }()
					select {
					case <-ctx.Done():
						return context.Cause(ctx)
					case <-time.After(time.Hour):
						return nil
					}
				}
			}
			p := branches(&did, waits(&repeatable), waits(&other))
			p.Steps[2].InFlight = deploy.Ask
			p.Steps[2].Undo = &effect{Name: "undo right", did: &did}
			go func() {
				time.Sleep(time.Millisecond)
				decide(t, log, p.Ref("r1"), deploy.AnswerUndo)
			}()
			rep, err := newRunner(t, log, &deploy.Options{Poll: poll}).Run(t.Context(), "r1", p)
			require.ErrorContains(t, err, "undone by decision of ada")
			require.Equal(t, deploy.Undone, rep.Outcome)
			require.LessOrEqual(t, repeatable, bound)
			require.Equal(t, time.Hour, other)
			require.Contains(t, did, "undo right")
			require.Equal(t, "undo first", did[len(did)-1])
		})
	}
}

// TestALostRunIsLeftWithinPoll: another controller has it, or nobody can
// believe its log any more. Nothing is appended then.
func TestALostRunIsLeftWithinPoll(t *testing.T) {
	for want, lose := range map[string]func(log *memLog, p deploy.Plan) error{
		"another controller has taken over": func(log *memLog, p deploy.Plan) error {
			_, err := newRunner(t, log, nil).TakeOver(t.Context(), p.Ref("r1"))
			return err
		},
		"it is not a record": func(log *memLog, _ deploy.Plan) error {
			return log.Append(t.Context(), "dev/api", 3, []byte("{}"))
		},
		`unknown kind "rumour"`: func(log *memLog, _ deploy.Plan) error {
			chain := hashlog.NewChain("dev/api")
			for _, line := range log.streams["dev/api"] {
				_, err := chain.Open(line)
				require.NoError(t, err)
			}
			line, next, err := chain.Seal(map[string]string{"kind": "rumour", "run": "r1"})
			require.NoError(t, err)
			return log.Append(t.Context(), "dev/api", next.Seq, line)
		},
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var did []string
				log := newMemLog()
				p := three(&did)
				p.Steps[0].InFlight = deploy.Ask
				p.Steps[0].Do.(*effect).fn = func(ctx context.Context, _ *deploy.Call) error {
					require.NoError(t, lose(log, p))
					<-ctx.Done()
					return context.Cause(ctx)
				}
				began := time.Now()
				rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
				require.Equal(t, 5*time.Second, time.Since(began))
				require.ErrorAs(t, err, new(*deploy.LogError))
				require.ErrorContains(t, err, want)
				require.Equal(t, deploy.Interrupted, rep.Outcome)
				require.Equal(t, []string{"do a"}, did, "who has lost its place undoes nothing")
				require.Len(t, log.streams["dev/api"], 3)
			})
		})
	}
}

// blinkingLog cannot be read while it is told so.
type blinkingLog struct {
	*memLog
	off   atomic.Bool
	looks atomic.Int32
}

func (l *blinkingLog) Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	if l.off.Load() {
		l.looks.Add(1)
		return func(yield func([]byte, error) bool) { yield(nil, fmt.Errorf("%s: no network", stream)) }
	}
	return l.memLog.Read(ctx, stream, from)
}

// TestALogThatCannotBeReadForAWhile stops no step.
func TestALogThatCannotBeReadForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		log := &blinkingLog{memLog: newMemLog()}
		p := three(&did)
		p.Steps[0].Do.(*effect).fn = func(ctx context.Context, _ *deploy.Call) error {
			log.off.Store(true)
			defer log.off.Store(false)
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(time.Minute):
				return nil
			}
		}
		rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.NoError(t, err)
		require.Equal(t, deploy.Succeeded, rep.Outcome)
		require.GreaterOrEqual(t, log.looks.Load(), int32(11))
	})
}

// hangingLog has Reads that return only when their ctx ends.
type hangingLog struct {
	*memLog
	on atomic.Bool
}

func (l *hangingLog) Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	if l.on.Load() {
		return func(yield func([]byte, error) bool) {
			<-ctx.Done()
			yield(nil, context.Cause(ctx))
		}
	}
	return l.memLog.Read(ctx, stream, from)
}

// TestALookThatHangsHoldsUpNothing.
func TestALookThatHangsHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		log := &hangingLog{memLog: newMemLog()}
		p := three(&did)
		p.Steps[0].Do.(*effect).fn = func(context.Context, *deploy.Call) error {
			log.on.Store(true)
			time.Sleep(time.Minute)
			return nil
		}
		began := time.Now()
		rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.NoError(t, err)
		require.Equal(t, deploy.Succeeded, rep.Outcome)
		require.Equal(t, time.Minute, time.Since(began))
	})
}

// slowLog has Reads that take their time while it is told so.
type slowLog struct {
	*memLog
	slow  atomic.Bool
	ready chan struct{}
}

func (l *slowLog) Read(ctx context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if l.slow.Load() {
			<-l.ready
		}
		l.memLog.Read(ctx, stream, from)(yield)
	}
}

// TestALookBesideAppends takes no record in twice: steps end and begin while the
// log is being read.
func TestALookBesideAppends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		log := &slowLog{memLog: newMemLog(), ready: make(chan struct{})}
		p := three(&did)
		p.Steps[0].Do.(*effect).fn = func(context.Context, *deploy.Call) error {
			log.slow.Store(true)
			time.Sleep(6 * time.Second) // a look begins meanwhile
			return nil
		}
		p.Steps[2].Do.(*effect).fn = func(ctx context.Context, _ *deploy.Call) error {
			close(log.ready)
			time.Sleep(time.Minute) // and ends now
			return context.Cause(ctx)
		}
		rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.NoError(t, err)
		require.Equal(t, deploy.Succeeded, rep.Outcome)
	})
}

// TestNoStepAppendsAfterATakeover: one branch finds out at its end, and the
// other one, which ends later, has nothing to say any more.
func TestNoStepAppendsAfterATakeover(t *testing.T) {
	var did []string
	log := newMemLog()
	var p deploy.Plan
	p = branches(&did,
		func(ctx context.Context) error {
			_, err := newRunner(t, log, nil).TakeOver(ctx, p.Ref("r1"))
			return err
		},
		func(ctx context.Context) error { <-ctx.Done(); return nil })
	_, err := newRunner(t, log, &deploy.Options{Poll: -1}).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, deploy.ErrConflict)
	last := string(log.streams["dev/api"][len(log.streams["dev/api"])-1])
	require.Contains(t, last, `"kind":"continued"`)
	require.NotContains(t, did, "last")
}

// pauseBefore pauses the run when the first record is to be appended that has
// all of the texts in it.
func pauseBefore(t *testing.T, log *memLog, ref deploy.Ref, texts ...string) (paused *bool) {
	paused = new(bool)
	log.before = func(_ string, _ uint64, rec []byte) error {
		for _, text := range texts {
			if !bytes.Contains(rec, []byte(text)) {
				return nil
			}
		}
		if !*paused {
			*paused = true
			decide(t, log, ref, deploy.AnswerPause)
		}
		return nil
	}
	return paused
}

// TestAPauseThatComesJustBefore what it holds back: an intent, forward and
// back, and that a step is left out.
func TestAPauseThatComesJustBefore(t *testing.T) {
	for name, c := range map[string]struct {
		texts   []string
		prepare func(p *deploy.Plan)
		did     []string
	}{
		"an intent": {[]string{`"intent"`, `"step":"b"`}, func(*deploy.Plan) {}, []string{"do a"}},
		"a step that is left out": {[]string{`"skipped"`}, func(p *deploy.Plan) {
			p.Steps[0].Provides, p.Steps[1].Binds, p.Steps[1].When = []string{"x"}, []string{"x"}, &deploy.When{Output: "x", Is: "y"}
			p.Steps[0].Do.(*effect).fn = func(_ context.Context, c *deploy.Call) error { return c.Provide("x", "x") }
		}, []string{"do a"}},
		"an undo": {[]string{`"intent"`, `"step":"b"`, `"phase":"undo"`}, func(p *deploy.Plan) {
			p.Steps[1].Do.(*effect).fn = fails("no room")
		}, []string{"do a", "do b"}},
	} {
		t.Run(name, func(t *testing.T) {
			var did []string
			log := newMemLog()
			p := three(&did)
			c.prepare(&p)
			paused := pauseBefore(t, log, p.Ref("r1"), c.texts...)
			rep, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
			require.True(t, *paused)
			require.ErrorIs(t, err, deploy.ErrHeld)
			require.Equal(t, deploy.Held, rep.Outcome)
			require.Equal(t, c.did, did)
			require.Contains(t, string(log.streams["dev/api"][len(log.streams["dev/api"])-1]), `"pause"`)
		})
	}
}

// TestAPausedRunLooksAtNothing: whether an interrupted step had its effect is
// not asked before somebody resumes, on the way forward and back.
func TestAPausedRunLooksAtNothing(t *testing.T) {
	for _, phase := range []deploy.Phase{deploy.PhaseForward, deploy.PhaseUndo} {
		var did []string
		log, p := newMemLog(), three(&did)
		ctx, cancel := context.WithCancel(t.Context())
		cut := func(context.Context, *deploy.Call) error { cancel(); return context.Cause(ctx) }
		p.Steps[1].InFlight, p.Steps[1].Verify = deploy.Verify, &effect{Name: "verify b", did: &did}
		if phase == deploy.PhaseForward {
			p.Steps[1].Do.(*effect).fn = cut
		} else {
			p.Steps[1].Undo.(*effect).fn = cut
			p.Steps[2].Do.(*effect).fn = fails("no room")
		}
		_, err := newRunner(t, log, nil).Run(ctx, "r1", p)
		require.ErrorIs(t, err, context.Canceled)
		did = nil
		paused := pauseBefore(t, log, p.Ref("r1"), `"continued"`) // Run has seen no pause when it began
		_, err = newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.True(t, *paused)
		require.ErrorIs(t, err, deploy.ErrHeld)
		require.ErrorContains(t, err, "paused by ada")
		require.Empty(t, did)
	}
}
