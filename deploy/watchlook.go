package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/masaruk/devops/internal/probe"
)

// observation is one run of a Watch.
type observation struct {
	*Watch
	all     Conditions
	counts  func(context.Context) (Counts, error) // nil where nobody counts
	start   time.Time
	traffic probe.Evaluator // of requests
	looks   probe.Evaluator
	seen    Counts // since the start
	before  Counts // the start, where that is not that of the counts
	rebase  bool   // the next counts are the start
	last    measurement
	cause   error
}

// begin starts to observe.
func (w *Watch) begin(c *Call) (*observation, error) {
	o := &observation{Watch: w, all: w.Conditions, counts: w.Counts, start: time.Now(), looks: w.limits().judge()}
	switch {
	case o.counts != nil:
		o.rebase = w.InitialDelay > 0
	case c.probe != nil:
		o.counts = c.probe.since()
	case len(o.all) == 0:
		return nil, errors.New("watch: nobody counts requests; set Watch.Counts, Watch.Conditions or Plan.Availability")
	}
	o.looks.Limits.Whole = true
	o.traffic.Limits = probe.Limits{MaxFailed: w.MaxFailed, MinResults: orInt(w.MinRequests, 1)}
	return o, nil
}

// look takes in the counts and what the conditions say.
func (o *observation) look(ctx context.Context, c *Call) error {
	missed, err := o.count(ctx)
	if err != nil {
		return err
	}
	bound, cancel := context.WithTimeoutCause(ctx, o.For, errSlowLook)
	defer cancel()
	m, err := o.all.measure(bound, c)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, errSlowLook):
		missed = errors.Join(missed, fmt.Errorf("%w: %w of %s", ErrUnmeasured, err, o.For))
	case err != nil:
		return fmt.Errorf("watch: %w", err)
	}
	m.add(missed)
	if o.last = m; m.cause != nil {
		o.cause = m.cause
	}
	return o.refused(o.looks.Add(m.Result))
}

var errSlowLook = errors.New("the conditions took longer than the watch")

// count takes the counts in. It returns why they could not be had, and why the
// requests fail the watch.
func (o *observation) count(ctx context.Context) (missed, failed error) {
	if o.counts == nil {
		return nil, nil
	}
	now, err := o.counts(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil && errors.Is(err, ErrInconclusive):
		return fmt.Errorf("the requests cannot be counted: %w", err), nil
	case err != nil:
		return fmt.Errorf("%w: the requests cannot be counted: %w", ErrUnmeasured, err), nil
	}
	if o.rebase {
		o.before, o.rebase = now, false
	}
	now = Counts{now.Requests - o.before.Requests, now.Failed - o.before.Failed}
	fresh := Counts{now.Requests - o.seen.Requests, now.Failed - o.seen.Failed}
	if fresh.Requests < 0 || fresh.Failed < 0 || fresh.Failed > fresh.Requests {
		return nil, fmt.Errorf("watch: the counts went back or make no sense: %+v after %+v", now, o.seen)
	}
	o.seen = now
	verdict := probe.Undecided
	for i := range fresh.Requests {
		outcome := probe.Pass
		if i < fresh.Failed {
			outcome = probe.Fail
		}
		verdict = o.traffic.Add(probe.Result{Outcome: outcome})
	}
	if verdict == probe.Failed {
		return nil, fmt.Errorf("watch: after %s: %d of %d requests failed, tolerated are %d", o.since(), o.seen.Failed, o.seen.Requests, o.MaxFailed)
	}
	return nil, nil
}

func (o *observation) since() time.Duration { return time.Since(o.start).Round(time.Millisecond) }

// refused is the error of a verdict on the looks, nil while it is good.
func (o *observation) refused(v probe.Verdict) error {
	if v == probe.Failed || v == probe.Unclear {
		return refusal(v, fmt.Sprintf("watch: after %s: %s", o.since(), o.looks.Reason()), o.cause)
	}
	return nil
}

// over tells that the time is up: as long again where evidence is missing.
func (o *observation) over() bool {
	long := time.Since(o.start)
	enough := o.counts == nil || o.seen.Requests >= orInt(o.MinRequests, 1)
	return enough && o.looks.Enough() && o.last.Outcome != probe.Error && long >= o.For || long >= 2*o.For
}

func (o *observation) finish(c *Call) error {
	if o.counts != nil && o.traffic.Finish() != probe.Passed {
		return fmt.Errorf("watch: no evidence: %d requests in %s, needed are %d", o.seen.Requests, o.since(), orInt(o.MinRequests, 1))
	}
	if o.last.Outcome == probe.Error {
		return fmt.Errorf("watch: after %s: the last look %w", o.since(), o.last.cause)
	}
	if err := o.refused(o.looks.Finish()); err != nil {
		return err
	}
	if o.counts != nil {
		c.Printf("%d requests in %s, %d failed", o.seen.Requests, o.since(), o.seen.Failed)
	} else {
		c.Printf("the conditions held for %s", o.since())
	}
	return nil
}
