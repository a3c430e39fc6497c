package files

import (
	"context"
	"fmt"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/stepinput"
)

// Restore is the Undo of a step whose Do places something at To: it puts back
// what was there before the step, or removes what the step has placed where
// nothing was.
type Restore struct {
	// To is the same text as in the Do.
	To string `json:"to"`
}

// Spec returns the path.
func (r *Restore) Spec() any { return r }

// Validate reports a path that is none.
func (r *Restore) Validate() error {
	return checkPath("To", r.To)
}

// Preview returns the path.
func (r *Restore) Preview() []string {
	return []string{"put back what was at " + stepinput.Shown(r.To)}
}

// Run puts back. It changes nothing where the step has changed nothing.
func (r *Restore) Run(_ context.Context, c *deploy.Call) error {
	p, err := newPlace(c, durable.OS{}, r.To)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	said, err := p.restore()
	if err != nil {
		return fmt.Errorf("restore %s: %w", p.to, err)
	}
	c.Printf("%s: %s", p.to, said)
	return nil
}

var _ deploy.Previewer = (*Restore)(nil)
