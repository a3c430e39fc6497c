package freshness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/masaruk/devops/monitor"
)

// Source tells when something happened last. The zero time, and an error that
// wraps [fs.ErrNotExist], mean never; another error that nobody can tell. It
// returns soon after ctx ends.
type Source func(ctx context.Context) (time.Time, error)

// Options configure a [Check]. The zero value is the default.
type Options struct {
	// WarnAge is the age above which it is a warning; zero is never.
	WarnAge time.Duration
	// Skew is how far in the future a time may lie, because clocks differ; zero
	// is a minute, negative not at all.
	Skew time.Duration
	// Never is the status while it has not happened at all; zero is Fail.
	Never monitor.Status
}

// Check compares an age with limits. [New] makes it.
type Check struct {
	last   Source
	maxAge time.Duration
	o      Options
}

var _ monitor.Check = (*Check)(nil)

// New makes a check that fails when the last time is more than maxAge ago. Nil
// options are the defaults. The error tells what cannot be used.
func New(last Source, maxAge time.Duration, opts *Options) (*Check, error) {
	c := &Check{last: last, maxAge: maxAge}
	if opts != nil {
		c.o = *opts
	}
	switch {
	case last == nil:
		return nil, errors.New("freshness.New: the source is nil")
	case maxAge <= 0:
		return nil, fmt.Errorf("freshness.New: maxAge %s is not above zero", maxAge)
	case c.o.WarnAge < 0 || c.o.WarnAge > maxAge:
		return nil, fmt.Errorf("freshness.New: Options.WarnAge %s is negative or above maxAge %s", c.o.WarnAge, maxAge)
	case c.o.Never > monitor.Fail:
		return nil, fmt.Errorf("freshness.New: Options.Never %d is no status", c.o.Never)
	}
	if c.o.Skew == 0 {
		c.o.Skew = time.Minute
	}
	c.o.Skew = max(c.o.Skew, 0)
	if c.o.Never == monitor.Unknown {
		c.o.Never = monitor.Fail
	}
	return c, nil
}

// Check asks the source once.
func (c *Check) Check(ctx context.Context) monitor.Result {
	last, err := c.last(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && last.IsZero():
		return c.never(err)
	case err != nil:
		return monitor.Result{
			Status: monitor.Fail, Detail: "cannot tell when it happened",
			Err: fmt.Errorf("when it happened last cannot be told: %w", err),
		}
	}
	age := time.Since(last)
	if age < -c.o.Skew {
		return monitor.Result{
			Status: monitor.Fail, Detail: "its time lies in the future", Measurements: measured(age),
			Err: fmt.Errorf("its time, %s, lies %s in the future: a clock is wrong, or that time is", last.UTC().Format(time.RFC3339), text(-age)),
		}
	}
	return c.judge(last, max(age, 0))
}

func (c *Check) never(err error) monitor.Result {
	r := monitor.Result{Status: c.o.Never, Detail: "never happened"}
	if c.o.Never != monitor.Pass {
		r.Err = errors.New("it never happened")
		if err != nil {
			r.Err = fmt.Errorf("it never happened: %w", err)
		}
	}
	return r
}

func (c *Check) judge(last time.Time, age time.Duration) monitor.Result {
	r := monitor.Result{Status: monitor.Pass, Measurements: measured(age)}
	limit := c.maxAge
	switch {
	case age > c.maxAge:
		r.Status = monitor.Fail
	case c.o.WarnAge > 0 && age > c.o.WarnAge:
		r.Status, limit = monitor.Warn, c.o.WarnAge
	default:
		r.Detail = text(age) + " old"
		return r
	}
	r.Detail = fmt.Sprintf("%s old, more than %s", text(age), text(limit))
	r.Err = fmt.Errorf("it happened last at %s: %s", last.UTC().Format(time.RFC3339), r.Detail)
	return r
}

func measured(age time.Duration) []monitor.Measurement {
	return []monitor.Measurement{{Name: "age", Value: age.Seconds(), Unit: "s"}}
}

// text is d with the precision that a person wants.
func text(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day && d%day < time.Hour:
		return fmt.Sprintf("%dd", d/day)
	case d >= 2*day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Minute:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}
