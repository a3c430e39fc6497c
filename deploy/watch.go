package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/masaruk/devops/internal/probe"
)

// Counts are numbers of requests since a release got its traffic.
type Counts struct {
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
}

// Watch is the Action that holds the run while a new release serves real
// traffic, and fails as soon as it serves badly: a release is proven by its
// traffic, not by its gate. Without requests there is no evidence, and
// no evidence is a failure.
type Watch struct {
	// For is how long the release must serve.
	For time.Duration `json:"for"`
	// MaxFailed is how many failed requests are tolerated; zero tolerates
	// none.
	MaxFailed int `json:"max_failed"`
	// MinRequests is how many requests must have been answered by the end;
	// zero is 1. Where they are too few, the watch waits as long again.
	MinRequests int `json:"min_requests,omitempty"`
	// Interval is the time between looks at the counts; zero is 1 second. It
	// bounds how long a bad release keeps its traffic.
	Interval time.Duration `json:"interval,omitempty"`
	// Counts counts the requests of the new release since it got the
	// traffic. Nil takes what the run's own prober counts from the start of
	// the watch; see [Options.Availability]. An error is a look that could
	// not be had; the fifth in a row fails the watch.
	Counts func(context.Context) (Counts, error) `json:"-"`
	// Check, when set, is a further condition that must hold at each look.
	Check func(context.Context) error `json:"-"`
}

// Spec returns the limits.
func (w *Watch) Spec() any { return w }

// Validate reports limits that cannot work.
func (w *Watch) Validate() error {
	var errs []error
	if w.For <= 0 {
		errs = append(errs, fmt.Errorf("field For is %s; say how long the release must serve", w.For))
	}
	if w.MaxFailed < 0 || w.MinRequests < 0 || w.Interval < 0 {
		errs = append(errs, errors.New("field MaxFailed, MinRequests or Interval is negative"))
	}
	return errors.Join(errs...)
}

// Preview returns the limits as a sentence.
func (w *Watch) Preview() []string {
	return []string{fmt.Sprintf("watch for %s: at most %d failed of at least %d requests", w.For, w.MaxFailed, orInt(w.MinRequests, 1))}
}

// Run looks at the counts until the time is over or the limits are.
func (w *Watch) Run(ctx context.Context, c *Call) error {
	counts := w.Counts
	if counts == nil {
		if c.probe == nil {
			return errors.New("watch: nobody counts requests; set Watch.Counts or Options.Availability")
		}
		counts = c.probe.since()
	}
	o := observation{Watch: w, counts: counts, start: time.Now()}
	o.judge.Limits = probe.Limits{MaxFailed: w.MaxFailed, MinResults: orInt(w.MinRequests, 1)}
	for {
		verdict, err := o.look(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("watch: %w", err)
		case verdict == probe.Failed:
			return fmt.Errorf("watch: after %s: %d of %d requests failed, tolerated are %d",
				time.Since(o.start).Round(time.Millisecond), o.seen.Failed, o.seen.Requests, w.MaxFailed)
		case o.blind == 0 && o.over():
			return o.finish(c)
		}
		if err := pause(ctx, orDur(w.Interval, time.Second)); err != nil {
			return err
		}
	}
}

// observation is one run of a Watch.
type observation struct {
	*Watch
	counts func(context.Context) (Counts, error)
	start  time.Time
	judge  probe.Evaluator
	seen   Counts
	blind  int // looks in a row that could not be had
}

// maxBlind is how many looks in a row may be missed.
const maxBlind = 4

// over tells that the time is up: as long again where requests are missing.
func (o *observation) over() bool {
	long := time.Since(o.start)
	enough := o.seen.Requests >= orInt(o.MinRequests, 1)
	return enough && long >= o.For || long >= 2*o.For
}

// look takes the counts in.
func (o *observation) look(ctx context.Context) (probe.Verdict, error) {
	if o.Check != nil {
		if err := o.Check(ctx); err != nil {
			return probe.Failed, err
		}
	}
	now, err := o.counts(ctx)
	if err != nil {
		if context.Cause(ctx) != nil {
			return probe.Undecided, context.Cause(ctx)
		}
		if o.blind++; o.blind > maxBlind {
			return probe.Failed, fmt.Errorf("the requests cannot be counted: %w", err)
		}
		return probe.Undecided, nil
	}
	o.blind = 0
	fresh := Counts{now.Requests - o.seen.Requests, now.Failed - o.seen.Failed}
	if fresh.Requests < 0 || fresh.Failed < 0 || fresh.Failed > fresh.Requests {
		return probe.Failed, fmt.Errorf("the counts went back or make no sense: %+v after %+v", now, o.seen)
	}
	o.seen = now
	verdict := probe.Undecided
	for i := range fresh.Requests {
		outcome := probe.Pass
		if i < fresh.Failed {
			outcome = probe.Fail
		}
		verdict = o.judge.Add(probe.Result{Outcome: outcome})
	}
	return verdict, nil
}

func (o *observation) finish(c *Call) error {
	if o.judge.Finish() != probe.Passed {
		return fmt.Errorf("watch: no evidence: %d requests in %s, needed are %d",
			o.seen.Requests, time.Since(o.start).Round(time.Millisecond), orInt(o.MinRequests, 1))
	}
	c.Printf("%d requests in %s, %d failed", o.seen.Requests, time.Since(o.start).Round(time.Millisecond), o.seen.Failed)
	return nil
}

var _ Previewer = (*Watch)(nil)
