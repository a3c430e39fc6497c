package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/secrets"
)

const canary = `can&ary-<"can>ary`

// escaped are the ways in which the canary may show.
func escaped() []string {
	asJSON, _ := json.Marshal(canary)
	return []string{canary, strings.Trim(string(asJSON), `"`), strings.Trim(fmt.Sprintf("%q", canary), `"`)}
}

func requireNoCanary(t *testing.T, what, text string) {
	t.Helper()
	for _, c := range escaped() {
		require.NotContains(t, text, c, what)
	}
}

// hidden is an error whose text holds no secret, around one that does.
type hidden struct{ inner error }

func (h *hidden) Error() string { return "login failed" }
func (h *hidden) Unwrap() error { return h.inner }

// chain renders every error that can be reached from err.
func chain(err error) string {
	if err == nil {
		return ""
	}
	var text strings.Builder
	text.WriteString(fmt.Sprintf("%v\n%+v\n", err, err))
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		text.WriteString(chain(u.Unwrap()))
	case interface{ Unwrap() []error }:
		for _, e := range u.Unwrap() {
			text.WriteString(chain(e))
		}
	}
	return text.String()
}

type saysInSpec struct {
	Text   string
	Panics bool `json:"-"`
}

func (s *saysInSpec) Spec() any {
	if s.Panics {
		panic("spec of " + s.Text)
	}
	return s
}
func (s *saysInSpec) Run(context.Context, *deploy.Call) error { return nil }

// TestTheCanaryIsNowhere lets a secret into everything a plan or an action can
// say, and looks for it in every record, event, report and error.
func TestTheCanaryIsNowhere(t *testing.T) {
	secret := secrets.New(canary)
	redactor, err := secrets.NewRedactor(secret)
	require.NoError(t, err)
	act := func(fn func(context.Context, *deploy.Call) error) deploy.Step {
		var did []string
		return deploy.Step{Name: "s", InFlight: deploy.Repeat, Provides: []string{"o"}, Do: &effect{Name: "s", did: &did, fn: fn}}
	}
	returns := func(err error) deploy.Step {
		return act(func(context.Context, *deploy.Call) error { return err })
	}
	for name, step := range map[string]deploy.Step{
		"error":            returns(errors.New("x " + canary)),
		"wrapped error":    returns(fmt.Errorf("a: %w", fmt.Errorf("b: %w", errors.New(canary)))),
		"joined error":     returns(errors.Join(errors.New("x"), errors.New(canary))),
		"hidden in chain":  returns(&hidden{errors.New("password " + canary)}),
		"panic":            act(func(context.Context, *deploy.Call) error { panic(canary) }),
		"panic with error": act(func(context.Context, *deploy.Call) error { panic(errors.New(canary)) }),
		"output line":      act(func(_ context.Context, c *deploy.Call) error { c.Printf("%s", canary); return nil }),
		"output in pieces": act(func(_ context.Context, c *deploy.Call) error {
			c.Printf("%s", canary[:4])
			c.Printf("%s", canary)
			return nil
		}),
		"provided text": act(func(_ context.Context, c *deploy.Call) error { return c.Provide("o", canary) }),
		"provided key":  act(func(_ context.Context, c *deploy.Call) error { return c.Provide("o", map[string]int{canary: 1}) }),
		"provided raw": act(func(_ context.Context, c *deploy.Call) error {
			return c.Provide("o", json.RawMessage(`{"a":["x`+strings.ReplaceAll(canary, `"`, `\"`)+`"]}`))
		}),
		"spec":             {Name: "s", Do: &saysInSpec{Text: canary}},
		"spec panics":      {Name: "s", Do: &saysInSpec{Text: canary, Panics: true}},
		"argv":             {Name: "s", Do: &deploy.Exec{Command: deploy.Command{Argv: []string{"curl", canary}}}},
		"health URL":       {Name: "s", Do: &deploy.Health{URL: "http://u:" + canary + "@127.0.0.1:1/?t=" + canary, Patience: time.Millisecond}},
		"kind":             {Name: "s", Kind: deploy.Kind(canary), Do: &saysInSpec{}},
		"check of a watch": {Name: "s", Do: &deploy.Watch{For: time.Second, Conditions: deploy.Conditions{deploy.Check("c", "1", func(context.Context) error { return errors.New(canary) })}, Counts: traffic(1, 0)}},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var seen strings.Builder
			handle := func(e deploy.Event) {
				mu.Lock()
				defer mu.Unlock()
				fmt.Fprintf(&seen, "%+v\n", e)
				if f, ok := e.(deploy.StepFinished); ok {
					seen.WriteString(chain(f.Err))
				}
			}
			log := newMemLog()
			rep, err := newRunner(t, log, &deploy.Options{Redactor: redactor, Handle: handle}).Run(t.Context(), "r1", plan(step))
			requireNoCanary(t, "errors", chain(err))
			for _, rec := range log.streams["dev/api"] {
				requireNoCanary(t, "record", string(rec))
			}
			asJSON, jsonErr := json.Marshal(rep)
			require.NoError(t, jsonErr)
			requireNoCanary(t, "report", fmt.Sprintf("%+v %s", rep, asJSON))
			mu.Lock()
			defer mu.Unlock()
			requireNoCanary(t, "events", seen.String())
		})
	}
}

