package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/secrets"
)

// failure is a run that does not succeed, and what its error has to say.
type failure struct {
	change func(t *testing.T, log *memLog, p *deploy.Plan)
	// cancelIn is the step, counted from 1, in which the context of Run ends.
	cancelIn int
	opts     deploy.Options
	// before is run first, as by another program.
	before func(t *testing.T, log *memLog, p deploy.Plan)
	says   []string
}

const leaked = "leaked-7f3a9c-value"

// tool fails as a command does that prints a secret.
func tool(context.Context, deploy.Command) (deploy.Result, error) {
	return deploy.Result{Exit: 3}, &deploy.ExitError{Program: "/usr/bin/tool", Exit: 3, Stderr: "bad password " + leaked}
}

func runsTool(p *deploy.Plan, step int) {
	p.Steps[step].Do = &deploy.Exec{Command: deploy.Command{Argv: []string{"/usr/bin/tool"}}}
}

func failures() map[string]failure {
	const again, other = "run it again with the same plan", "start a run with another id"
	return map[string]failure{
		"command": {
			change: func(_ *testing.T, _ *memLog, p *deploy.Plan) { runsTool(p, 1) },
			says:   []string{`step "b" on local, attempt 1`, "/usr/bin/tool: exit status 3: bad password [redacted]", other},
		},
		"undo": {change: func(_ *testing.T, _ *memLog, p *deploy.Plan) {
			runsTool(p, 2)
			p.Steps[1].Undo = &deploy.Exec{Command: deploy.Command{Argv: []string{"/usr/bin/tool"}}}
		}, says: []string{`step "c" on local`, `undo of step "b" on local, attempt 1: /usr/bin/tool: exit status 3`, "put right what is named above and run again", "deploy.AnswerDone"}},
		"panic": {change: func(_ *testing.T, _ *memLog, p *deploy.Plan) {
			p.Steps[1].Do.(*effect).fn = func(context.Context, *deploy.Call) error { panic(leaked) }
		}, says: []string{`step "b" on local`, "panic: [redacted]", "messages_test.go", other}},
		"timeout": {change: func(_ *testing.T, _ *memLog, p *deploy.Plan) {
			p.Steps[1].Timeout = time.Nanosecond
			p.Steps[1].Do.(*effect).fn = func(ctx context.Context, _ *deploy.Call) error { <-ctx.Done(); return ctx.Err() }
		}, says: []string{`step "b" on local`, "longer than its timeout of 1ns", other}},
		"cancelled in a step": {change: func(_ *testing.T, _ *memLog, p *deploy.Plan) {
			p.Steps[1].Do.(*effect).fn = func(context.Context, *deploy.Call) error { return context.Canceled }
		}, cancelIn: 2, says: []string{`step "b" on local`, "told to by the test", again}},
		"cancelled between steps": {
			cancelIn: 1,
			says:     []string{"stopped before its next step", "told to by the test", again, "deploy.AnswerUndo"},
		},
		"stopped": {opts: deploy.Options{Stop: closed()}, says: []string{"told to stop before the next step", other}},
		"held": {
			before: func(t *testing.T, log *memLog, p deploy.Plan) {
				crashAt(log, 4)
				_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
				require.ErrorIs(t, err, errCrash)
				log.before = nil
			}, change: func(_ *testing.T, _ *memLog, p *deploy.Plan) { p.Steps[1].InFlight = deploy.Ask },
			says: []string{`step "b" (forward)`, "look at the host (local)", "deploy.AnswerDone, deploy.AnswerRepeat or deploy.AnswerUndo"},
		},
		"log": {change: func(_ *testing.T, log *memLog, _ *deploy.Plan) {
			log.before = func(_ string, seq uint64, _ []byte) error {
				if seq > 3 {
					return errors.New("no space left on device")
				}
				return nil
			}
		}, says: []string{"run log dev/api: append record 4: no space left", again}},
		"taken over": {change: func(t *testing.T, log *memLog, p *deploy.Plan) {
			ref := p.Ref("r1")
			p.Steps[1].Do.(*effect).fn = func(ctx context.Context, _ *deploy.Call) error {
				_, err := newRunner(t, log, nil).TakeOver(ctx, ref)
				return err
			}
		}, says: []string{"another controller has taken over", "Runner.Standing tells who has the run"}},
		"fenced": {change: func(_ *testing.T, _ *memLog, p *deploy.Plan) {
			p.Steps[1].Do.(*effect).fn = func(context.Context, *deploy.Call) error { return fmt.Errorf("tool: %w", deploy.ErrFenced) }
		}, says: []string{`step "b" on local`, "tool: another controller has taken over the host", "Runner.Standing"}},
		"no fence to be had": {opts: deploy.Options{Executor: fakeFencer{fence: func(context.Context, string, uint64) (deploy.Executor, error) {
			return nil, errors.New("process 7 still runs")
		}}}, says: []string{"taking the host over: process 7 still runs", again}},
		"other plan": {before: func(t *testing.T, log *memLog, p deploy.Plan) {
			crashAt(log, 3)
			_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
			require.ErrorIs(t, err, errCrash)
			log.before = nil
			p.Steps[1].Timeout = time.Hour
		}, says: []string{`step "b" changed`, "deploy.AnswerOverride"}},
		"other run": {before: func(t *testing.T, log *memLog, p deploy.Plan) {
			crashAt(log, 3)
			_, err := newRunner(t, log, nil).Run(t.Context(), "r0", p)
			require.ErrorIs(t, err, errCrash)
			log.before = nil
		}, says: []string{"run r0 is unfinished", "Runner.Standing", "continue it with Run"}},
		"ended": {before: func(t *testing.T, log *memLog, p deploy.Plan) {
			p.Steps[2].Do = &effect{Name: "do c", did: p.Steps[2].Do.(*effect).did, fn: fails("no room")}
			_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
			require.Error(t, err)
		}, says: []string{"ended before: undone", "no room", other}},
	}
}

