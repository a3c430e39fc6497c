package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Action is an effect as data: what it would do can be read, compared and
// approved before it does it. An Action that several steps of a plan share must
// bear being run by them at the same time.
type Action interface {
	// Spec returns what the action is made of: a value that encoding/json
	// turns into the same bytes each time, with secrets by name only. It
	// enters the digest of the plan, so whatever changes the effect belongs
	// in it, and what is known only when the action runs does not.
	Spec() any

	// Run has the effect and returns when it is complete. It ends soon after
	// ctx does. An effect on the host goes through c.Exec.
	Run(ctx context.Context, c *Call) error
}

// Previewer is an Action that can tell what it would do; see [Plan.Preview].
type Previewer interface {
	Action
	// Preview returns a line for each command or change. It has no effect
	// and reads nothing but the action itself.
	Preview() []string
}

// ErrNotDone is what a Verify action returns when the effect it looks for
// certainly did not take place.
var ErrNotDone = errors.New("effect did not take place")

// Phase tells the way forward from the way back.
type Phase string

// The phases of a run.
const (
	PhaseForward Phase = "forward"
	PhaseUndo    Phase = "undo"
)

// RunID names a run: lower-case letters, digits, ".", "_" and "-", unique for
// a service in an environment.
type RunID string

// Ref says which run is meant: of which service, and in which environment.
type Ref struct {
	Service, Environment string
	Run                  RunID
}

// String names the service, the environment and the run.
func (r Ref) String() string {
	s := r.Service + "@" + r.Environment
	if r.Run != "" {
		s += " run " + string(r.Run)
	}
	return s
}

// Ref is the run id of the plan.
func (p Plan) Ref(id RunID) Ref { return Ref{Service: p.Service, Environment: p.Env.Name, Run: id} }

// stream is the name of the log stream that holds every run of the service in
// the environment, so that they exclude each other.
func (r Ref) stream() string { return r.Environment + "/" + r.Service }

// Call is what the engine gives an Action each time it runs. Its methods are
// safe for concurrent use until Run returns.
type Call struct {
	Run         RunID
	Service     string
	Environment string
	Step        string
	Host        string
	Attempt     int
	Phase       Phase
	// PlanDigest is the digest of the plan that runs, and Plan its
	// description, which is not to be changed: the one that the run began
	// with, or that a [Decision] let in since.
	PlanDigest string
	Plan       *Description
	// Initiators are who started the run and everybody who continued it, each
	// once; an empty name is one that was not told.
	Initiators []string
	// Executable is the digest of the program that runs.
	Executable string
	// Exec runs commands on the step's host, marked as part of this run.
	Exec Executor
	// Log is never nil.
	Log *slog.Logger

	marker  string
	outputs *outputs
	out     io.Writer
	probe   *availability
}

func (x *execution) newCall(s Step, phase Phase, attempt int, out io.Writer) *Call {
	marker := x.opts.Marker
	if marker == "" {
		marker = x.name()
	}
	marker += "/" + string(x.id)
	all, typed := x.bound(s)
	return &Call{
		Run: x.id, Service: x.plan.Service, Environment: x.plan.Env.Name, Step: s.Name, Host: localHost,
		Attempt: attempt, Phase: phase,
		PlanDigest: x.digest, Plan: &x.desc, Initiators: x.initiators, Executable: x.exe,
		Exec:   markedExecutor{x.exec, marker},
		Log:    x.opts.Logger.With("run", string(x.id), "step", s.Name),
		marker: marker,
		outputs: &outputs{
			all: all, typed: typed, fresh: map[string]json.RawMessage{}, step: s, redactor: x.opts.Redactor,
		},
		out: out, probe: x.probe,
	}
}

// Marker is the value of the environment variable [MarkerVar] by which every
// process of this run can be found. Commands run through c.Exec carry it; an
// Action that starts a process in another way sets it itself.
func (c *Call) Marker() string { return c.marker }

// MarkerVar is the environment variable that every process of a run carries.
const MarkerVar = "DEVOPS_RUN"

// Printf adds a line to the output of the step.
func (c *Call) Printf(format string, args ...any) {
	_, _ = io.WriteString(c.out, strings.TrimSuffix(fmt.Sprintf(format, args...), "\n")+"\n")
}

// opaque is an Action made of a function.
type opaque struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	fn      func(context.Context, *Call) error
}

// Func makes an Action of a function. What a function does cannot be read
// from outside, so the action is marked opaque in every description, and an
// environment's rules can refuse it unless it is named in them. The version
// stands for the content: change it whenever fn changes.
func Func(name, version string, fn func(ctx context.Context, c *Call) error) Action {
	return &opaque{Name: name, Version: version, fn: fn}
}

// Spec returns the name and the version, marked as opaque.
func (o *opaque) Spec() any {
	return struct {
		Opaque *opaque `json:"opaque"`
	}{o}
}

// Run calls the function.
func (o *opaque) Run(ctx context.Context, c *Call) error {
	if o.fn == nil {
		return errors.New("deploy.Func " + o.Name + ": the function is nil")
	}
	return o.fn(ctx, c)
}

var _ Action = (*opaque)(nil)
