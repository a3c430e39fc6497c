package actiontest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/executor/localexec"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/internal/leakforms"
	"github.com/masaruk/devops/secrets"
)

// Bench says how a step is run. The zero value runs it on this machine with
// the PATH of the test.
type Bench struct {
	// Secrets are known to the Redactor of the run.
	Secrets []string
	// Outputs are provided by a step before; the step binds all of them.
	Outputs map[string]any
	// Log is the folder of the log; empty is a new one.
	Log string
	// ID is the run's; empty is "r1".
	ID deploy.RunID
	// Exec runs the commands; nil is this machine.
	Exec deploy.Executor
	// Context bounds the run; nil is that of the test.
	Context context.Context
	// Before are steps before the step, After steps behind it.
	Before, After []deploy.Step
	// Handle gets the events too; nil is nobody.
	Handle func(deploy.Event)
}

// Trace is what a run left.
type Trace struct {
	Report *deploy.Report
	Err    error
	// Commands are those that were started.
	Commands []deploy.Command

	mu   sync.Mutex
	text map[string]*bytes.Buffer // by where it stands
}

// add writes down what somebody could read.
func (tr *Trace) add(where, format string, args ...any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.text[where] == nil {
		tr.text[where] = &bytes.Buffer{}
	}
	fmt.Fprintf(tr.text[where], format+"\n", args...)
}

// Text is what could be read at a place: "spec", "preview", "error", "report",
// "event", "record", "logger", "argv" or "env".
func (tr *Trace) Text(where string) string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if b := tr.text[where]; b != nil {
		return b.String()
	}
	return ""
}

// Output is what the step wrote, by the report.
func (tr *Trace) Output(step string) string {
	for _, s := range tr.Report.Steps {
		if s.Step == step && s.Phase == deploy.PhaseForward {
			return s.Tail
		}
	}
	return ""
}

// RequireHidden fails the test where a secret stands anywhere, in any form.
func (tr *Trace) RequireHidden(t testing.TB, secret string) {
	t.Helper()
	forms := leakforms.Of(secret)
	if len(forms) == 0 {
		t.Fatalf("a secret of %d bytes cannot be looked for", len(secret))
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, where := range slices.Sorted(maps.Keys(tr.text)) {
		for _, form := range forms {
			if text := tr.text[where].String(); strings.Contains(text, form.Text) {
				t.Errorf("the secret stands in %s as %s:\n%s", where, form.Name, text)
			}
		}
	}
}

// Plan is the plan that Run runs.
func (b Bench) Plan(step deploy.Step) deploy.Plan {
	steps := slices.Clone(b.Before)
	if len(b.Outputs) > 0 {
		names := slices.Sorted(maps.Keys(b.Outputs))
		steps = append(steps, deploy.Step{
			Name: "given", Provides: names, InFlight: deploy.Repeat,
			Do: deploy.Func("given", "1", func(_ context.Context, c *deploy.Call) error {
				for _, name := range names {
					if err := c.Provide(name, b.Outputs[name]); err != nil {
						return err
					}
				}
				return nil
			}),
		})
		step.Binds = append(slices.Clone(step.Binds), names...)
	}
	steps = append(append(steps, step), b.After...)
	return deploy.Plan{Service: "shop", Env: envconfig.Development(), Steps: steps}
}

// Run runs the step, and takes down everything that it leaves.
func (b Bench) Run(t testing.TB, step deploy.Step) *Trace {
	t.Helper()
	tr := &Trace{text: map[string]*bytes.Buffer{}}
	var values []secrets.Value
	for _, s := range b.Secrets {
		values = append(values, secrets.New(s))
	}
	redactor, err := secrets.NewRedactor(values...)
	if err != nil {
		t.Fatal(err)
	}
	dir, id, ctx := b.Log, b.ID, b.Context
	if dir == "" {
		dir = filepath.Join(t.TempDir(), "log")
	}
	if id == "" {
		id = "r1"
	}
	if ctx == nil {
		ctx = t.Context()
	}
	log, err := filelog.New(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	runner, err := deploy.New(log, &deploy.Options{
		Executor: tr.recording(t, b.Exec, redactor), Redactor: redactor, Handle: tr.handle(b.Handle), Initiator: "ada@example.com",
		Logger: slog.New(slog.NewTextHandler(writer(func(p []byte) { tr.add("logger", "%s", p) }), &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	plan := b.Plan(step)
	tr.Report, tr.Err = runner.Run(ctx, id, plan)
	tr.describe(plan)
	tr.add("error", "%s", chain(tr.Err))
	if raw, err := json.Marshal(tr.Report); err == nil {
		tr.add("report", "%s\n%s", raw, tr.Report)
	}
	for rec, err := range log.Read(context.WithoutCancel(ctx), plan.Env.Name+"/"+plan.Service, 1) {
		if err != nil {
			t.Fatal(err)
		}
		tr.add("record", "%s", rec)
	}
	return tr
}

// handle takes down events.
func (tr *Trace) handle(also func(deploy.Event)) func(deploy.Event) {
	return func(e deploy.Event) {
		tr.add("event", "%+v", e)
		if f, ok := e.(deploy.StepFinished); ok {
			tr.add("event", "%s", chain(f.Err))
		}
		if also != nil {
			also(e)
		}
	}
}

// describe takes down what a plan shows.
func (tr *Trace) describe(plan deploy.Plan) {
	d, err := plan.Describe()
	raw, _ := json.Marshal(d)
	tr.add("spec", "%s\n%s\n%s\n%s", raw, d, d.Mermaid(), chain(err))
	lines, err := plan.Preview()
	tr.add("preview", "%s\n%s", lines, chain(err))
}

// recording takes down commands and runs them.
func (tr *Trace) recording(t testing.TB, next deploy.Executor, r *secrets.Redactor) deploy.Executor {
	if next == nil {
		local, err := localexec.New(&localexec.Options{Inherit: []string{"PATH"}, Redactor: r})
		if err != nil {
			t.Fatal(err)
		}
		next = local
	}
	return deploy.ExecutorFunc(func(ctx context.Context, cmd deploy.Command) (deploy.Result, error) {
		tr.add("argv", "%s", strings.Join(cmd.Argv, "\n"))
		tr.add("env", "%v", cmd.Env)
		tr.mu.Lock()
		tr.Commands = append(tr.Commands, cmd)
		tr.mu.Unlock()
		return next.Run(ctx, cmd)
	})
}

// chain is everything that an error and those that it wraps say.
func chain(err error) string {
	if err == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v\n%+v\n%#v\n", err, err, err)
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		b.WriteString(chain(u.Unwrap()))
	case interface{ Unwrap() []error }:
		for _, e := range u.Unwrap() {
			b.WriteString(chain(e))
		}
	}
	return b.String()
}

// writer is an io.Writer made of a function.
type writer func(p []byte)

// Write calls w.
func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }
