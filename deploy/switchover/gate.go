package switchover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/masaruk/devops/internal/probe"
)

var errGateTime = errors.New("time for the health gate is over")

// gate asks the backend itself until it has given enough good answers in a
// row. A bad one only begins the row anew: a backend that still boots is
// waited for. It returns the number of probes, and an error that wraps
// [ErrUnhealthy] and tells what the last failure was.
func (q *SwapRequest) gate(ctx context.Context) (int, error) {
	deadline := time.Now().Add(q.Timeout)
	ctx, cancel := context.WithDeadlineCause(ctx, deadline, errGateTime)
	defer cancel()
	prober := &probe.HTTP{URL: "http://" + q.To.Addr + q.Health, Header: q.Header, Want: q.Want, Timeout: q.ProbeTimeout}
	if q.AnyRelease {
		prober.Header, prober.Want = "", ""
	}
	defer prober.Close()
	tick := time.NewTicker(q.Interval)
	defer tick.Stop()
	probes, good, last := 0, 0, "none"
	for {
		res := prober.Probe(ctx)
		probes++
		switch {
		case res.Outcome == probe.Pass:
			good++
		case probes == 1 || ctx.Err() == nil && time.Now().Before(deadline):
			good, last = 0, res.Reason // one that ran out of time tells less
		}
		if res.Outcome == probe.Pass && good >= q.Successes {
			return probes, nil
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		}
		if cause := context.Cause(ctx); cause != error(errGateTime) {
			return probes, fmt.Errorf("health gate was called off: %w", cause)
		}
		return probes, because(ErrUnhealthy, "%s did not pass %d probes in a row within %v (%d were sent); last failure: %s",
			q.To, q.Successes, q.Timeout, probes, last)
	}
}
