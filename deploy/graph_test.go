package deploy_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

func TestSmallMistakesInAPlan(t *testing.T) {
	var did []string
	do := &effect{Name: "x", did: &did}
	for want, p := range map[string]deploy.Plan{
		"a plan without steps":        plan(),
		"Retry is negative":           plan(deploy.Step{Name: "s", Do: do, Retry: deploy.Retry{Wait: -1}}),
		`Provides "no name"`:          plan(deploy.Step{Name: "s", Do: do, Provides: []string{"no name"}}),
		"Undo: spec of":               plan(deploy.Step{Name: "s", Do: do, Undo: &leaky{}}),
		"Verify: spec of":             plan(deploy.Step{Name: "s", Do: do, InFlight: deploy.Verify, Verify: &leaky{}}),
		`deploy.Func "u" is opaque`:   {Service: "api", Env: envconfig.Production(), Steps: []deploy.Step{{Name: "s", Do: do, Undo: deploy.Func("u", "1", nil)}}},
		`deploy.Func "v" is opaque`:   {Service: "api", Env: envconfig.Production(), Steps: []deploy.Step{{Name: "s", Do: do, InFlight: deploy.Verify, Verify: deploy.Func("v", "1", nil)}}},
		"that of Steps[0]; names are": plan(deploy.Step{Name: "s", Do: do}, deploy.Step{Name: "t", Do: do}, deploy.Step{Name: "s", Do: do}),
	} {
		require.ErrorContains(t, p.Validate(), want)
	}
	require.NoError(t, plan(deploy.Step{Name: "s", Do: do, Provides: []string{"o"}, Binds: []string{"o"}}).Validate(), "a step may read its own output")
	require.NoError(t, plan(deploy.Step{Name: "s", Do: do}, deploy.Step{Name: "t", Do: do, Needs: []string{"s", "s"}}).Validate(), "needing twice is needing")
}

func TestTheDigestCoversTheWholeStep(t *testing.T) {
	var did []string
	do := &effect{Name: "x", did: &did}
	digest := func(change func(*deploy.Plan)) string {
		p := plan(
			deploy.Step{Name: "a", Do: do, Provides: []string{"o", "q"}},
			deploy.Step{Name: "b", Do: do, Binds: []string{"o"}, InFlight: deploy.Repeat},
			deploy.Step{Name: "c", Do: do, InFlight: deploy.Verify, Verify: do},
		)
		change(&p)
		require.NoError(t, p.Validate())
		d, err := p.Digest()
		require.NoError(t, err)
		return d
	}
	seen := map[string]string{digest(func(*deploy.Plan) {}): "unchanged"}
	for name, change := range map[string]func(*deploy.Plan){
		"verify":     func(p *deploy.Plan) { p.Steps[2].Verify = &effect{Name: "y", did: &did} },
		"retry max":  func(p *deploy.Plan) { p.Steps[1].Retry.Max = 1 },
		"retry wait": func(p *deploy.Plan) { p.Steps[1].Retry.Wait = 1 },
		"provides":   func(p *deploy.Plan) { p.Steps[0].Provides = []string{"o"} },
		"binds":      func(p *deploy.Plan) { p.Steps[1].Binds = nil },
		"tier":       func(p *deploy.Plan) { p.Env = envconfig.Staging(); p.Env.Name = "dev" },
		"rules":      func(p *deploy.Plan) { p.Env.Rules.Opaque = envconfig.Allowed{Names: []string{"x"}} },
	} {
		d := digest(change)
		require.Empty(t, seen[d], name)
		seen[d] = name
	}
}

// TestADiffNamesEachDifference between the plan that a run began with and the
// one that is offered.
func TestADiffNamesEachDifference(t *testing.T) {
	for want, change := range map[string]func(*deploy.Plan){
		`step "d" is new`: func(p *deploy.Plan) {
			var did []string
			p.Steps = append(p.Steps, deploy.Step{Name: "d", Do: &effect{Name: "d", did: &did}})
		},
		`step "c" is gone`:                     func(p *deploy.Plan) { p.Steps = p.Steps[:2] },
		"the rules of the environment changed": func(p *deploy.Plan) { p.Env.Rules.Opaque = envconfig.Allowed{Names: []string{"x"}} },
		"is for api in dev (staging)":          func(p *deploy.Plan) { p.Env = envconfig.Staging(); p.Env.Name = "dev" },
		"the order of the steps changed": func(p *deploy.Plan) {
			p.Steps[1], p.Steps[2] = p.Steps[2], p.Steps[1]
		},
	} {
		var did []string
		log := newMemLog()
		p := three(&did)
		for i := range p.Steps {
			p.Steps[i].Needs = []string{}
		}
		crashAt(log, 3)
		r := newRunner(t, log, &deploy.Options{Parallel: 1})
		_, err := r.Run(t.Context(), "r1", p)
		require.ErrorIs(t, err, errCrash)
		log.before = nil
		change(&p)
		_, err = r.Run(t.Context(), "r1", p)
		require.ErrorIs(t, err, deploy.ErrPlanChanged)
		require.ErrorContains(t, err, want)
		require.Equal(t, []string{"do a"}, did)
	}
}

