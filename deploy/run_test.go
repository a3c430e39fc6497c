package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

// memLog is a Log in memory, with a hook before each append.
type memLog struct {
	mu      sync.Mutex
	streams map[string][][]byte
	before  func(stream string, seq uint64, rec []byte) error
	dead    atomic.Bool // takes nothing, as after the program's death
	torn    bool
}

func newMemLog() *memLog { return &memLog{streams: map[string][][]byte{}} }

func (l *memLog) Append(_ context.Context, stream string, seq uint64, rec []byte) error {
	if l.dead.Load() {
		return errCrash
	}
	if l.before != nil {
		if err := l.before(stream, seq, rec); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if uint64(len(l.streams[stream]))+1 != seq {
		return fmt.Errorf("%s record %d: %w", stream, seq, deploy.ErrConflict)
	}
	l.streams[stream] = append(l.streams[stream], slices.Clone(rec))
	l.torn = false
	return nil
}

func (l *memLog) Read(_ context.Context, stream string, from uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		l.mu.Lock()
		recs, torn := slices.Clone(l.streams[stream]), l.torn
		l.mu.Unlock()
		for i := int(from) - 1; i < len(recs); i++ {
			if !yield(slices.Clone(recs[i]), nil) {
				return
			}
		}
		if torn {
			yield(nil, fmt.Errorf("%s: %w", stream, deploy.ErrTorn))
		}
	}
}

var didMu sync.Mutex // guards what effects write down, for steps that run at once

// effect is an Action that writes down that it ran, and does what fn says.
type effect struct {
	Name string `json:"name"`
	did  *[]string
	fn   func(context.Context, *deploy.Call) error
}

func (e *effect) Spec() any { return e }

func (e *effect) Run(ctx context.Context, c *deploy.Call) error {
	didMu.Lock()
	*e.did = append(*e.did, e.Name)
	didMu.Unlock()
	if e.fn != nil {
		return e.fn(ctx, c)
	}
	return nil
}

func fails(text string) func(context.Context, *deploy.Call) error {
	return func(context.Context, *deploy.Call) error { return errors.New(text) }
}

func newRunner(t *testing.T, log deploy.Log, opts *deploy.Options) *deploy.Runner {
	t.Helper()
	if opts == nil {
		opts = &deploy.Options{}
	}
	if opts.Executable == "" {
		opts.Executable = "sha256:test"
	}
	r, err := deploy.New(log, opts)
	require.NoError(t, err)
	return r
}

func plan(steps ...deploy.Step) deploy.Plan {
	return deploy.Plan{Service: "api", Env: envconfig.Development(), Steps: steps}
}

// three is a plan of steps a, b, c whose actions write to did.
func three(did *[]string) deploy.Plan {
	var steps []deploy.Step
	for _, n := range []string{"a", "b", "c"} {
		steps = append(steps, deploy.Step{
			Name: n, InFlight: deploy.Repeat,
			Do: &effect{Name: "do " + n, did: did}, Undo: &effect{Name: "undo " + n, did: did},
		})
	}
	return plan(steps...)
}

func TestRunDoesEveryStepOnceAndReports(t *testing.T) {
	var did []string
	r := newRunner(t, newMemLog(), nil)
	rep, err := r.Run(t.Context(), "r1", three(&did))
	require.NoError(t, err)
	require.Equal(t, []string{"do a", "do b", "do c"}, did)
	require.Equal(t, deploy.Succeeded, rep.Outcome)
	require.Len(t, rep.Steps, 3)
	require.False(t, rep.Continued)

	again, err := r.Run(t.Context(), "r1", three(&did))
	require.NoError(t, err)
	require.Equal(t, []string{"do a", "do b", "do c"}, did, "a run that ended is not run again")
	require.True(t, again.Continued)
	require.Equal(t, rep.Steps, again.Steps)
}

func TestNeedsOrderTheSteps(t *testing.T) {
	var did []string
	step := func(name string, needs ...string) deploy.Step {
		if needs == nil {
			needs = []string{}
		}
		return deploy.Step{Name: name, Needs: needs, InFlight: deploy.Repeat, Do: &effect{Name: name, did: &did}}
	}
	p := plan(step("last", "x", "y"), step("y", "first"), step("x", "first"), step("first"))
	_, err := newRunner(t, newMemLog(), &deploy.Options{Parallel: 1}).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, []string{"first", "y", "x", "last"}, did)
}