func TestTheCanaryIsInNoDecisionNorInitiator(t *testing.T) {
	redactor, err := secrets.NewRedactor(secrets.New(canary))
	require.NoError(t, err)
	var did []string
	log := newMemLog()
	p := three(&did)
	crashAt(log, 3)
	r := newRunner(t, log, &deploy.Options{Redactor: redactor, Initiator: "ci with " + canary})
	_, err = r.Run(t.Context(), "r1", p)
	require.ErrorIs(t, err, errCrash)
	log.before = nil
	require.NoError(t, r.Decide(t.Context(), p.Ref("r1"), "", deploy.Decision{Answer: deploy.AnswerUndo, By: "ada", Comment: "rotated " + canary}))
	for _, rec := range log.streams["dev/api"] {
		requireNoCanary(t, "record", string(rec))
	}
}

func TestARedactedErrorIsStillTold(t *testing.T) {
	redactor, err := secrets.NewRedactor(secrets.New(canary))
	require.NoError(t, err)
	var did []string
	p := three(&did)
	p.Steps[0].Do = &effect{Name: "do a", did: &did, fn: func(context.Context, *deploy.Call) error {
		return fmt.Errorf("%s: %w", canary, &deploy.ExitError{Program: "x", Exit: 3, Stderr: canary})
	}}
	_, err = newRunner(t, newMemLog(), &deploy.Options{Redactor: redactor}).Run(t.Context(), "r1", p)
	var exit *deploy.ExitError
	if errors.As(err, &exit) {
		requireNoCanary(t, "ExitError", exit.Error())
	}
}

// TestAnErrorThatPanicsIsAFailedStep: an error whose methods panic is mostly a
// typed nil.
func TestAnErrorThatPanicsIsAFailedStep(t *testing.T) {
	var did []string
	p := three(&did)
	p.Steps[1].Do = &effect{Name: "do b", did: &did, fn: func(context.Context, *deploy.Call) error {
		var e *hiddenNil
		return e
	}}
	require.NotPanics(t, func() {
		rep, err := newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", p)
		require.Error(t, err)
		require.Equal(t, deploy.Undone, rep.Outcome)
	})
}

type hiddenNil struct{ text string }

func (h *hiddenNil) Error() string { return h.text }

// TestTypedNilActionsAreRefused before anything runs.
func TestTypedNilActionsAreRefused(t *testing.T) {
	for _, a := range []deploy.Action{(*deploy.Exec)(nil), (*deploy.Health)(nil), (*deploy.Watch)(nil), (*effect)(nil)} {
		var did []string
		ok := &effect{Name: "x", did: &did}
		for name, s := range map[string]deploy.Step{
			"do": {Name: "s", Do: a}, "undo": {Name: "s", Do: ok, Undo: a}, "verify": {Name: "s", Do: ok, Verify: a, InFlight: deploy.Verify},
		} {
			require.Error(t, plan(s).Validate(), "%s %T", name, a)
		}
	}
}

// graph is an Action that holds on to a graph with cycles, of which its JSON
// shows nothing.
type graph struct {
	Name  string `json:"name"`
	nodes []*node
}

type node struct{ next []*node }

func (g *graph) Spec() any                               { return g }
func (g *graph) Run(context.Context, *deploy.Call) error { return nil }

func TestASpecWithAGraphBehindItIsSearchedOnce(t *testing.T) {
	layer := []*node{}
	for range 28 { // 2^28 ways through it
		layer = []*node{{next: layer}, {next: layer}}
	}
	done := make(chan error, 1)
	go func() { done <- plan(deploy.Step{Name: "s", Do: &graph{Name: "g", nodes: layer}}).Validate() }()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		t.Fatal("Validate walks every way through a graph of 56 nodes")
	}
}

// TestASpecIsReadAsItsJSONWouldBe: what is not exported may be in use.
func TestASpecIsReadAsItsJSONWouldBe(t *testing.T) {
	g := &graph{Name: "g"}
	began, stop, stopped := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		close(began)
		for {
			select {
			case <-stop:
				return
			default:
				g.nodes = []*node{{}}
			}
		}
	}()
	<-began
	for range 500 {
		require.NoError(t, plan(deploy.Step{Name: "s", Do: g}).Validate())
	}
	close(stop)
	<-stopped
}

func redactorOf(t *testing.T, values ...string) *secrets.Redactor {
	t.Helper()
	r, err := secrets.NewRedactor()
	require.NoError(t, err)
	for _, v := range values {
		require.NoError(t, r.Add(secrets.New(v)))
	}
	return r
}
