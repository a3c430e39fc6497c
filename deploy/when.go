package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// When is a condition on an output of an earlier step, known only during the
// run. It is data, so that people see it before and can tell why a step was
// skipped.
type When struct {
	// Output names the output; the step must list it in Binds.
	Output string `json:"output"`
	// Is is the value that lets the step run: a string as it is, any other
	// output as its JSON, such as "true" or "3".
	Is string `json:"is"`
	// Not turns the condition round.
	Not bool `json:"not,omitempty"`
}

// String returns the condition for people.
func (w When) String() string {
	is := "is"
	if w.Not {
		is = "is not"
	}
	return fmt.Sprintf("output %s %s %q", w.Output, is, w.Is)
}

func (w *When) validate(s Step) error {
	if w == nil {
		return nil
	}
	if _, ok := declares(s.Binds, w.Output); !ok {
		return fmt.Errorf("When reads output %q, which Binds does not list", w.Output)
	}
	return nil
}

// holds tells whether the step is to run. An output that was never set is none
// of the values.
func (w *When) holds(outputs map[string]json.RawMessage) bool {
	raw, ok := outputs[w.Output]
	var text string
	if ok && json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	return (ok && text == w.Is) != w.Not
}

// skip leaves the step out if its condition does not hold, and makes that
// durable: what is skipped once stays so.
func (x *execution) skip(ctx context.Context, s Step) (skipped bool, err error) {
	if s.When == nil || x.attemptState(s.Name, PhaseForward).attempts > 0 {
		return false, nil
	}
	if outputs, _ := x.bound(s); s.When.holds(outputs) {
		return false, nil
	}
	rec := &record{Kind: recSkipped, Run: x.id, Step: s.Name, Host: localHost}
	if err := x.appendStep(ctx, rec, PhaseForward); err != nil {
		return true, err
	}
	x.events.send(StepFinished{
		Run: x.id, Service: x.plan.Service, Environment: x.plan.Env.Name, Step: s.Name, Host: localHost,
		Kind: s.Kind, Phase: PhaseForward, Outcome: Skipped, Time: time.Now(),
	})
	return true, nil
}