func TestFailureUndoesTheFailedStepFirstAndTheOthersInReverse(t *testing.T) {
	var did []string
	p := three(&did)
	p.Steps[2].Do = &effect{Name: "do c", did: &did, fn: fails("disk is full")}
	rep, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
	var step *deploy.StepError
	require.ErrorAs(t, err, &step)
	require.Equal(t, "c", step.Step)
	require.ErrorContains(t, err, `api@dev run r1: step "c" on local, attempt 1: disk is full`)
	require.Equal(t, []string{"do a", "do b", "do c", "undo c", "undo b", "undo a"}, did)
	require.Equal(t, deploy.Undone, rep.Outcome)
	require.Contains(t, rep.Reason, "disk is full")
	require.Regexp(t, `(?s)^api in dev, run r1: undone after .*  c +failed .*  undo c +succeeded .*because: .*disk is full`, rep.String())
}

func TestUndoStopsBelowAStepThatCouldNotBeUndone(t *testing.T) {
	var did []string
	log := newMemLog()
	p := three(&did)
	p.Steps[2].Do = &effect{Name: "do c", did: &did, fn: fails("first cause")}
	p.Steps[1].Undo = &effect{Name: "undo b", did: &did, fn: fails("b is stuck")}
	r := newRunner(t, log, nil)
	rep, err := r.Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, "first cause")
	require.ErrorContains(t, err, "b is stuck")
	require.Equal(t, deploy.UndoFailed, rep.Outcome)
	require.NotContains(t, did, "undo a", "b needed a, and b is still there")

	did = nil
	p.Steps[1].Undo = &effect{Name: "undo b", did: &did}
	rep, err = r.Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, "first cause")
	require.Equal(t, deploy.Undone, rep.Outcome)
	require.Equal(t, []string{"undo b", "undo a"}, did, "what was undone is not undone again")
}

func TestRetryAndTimeout(t *testing.T) {
	var did []string
	tries := 0
	p := three(&did)
	p.Steps[0].Retry = deploy.Retry{Max: 2}
	p.Steps[0].Do = &effect{Name: "do a", did: &did, fn: func(context.Context, *deploy.Call) error {
		if tries++; tries < 3 {
			return errors.New("not yet")
		}
		return nil
	}}
	p.Steps[1].Timeout = 10 * time.Millisecond
	p.Steps[1].Do = &effect{Name: "do b", did: &did, fn: func(ctx context.Context, _ *deploy.Call) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	rep, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, `step "b" took longer than its timeout of 10ms`)
	require.Equal(t, 3, rep.Steps[0].Attempts)
	require.Equal(t, deploy.Undone, rep.Outcome)
}

func TestPanicIsAFailedStep(t *testing.T) {
	var did []string
	p := three(&did)
	p.Steps[1].Do = &effect{Name: "do b", did: &did, fn: func(context.Context, *deploy.Call) error { panic("nil map") }}
	rep, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
	require.ErrorContains(t, err, "panic: nil map")
	require.ErrorContains(t, err, "run_test.go")
	require.Equal(t, deploy.Undone, rep.Outcome)
}

func TestOutputsTravelThroughTheLog(t *testing.T) {
	var did []string
	var got string
	p := plan(
		deploy.Step{Name: "make", InFlight: deploy.Repeat, Provides: []string{"url"}, Do: &effect{Name: "make", did: &did, fn: func(_ context.Context, c *deploy.Call) error {
			return c.Provide("url", "http://127.0.0.1:1")
		}}},
		deploy.Step{Name: "use", InFlight: deploy.Repeat, Binds: []string{"url"}, Do: &effect{Name: "use", did: &did, fn: func(_ context.Context, c *deploy.Call) (err error) {
			got, err = c.Expand("${url}/healthz")
			return err
		}}},
	)
	rep, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:1/healthz", got)
	require.JSONEq(t, `"http://127.0.0.1:1"`, string(rep.Outputs["url"]))
}

