package wait

import (
	"context"
	"fmt"
	"time"

	"github.com/masaruk/devops/deploy"
)

// Mark is the Action that provides the time at which it runs, in RFC 3339, as
// an output.
type Mark struct {
	// Output is the name of the output, which the step lists in Provides.
	Output string `json:"output"`
}

// Spec returns the name of the output.
func (m *Mark) Spec() any { return m }

// Validate reports a missing name.
func (m *Mark) Validate() error {
	if m.Output == "" {
		return fmt.Errorf("field Output is empty; name an output")
	}
	return nil
}

// Preview says so.
func (m *Mark) Preview() []string { return []string{"note the time as output " + m.Output} }

// Run provides the time.
func (m *Mark) Run(_ context.Context, c *deploy.Call) error {
	return c.Provide(m.Output, time.Now().UTC())
}

// Wait is a wait that counts from an instant: [*For] and [*Clock].
type Wait interface {
	deploy.Action
	from(output string) deploy.Action
}

func (f *For) from(output string) deploy.Action {
	g := *f
	g.Since = output
	return &g
}

func (w *Clock) from(output string) deploy.Action {
	x := *w
	x.Since = output
	return &x
}

// Steps returns two steps that wait, and go on waiting from where they began
// when the program died meanwhile: "<name>-begin", which provides the output
// "<name>-began", and name. The Since of w is replaced.
func Steps(name string, w Wait) []deploy.Step {
	began := name + "-began"
	return []deploy.Step{
		{Name: name + "-begin", Provides: []string{began}, InFlight: deploy.Repeat, Do: &Mark{Output: began}},
		{Name: name, Binds: []string{began}, InFlight: deploy.Repeat, Do: w.from(began)},
	}
}

var _ deploy.Previewer = (*Mark)(nil)