// TestExecMarksItsCommandAndPassesItsOutputOn to the step, or to whom the
// command names.
func TestExecMarksItsCommandAndPassesItsOutputOn(t *testing.T) {
	for _, own := range []bool{false, true} {
		var got deploy.Command
		exec := deploy.ExecutorFunc(func(_ context.Context, cmd deploy.Command) (deploy.Result, error) {
			got = cmd
			_, err1 := cmd.Stdout.Write([]byte("to stdout\r\n"))
			_, err2 := cmd.Stderr.Write([]byte("to stderr"))
			return deploy.Result{}, errors.Join(err1, err2)
		})
		var lines []string
		handle := func(e deploy.Event) {
			if o, ok := e.(deploy.StepOutput); ok {
				lines = append(lines, o.Line)
			}
		}
		var mine bytes.Buffer
		env := map[string]string{"A": "1"}
		cmd := deploy.Command{Argv: []string{"x"}, Env: env}
		if own {
			cmd.Stdout, cmd.Stderr = &mine, &mine
		}
		rep, err := newRunner(t, newMemLog(), &deploy.Options{Executor: exec, Handle: handle}).Run(t.Context(), "r1", plan(deploy.Step{Name: "s", Do: &deploy.Exec{Command: cmd}}))
		require.NoError(t, err)
		require.Equal(t, map[string]string{"A": "1", deploy.MarkerVar: "api@dev/r1"}, got.Env)
		require.Len(t, env, 1, "the plan is not changed")
		if own {
			require.Equal(t, "to stdout\r\nto stderr", mine.String())
			require.Empty(t, lines)
			continue
		}
		require.Equal(t, []string{"to stdout", "to stderr"}, lines)
		require.Equal(t, "to stdout\r\nto stderr\n", rep.Steps[0].Tail)
	}
}

func TestPreviewsShowNoSecret(t *testing.T) {
	e := &deploy.Exec{Command: deploy.Command{
		Argv: []string{"a b", "it's"}, Env: map[string]string{"X": "1 2"}, Secrets: map[string]secrets.Value{"TOKEN": secrets.New("canary-canary")},
	}}
	require.Equal(t, []string{`X='1 2' TOKEN=<secret> 'a b' 'it'\''s'`}, e.Preview())
}

// TestOutputAfterTheStepIsDropped, without harm.
func TestOutputAfterTheStepIsDropped(t *testing.T) {
	var did []string
	var call *deploy.Call
	p := three(&did)
	p.Steps[0].Do = &effect{Name: "do a", did: &did, fn: func(_ context.Context, c *deploy.Call) error {
		call = c
		c.Printf("in time")
		return nil
	}}
	p.Steps[2].Do = &effect{Name: "do c", did: &did, fn: func(context.Context, *deploy.Call) error {
		call.Printf("too late")
		return nil
	}}
	rep, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	call.Printf("much too late")
	require.Equal(t, "in time\n", rep.Steps[0].Tail)
}

func TestTheTailIsTheEndOfTheOutput(t *testing.T) {
	for _, most := range []int{100, 8 << 10, 12 << 10, 100 << 10} {
		var did []string
		p := plan(deploy.Step{Name: "s", InFlight: deploy.Repeat, Do: &effect{Name: "s", did: &did, fn: func(_ context.Context, c *deploy.Call) error {
			for range most / 10 {
				c.Printf("%s", strings.Repeat("x", 9))
			}
			c.Printf("end")
			return nil
		}}})
		rep, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(rep.Steps[0].Tail, "xxx\nend\n"))
		require.LessOrEqual(t, len(rep.Steps[0].Tail), 8<<10)
		require.GreaterOrEqual(t, len(rep.Steps[0].Tail), min(most, 8<<10))
	}
}

func TestRunIDsAndOptionsAreChecked(t *testing.T) {
	var did []string
	log := newMemLog()
	for _, id := range []deploy.RunID{"", "a/b", "A", "-x", deploy.RunID(strings.Repeat("x", 101))} {
		rep, err := newRunner(t, log, nil).Run(t.Context(), id, three(&did))
		require.ErrorContains(t, err, "run id")
		require.Nil(t, rep)
	}
	require.Empty(t, log.streams)
	_, err := deploy.New(nil, nil)
	require.ErrorContains(t, err, "log is nil")
	for _, a := range []deploy.Availability{{}, {URL: "http://127.0.0.1", Interval: -1}, {URL: "http://127.0.0.1", Timeout: -1}} {
		p := three(&did)
		p.Availability = &a
		require.ErrorContains(t, p.Validate(), "field Availability")
	}
}

// TestServicesAndEnvironmentsAreApart: an unfinished run stops its own stream
// only.
func TestServicesAndEnvironmentsAreApart(t *testing.T) {
	var did []string
	log := newMemLog()
	crashAt(log, 3)
	_, err := newRunner(t, log, nil).Run(t.Context(), "r1", three(&did))
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	web, stg := three(&did), three(&did)
	web.Service, stg.Env = "web", envconfig.Staging()
	for _, p := range []deploy.Plan{web, stg} {
		_, err := newRunner(t, log, nil).Run(t.Context(), "r1", p)
		require.NoError(t, err)
	}
}

func TestAWatchEndsWithItsContext(t *testing.T) {
	w := &deploy.Watch{For: time.Hour, Counts: func(ctx context.Context) (deploy.Counts, error) {
		<-ctx.Done()
		return deploy.Counts{}, ctx.Err()
	}}
	stop := errors.New("SIGTERM")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(time.Millisecond, func() { cancel(stop) })
	_, err := newRunner(t, newMemLog(), nil).Run(ctx, "r1", plan(deploy.Step{Name: "watch", InFlight: deploy.Repeat, Do: w}))
	require.ErrorIs(t, err, stop)
	require.NotContains(t, err.Error(), "cannot be counted")
	require.NotContains(t, err.Error(), "1h")
}

func TestAWatchRefusesCountsThatMakeNoSense(t *testing.T) {
	_, err := watch(t, &deploy.Watch{For: time.Minute, MaxFailed: 9, Counts: func(context.Context) (deploy.Counts, error) {
		return deploy.Counts{Requests: 1, Failed: 2}, nil
	}})
	require.ErrorContains(t, err, "make no sense")
}
