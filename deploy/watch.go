package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Counts are numbers of requests since a release got its traffic.
type Counts struct {
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
}

// Watch is the Action that holds the run while a new release serves real
// traffic, and fails as soon as it serves badly: a release is proven by its
// traffic, not by its gate. Without requests there is no evidence, and
// no evidence is a failure. It changes nothing, so InFlight is Repeat for its
// step.
//
// Nobody watches while the run is held because a condition was inconclusive,
// and the release keeps its traffic: tolerate some with Limits.MaxInconclusive
// where people are far.
type Watch struct {
	// For is how long the release must serve.
	For time.Duration `json:"for"`
	// MaxFailed is how many failed requests are tolerated; zero tolerates
	// none.
	MaxFailed int `json:"max_failed"`
	// MinRequests is how many requests must have been answered by the end;
	// zero is 1. Where they are too few, the watch waits as long again.
	MinRequests int `json:"min_requests,omitempty"`
	// InitialDelay is how long the release serves before anything counts, and
	// For begins after it.
	InitialDelay time.Duration `json:"initial_delay,omitempty"`
	// Interval is the time between looks at the counts and the conditions;
	// zero is 1 second. It bounds, with the time that the conditions take, how
	// long a bad release keeps its traffic.
	Interval time.Duration `json:"interval,omitempty"`
	// Counts counts the requests of the new release since it got the
	// traffic. Nil takes what the run's own prober counts from the start of
	// the watch; see [Plan.Availability]. Without that either, the watch rests
	// on its Conditions. An error is a look that could not be had, as
	// [ErrUnmeasured] is.
	Counts func(context.Context) (Counts, error) `json:"-"`
	// Conditions must hold, all of them, at each look.
	Conditions Conditions `json:"conditions,omitempty"`
	// Limits judge the looks, as they judge the measurements of a [Health]; nil
	// is the zero Limits. A watch lasts for its time, whatever their Successes
	// say, and waits as long again where their evidence is missing.
	Limits *Limits `json:"limits,omitempty"`
}

// Spec returns the limits and the conditions.
func (w *Watch) Spec() any { return w }

// Validate reports limits that cannot work.
func (w *Watch) Validate() error {
	var errs []error
	if w.For <= 0 {
		errs = append(errs, fmt.Errorf("field For is %s; say how long the release must serve", w.For))
	}
	if w.MaxFailed < 0 || w.MinRequests < 0 || w.InitialDelay < 0 || w.Interval < 0 {
		errs = append(errs, errors.New("field MaxFailed, MinRequests, InitialDelay or Interval is negative"))
	}
	return errors.Join(append(errs, w.limits().validate(), w.Conditions.validate())...)
}

func (w *Watch) conditions() Conditions { return w.Conditions }

func (w *Watch) limits() Limits {
	if w.Limits == nil {
		return Limits{}
	}
	return *w.Limits
}

// Preview returns the limits as a sentence, and the conditions.
func (w *Watch) Preview() []string {
	line := fmt.Sprintf("watch for %s: at most %d failed of at least %d requests", w.For, w.MaxFailed, orInt(w.MinRequests, 1))
	if w.InitialDelay > 0 {
		line = fmt.Sprintf("after %s, %s", w.InitialDelay, line)
	}
	if len(w.Conditions) == 0 {
		return []string{line}
	}
	lines := append([]string{line}, w.Conditions.preview()...)
	return append(lines, fmt.Sprintf("each %s: %s", orDur(w.Interval, watchInterval), w.limits()))
}

const watchInterval = time.Second

// Run looks at the counts and the conditions until the time is over or the
// limits are. Its error wraps [ErrInconclusive] where they say neither good nor
// bad.
func (w *Watch) Run(ctx context.Context, c *Call) error {
	if err := pause(ctx, w.InitialDelay); err != nil {
		return err
	}
	o, err := w.begin(c)
	if err != nil {
		return err
	}
	for {
		if err := o.look(ctx, c); err != nil {
			return err
		}
		if o.over() {
			return o.finish(c)
		}
		if err := pause(ctx, orDur(w.Interval, watchInterval)); err != nil {
			return err
		}
	}
}

var _ Previewer = (*Watch)(nil)