// cancels ends a context in a step, with a cause.
func cancels(ctx context.Context, e *effect) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	fn := e.fn
	e.fn = func(ctx context.Context, c *deploy.Call) error {
		cancel(errors.New("told to by the test"))
		<-ctx.Done()
		if fn != nil {
			return fn(ctx, c)
		}
		return nil
	}
	return ctx
}

func closed() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// TestEveryFailureSaysWhereAndWhatNext: plan, run, step, host and command, and
// what to do; and no secret.
func TestEveryFailureSaysWhereAndWhatNext(t *testing.T) {
	redactor, err := secrets.NewRedactor(secrets.New(leaked))
	require.NoError(t, err)
	for name, f := range failures() {
		t.Run(name, func(t *testing.T) {
			var did []string
			log, p := newMemLog(), three(&did)
			if f.change != nil {
				f.change(t, log, &p)
			}
			if f.before != nil {
				f.before(t, log, p)
			}
			ctx := t.Context()
			if f.cancelIn > 0 {
				ctx = cancels(ctx, p.Steps[f.cancelIn-1].Do.(*effect))
			}
			f.opts.Redactor = redactor
			if f.opts.Executor == nil {
				f.opts.Executor = deploy.ExecutorFunc(tool)
			}
			rep, err := newRunner(t, log, &f.opts).Run(ctx, "r1", p)
			require.Error(t, err)
			for _, want := range append(f.says, "api@dev") {
				require.ErrorContains(t, err, want)
			}
			if rep != nil {
				require.ErrorContains(t, err, "api@dev run r1")
				require.NotContains(t, rep.String()+rep.Reason, leaked)
			}
			require.NotContains(t, err.Error(), leaked)
			for _, line := range log.streams["dev/api"] {
				require.False(t, strings.Contains(string(line), leaked))
			}
		})
	}
}

// TestEveryRefusedDecisionSaysAboutWhat and what to do instead.
func TestEveryRefusedDecisionSaysAboutWhat(t *testing.T) {
	var did []string
	log, p := newMemLog(), three(&did)
	crashAt(log, 4)
	r := newRunner(t, log, nil)
	_, err := r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	for want, c := range map[string]struct {
		run  deploy.RunID
		step string
		d    deploy.Decision
	}{
		"say who decides":                 {"r1", "b", deploy.Decision{Answer: deploy.AnswerDone}},
		"is none of done":                 {"r1", "b", deploy.Decision{Answer: "maybe", By: "ada"}},
		"needs the name of a step":        {"r1", "", deploy.Decision{Answer: deploy.AnswerRepeat, By: "ada"}},
		"the log has no such run":         {"r2", "", deploy.Decision{Answer: deploy.AnswerUndo, By: "ada"}},
		`no step "x" was begun; name one`: {"r1", "x", deploy.Decision{Answer: deploy.AnswerDone, By: "ada"}},
		"so it needs no answer":           {"r1", "a", deploy.Decision{Answer: deploy.AnswerDone, By: "ada"}},
		"needs the Digest":                {"r1", "", deploy.Decision{Answer: deploy.AnswerOverride, By: "ada"}},
		"call Run to continue it":         {"r1", "", deploy.Decision{Answer: deploy.AnswerResume, By: "ada"}},
	} {
		err := r.Decide(t.Context(), p.Ref(c.run), c.step, c.d)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "decision on")
		require.ErrorContains(t, err, "api@dev run "+string(c.run))
	}
}
