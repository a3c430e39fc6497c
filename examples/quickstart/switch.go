package main

import (
	"context"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/switchover"
)

// swap moves the traffic to the release. The switchover asks it for its health
// once more, swaps, and drains the old one while the new one is watched.
type swap struct {
	Release string              `json:"release"`
	From    *switchover.Backend `json:"from"`

	traffic *switchover.Client
}

func (s *swap) Spec() any { return s }

func (s *swap) Preview() []string {
	return []string{"traffic from " + s.From.String() + " to " + s.Release}
}

func (s *swap) Run(ctx context.Context, c *deploy.Call) error {
	var addr string
	if err := c.Bind("addr", &addr); err != nil {
		return err
	}
	st, err := s.traffic.Status(ctx)
	if err != nil {
		return err
	}
	to := switchover.Backend{Name: s.Release, Addr: addr}
	// The watch begins at the swap, not after the drain of the old release:
	// that may take long, and a bad release must not have the time.
	req := switchover.SwapRequest{To: to, From: s.From, NoWait: true, Interval: probeInterval / 2, Timeout: patience}
	before := countsOf(st, s.Release) // of an attempt that was undone
	if st.Live == to {                // an attempt that was cut off
		req.From, before = &to, deploy.Counts{}
	}
	if err := c.Provide("before", before); err != nil {
		return err
	}
	_, err = s.traffic.Swap(ctx, req)
	return err
}

// countsOf returns what the switchover counted for a release, the prober's
// requests included.
func countsOf(st switchover.Status, name string) deploy.Counts {
	c := st.Counts[name]
	return deploy.Counts{Requests: int(c.Requests + c.Probes.Requests), Failed: int(c.Failed + c.Probes.Failed)}
}

// observe watches what the switchover counts for the release.
type observe struct {
	deploy.Watch
	Release string `json:"release"`

	traffic *switchover.Client
}

func (o *observe) Spec() any { return o }

func (o *observe) Run(ctx context.Context, c *deploy.Call) error {
	var before deploy.Counts
	if err := c.Bind("before", &before); err != nil {
		return err
	}
	watch := o.Watch
	watch.Counts = func(ctx context.Context) (deploy.Counts, error) {
		st, err := o.traffic.Status(ctx)
		if err != nil {
			return deploy.Counts{}, err
		}
		now := countsOf(st, o.Release)
		return deploy.Counts{Requests: now.Requests - before.Requests, Failed: now.Failed - before.Failed}, nil
	}
	return watch.Run(ctx, c)
}

// swapBack gives the traffic back to the release that had it, at once. Where
// none had it, the service is taken out of traffic.
type swapBack struct {
	To *switchover.Backend `json:"to"`

	traffic *switchover.Client
}

func (s *swapBack) Spec() any { return s }

func (s *swapBack) Preview() []string { return []string{"traffic back to " + s.To.String()} }

func (s *swapBack) Run(ctx context.Context, c *deploy.Call) error {
	res, err := s.traffic.Swap(ctx, switchover.SwapRequest{To: *s.To, Proven: true})
	if err != nil {
		return err
	}
	c.Printf("%s drained in %s, %d cut", res.From, res.Drain.Round(time.Millisecond), res.Cut)
	return nil
}
