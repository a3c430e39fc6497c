package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/masaruk/devops/internal/probe"
)

// ErrInconclusive is what a condition wraps in its error when it has looked and
// cannot tell, such as a comparison for which there is no data yet. A [Health]
// or [Watch] counts that apart. From the action of a step it is neither good
// nor bad: the run is held, also where InFlight is Repeat, until a person
// answers with [Runner.Decide].
var ErrInconclusive = errors.New("inconclusive")

// ErrUnmeasured is what a condition wraps in its error when it could not look
// at all, for a reason that is not the service's: the tool is missing, the
// source of the figures does not answer.
var ErrUnmeasured = errors.New("cannot be measured")

// Conditions are what must hold of a service, all of it. Each is an Action that
// looks once and changes nothing, so that it can be asked often: its Run
// returns nil when the condition holds, an error that wraps [ErrInconclusive]
// or [ErrUnmeasured], or any other error when the condition does not hold.
// [HTTPCheck], [TCPCheck], [CommandCheck] and what [Check] makes are such
// Actions; each is also good as the action of a step, which then looks once.
//
// One measurement asks them in turn up to the first that does not hold. It is
// as good as its worst condition: one that does not hold, before one that could
// not be measured, before one that is inconclusive.
type Conditions []Action

// MarshalJSON returns the description of each, so that what is asked enters the
// digest of the plan.
func (all Conditions) MarshalJSON() ([]byte, error) {
	described := make([]*ActionDescription, len(all))
	for i, a := range all {
		var err error
		if described[i], err = describeAction(a); err != nil {
			return nil, fmt.Errorf("field Conditions[%d]: %w", i, err)
		}
	}
	return json.Marshal(described)
}

func (all Conditions) validate() error {
	var errs []error
	for i, a := range all {
		d, err := describeAction(a)
		if err == nil && d == nil {
			err = errors.New("is nil")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("field Conditions[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

func (all Conditions) preview() []string {
	var lines []string
	for _, a := range all {
		lines = append(lines, preview(a)...)
	}
	return lines
}

// functions are the actions made by [Func] that an action is or consists of:
// the environment's rules ask for their names.
func functions(a Action) []*opaque {
	if v := reflect.ValueOf(a); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil // describing it tells
	}
	var found []*opaque
	switch a := a.(type) {
	case *opaque:
		found = append(found, a)
	case interface{ conditions() Conditions }:
		for _, part := range a.conditions() {
			found = append(found, functions(part)...)
		}
	}
	return found
}

// measurement is a result and the error that it was made of.
type measurement struct {
	probe.Result
	cause error
}

// measure asks every condition. An error is no result: this controller may
// not ask, or the time for asking is over.
func (all Conditions) measure(ctx context.Context, c *Call) (measurement, error) {
	m := measurement{Result: probe.Result{Outcome: probe.Pass, Started: time.Now()}}
	for _, a := range all {
		err := a.Run(ctx, c)
		if o, named := a.(*opaque); named && err != nil {
			err = fmt.Errorf("%s: %w", o.Name, err)
		}
		if errors.Is(err, ErrFenced) {
			return m, err
		}
		if ctx.Err() != nil { // what was cut off says nothing
			return m, context.Cause(ctx)
		}
		if m.add(err); m.Outcome == probe.Fail {
			break
		}
	}
	m.Latency = time.Since(m.Started)
	return m, nil
}

// add makes m as bad as err, if it is not worse.
func (m *measurement) add(err error) {
	if got := outcomeOf(err); severity(got) > severity(m.Outcome) {
		m.Outcome, m.Reason, m.cause = got, err.Error(), err
	}
}

// clean takes secrets out of what others have said.
func (c *Call) clean(text string) string { return c.outputs.redactor.String(text) }

func outcomeOf(err error) probe.Outcome {
	switch {
	case err == nil:
		return probe.Pass
	case errors.Is(err, ErrUnmeasured):
		return probe.Error
	case errors.Is(err, ErrInconclusive):
		return probe.Inconclusive
	}
	return probe.Fail
}

func severity(o probe.Outcome) int {
	switch o {
	case probe.Pass:
		return 0
	case probe.Inconclusive:
		return 1
	case probe.Error:
		return 2
	}
	return 3
}

// Check makes a condition of any function that tells what is wrong, in the
// shape that the checks of a monitor have, too. Its name and version stand for
// what nobody can read in it, as those of [Func] do, and the environment's
// rules on opaque actions hold for it. Check may wrap [ErrInconclusive] and
// [ErrUnmeasured]; it ends soon after ctx does, which is after 30 seconds at
// the latest.
func Check(name, version string, check func(context.Context) error) Action {
	if check == nil {
		return Func(name, version, nil)
	}
	return Func(name, version, func(ctx context.Context, _ *Call) error {
		bound, cancel := context.WithTimeoutCause(ctx, checkTimeout, fmt.Errorf("it told nothing within %s", checkTimeout))
		defer cancel()
		err := check(bound)
		if err != nil && ctx.Err() == nil && bound.Err() != nil {
			return context.Cause(bound)
		}
		return err
	})
}

const checkTimeout = 30 * time.Second