func TestOutputRefusals(t *testing.T) {
	canary := secrets.New("canary-canary")
	redactor, err := secrets.NewRedactor(canary)
	require.NoError(t, err)
	type nested struct {
		Inner []map[string]struct{ Password secrets.Value }
	}
	for name, c := range map[string]struct {
		provide func(*deploy.Call) error
		want    string
	}{
		"secret type":   {func(c *deploy.Call) error { return c.Provide("o", canary) }, "holds a secret"},
		"nested, empty": {func(c *deploy.Call) error { return c.Provide("o", nested{}) }, "o.Inner.Password holds a secret"},
		"in interface":  {func(c *deploy.Call) error { return c.Provide("o", map[string]any{"k": []any{canary}}) }, "holds a secret"},
		"revealed text": {func(c *deploy.Call) error { return c.Provide("o", "x"+canary.Reveal()) }, "holds a secret"},
		"not listed":    {func(c *deploy.Call) error { return c.Provide("p", 1) }, "does not list it in Provides"},
		"too long":      {func(c *deploy.Call) error { return c.Provide("o", strings.Repeat("x", deploy.MaxOutput)) }, "hand on a reference"},
		"not JSON":      {func(c *deploy.Call) error { return c.Provide("o", func() {}) }, "unsupported type"},
		"forgotten":     {func(*deploy.Call) error { return nil }, "was not provided"},
	} {
		t.Run(name, func(t *testing.T) {
			var did []string
			log := newMemLog()
			p := plan(deploy.Step{Name: "s", InFlight: deploy.Repeat, Provides: []string{"o"}, Do: &effect{Name: "s", did: &did, fn: func(_ context.Context, call *deploy.Call) error {
				return c.provide(call)
			}}})
			rep, err := newRunner(t, log, &deploy.Options{Redactor: redactor}).Run(t.Context(), "r1", p)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, `step "s"`)
			require.Equal(t, deploy.Undone, rep.Outcome)
			for _, rec := range log.streams["dev/api"] {
				require.NotContains(t, string(rec), canary.Reveal())
			}
		})
	}
}

func TestSecretsReachNoRecordEventOrError(t *testing.T) {
	canary := secrets.New("canary-canary")
	redactor, err := secrets.NewRedactor(canary)
	require.NoError(t, err)
	var mu sync.Mutex
	var seen strings.Builder
	handle := func(e deploy.Event) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(&seen, "%+v\n", e)
	}
	var did []string
	log := newMemLog()
	p := plan(deploy.Step{Name: "s", InFlight: deploy.Repeat, Do: &effect{Name: "s", did: &did, fn: func(_ context.Context, c *deploy.Call) error {
		c.Printf("the password is %s", canary.Reveal()[:6])
		c.Printf("in one line: %s", canary.Reveal())
		return fmt.Errorf("login with %s: %w", canary.Reveal(), context.DeadlineExceeded)
	}}})
	rep, err := newRunner(t, log, &deploy.Options{Redactor: redactor, Handle: handle}).Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotContains(t, err.Error(), canary.Reveal())
	require.NotContains(t, fmt.Sprintf("%+v", rep), canary.Reveal())
	require.Contains(t, rep.Steps[0].Tail, "in one line: [")
	mu.Lock()
	defer mu.Unlock()
	require.NotContains(t, seen.String(), canary.Reveal())
	require.Contains(t, seen.String(), "in one line: [")
	for _, rec := range log.streams["dev/api"] {
		require.NotContains(t, string(rec), canary.Reveal())
	}
}

func TestEventsComeInOrderAndAHandlerCannotHarmTheRun(t *testing.T) {
	var did []string
	var kinds []string
	panics := func(e deploy.Event) {
		kinds = append(kinds, strings.TrimPrefix(fmt.Sprintf("%T", e), "deploy."))
		panic("handler is broken")
	}
	p := three(&did)
	p.Steps = p.Steps[:1]
	_, err := newRunner(t, newMemLog(), &deploy.Options{Handle: panics}).Run(t.Context(), "r1", p)
	require.NoError(t, err)
	require.Equal(t, []string{"RunStarted", "StepStarted", "StepFinished", "RunFinished"}, kinds)
}
