package switchover

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// SwapRequest asks for the traffic to go to another backend.
type SwapRequest struct {
	// To gets the traffic. The zero Backend, which needs Proven, takes the
	// service out of traffic: requests get 503, as before its first release.
	To Backend `json:"to"`
	// From, where it is not nil, is the backend that must have the traffic
	// now; &Backend{} says that none has. Otherwise the swap is refused with
	// [ErrNotLive], so that a deployer that lost its place cannot swap.
	From *Backend `json:"from,omitempty"`
	// Proven says that To was proven good before, so there is no health
	// gate: the way back, which must be fast.
	Proven bool `json:"proven,omitempty"`
	// NoWait returns as soon as new requests go to To. The old backend drains
	// all the same: Status lists it until it has.
	NoWait bool `json:"no_wait,omitempty"`

	// Health is the path that the gate GETs on To itself; empty is /healthz.
	// An answer is good when its status is 200 and it names the release.
	Health string `json:"health,omitempty"`
	// Header is the response header that names the release; empty is the
	// server's ReleaseHeader. Want is the value it must have; empty is
	// To.Name. AnyRelease does not look at it.
	Header     string `json:"header,omitempty"`
	Want       string `json:"want,omitempty"`
	AnyRelease bool   `json:"any_release,omitempty"`
	// Successes is how many answers in a row must be good; zero is 3.
	Successes int `json:"successes,omitempty"`
	// Interval is the time between two probes; zero is 200 ms.
	Interval time.Duration `json:"interval_ns,omitempty"`
	// ProbeTimeout is how long one probe may take; zero is 2 s.
	ProbeTimeout time.Duration `json:"probe_timeout_ns,omitempty"`
	// Timeout is how long the gate may take; zero is 30 s.
	Timeout time.Duration `json:"timeout_ns,omitempty"`
	// Drain is how long requests in flight on the old backend may take before
	// they are cut; zero is 30 s, negative cuts at once.
	Drain time.Duration `json:"drain_ns,omitempty"`
}

// SwapResult tells what a swap did.
type SwapResult struct {
	// From had the traffic before, To has it now.
	From Backend `json:"from"`
	To   Backend `json:"to"`
	// Already says that To had the traffic before the call: nothing was
	// swapped. The drains that were under way were waited for.
	Already bool `json:"already,omitempty"`
	// Probes is how many probes the gate sent.
	Probes int `json:"probes,omitempty"`
	// Swapped is when To got the traffic. No request that arrived later went
	// to From.
	Swapped time.Time `json:"swapped"`
	// Drained says that nothing is in flight on From any more. It is false
	// with NoWait, and where From got the traffic back while it drained.
	Drained bool `json:"drained"`
	// Drain is how long that took.
	Drain time.Duration `json:"drain_ns,omitempty"`
	// Cut is how many requests on From were ended because the drain ran out.
	Cut int `json:"cut,omitempty"`
	// Counts is what was counted for From until the drain ended.
	Counts Counts `json:"counts"`
}

// resolve fills in the defaults and reports every field that cannot be used.
func (q SwapRequest) resolve(releaseHeader string) (SwapRequest, error) {
	var errs []error
	if err := q.To.Validate(); err != nil && !(q.Proven && q.To == (Backend{})) {
		errs = append(errs, fmt.Errorf("to: %w", err))
	}
	q.Health = orDefault(q.Health, "/healthz")
	q.Header = orDefault(q.Header, releaseHeader)
	q.Want = orDefault(q.Want, q.To.Name)
	q.Successes = orDefault(q.Successes, 3)
	q.Interval = orDefault(q.Interval, 200*time.Millisecond)
	q.ProbeTimeout = orDefault(q.ProbeTimeout, 2*time.Second)
	q.Timeout = orDefault(q.Timeout, 30*time.Second)
	q.Drain = orDefault(q.Drain, 30*time.Second)
	if !strings.HasPrefix(q.Health, "/") || strings.ContainsAny(q.Health, " \t\r\n#") {
		errs = append(errs, fmt.Errorf("health: %.128q: want a path such as /healthz", q.Health))
	}
	if q.Successes < 1 {
		errs = append(errs, errors.New("successes: negative: say Proven to swap without a gate"))
	}
	if q.Interval < 0 || q.ProbeTimeout < 0 || q.Timeout < 0 {
		errs = append(errs, errors.New("interval, probe timeout, timeout: negative: there is no gate without an end"))
	}
	return q, errors.Join(errs...)
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// swap sends the traffic to q.To: see [Client.Swap].
func (s *Server) swap(ctx context.Context, q SwapRequest) (SwapResult, error) {
	fail := func(err error) (SwapResult, error) {
		e := &Error{Op: "swap", Subject: q.To.String(), Err: err}
		if errors.Is(err, ErrNotLive) {
			e.Live = s.liveBackend()
		}
		return SwapResult{To: q.To}, e
	}
	q, err := q.resolve(s.opts.ReleaseHeader)
	if err != nil {
		return fail(fmt.Errorf("bad request: %w", err))
	}
	if err := s.lockSwapping(ctx); err != nil {
		return fail(err)
	}
	res, drains, err := s.swapLocked(ctx, q)
	s.swapping.Unlock()
	if err != nil {
		return fail(err)
	}
	if q.NoWait {
		return res, nil
	}
	if err := s.awaitDrains(ctx, &res, drains); err != nil {
		return res, &Error{
			Op: "swap", Subject: q.To.String(),
			Err: fmt.Errorf("%s has the traffic, %s still drains: %w", res.To, res.From, err),
		}
	}
	return res, nil
}

// busyPatience is how long a swap waits for the one before it: that may be
// about to return, its backend live already, and an undo must not fail for it.
const busyPatience = 500 * time.Millisecond

// lockSwapping takes the right to swap.
func (s *Server) lockSwapping(ctx context.Context) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(busyPatience); !s.swapping.TryLock(); {
		if time.Now().After(deadline) {
			return ErrBusy
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// swapLocked passes the gate and swaps. It returns the drains to wait for.
func (s *Server) swapLocked(ctx context.Context, q SwapRequest) (SwapResult, []*drain, error) {
	res := SwapResult{From: s.liveBackend(), To: q.To}
	if res.From == q.To {
		res.Already, res.Swapped = true, s.liveSince()
		return res, append(s.drains(), s.follow(q)...), nil
	}
	if q.From != nil && *q.From != res.From {
		return res, nil, because(ErrNotLive, "expected %s, live is %s", *q.From, res.From)
	}
	ctx, cancel := s.untilStop(ctx)
	defer cancel()
	if !q.Proven {
		probes, err := q.gate(ctx)
		res.Probes = probes
		if err != nil {
			return res, nil, err
		}
	}
	if ctx.Err() != nil {
		return res, nil, context.Cause(ctx)
	}
	// Stored first: if it cannot be, nothing has changed; if the process dies
	// right after, the one that is started next routes to a healthy backend.
	if err := s.persist(q.To); err != nil {
		return res, nil, err
	}
	drains := append(s.setLive(q.To, q.Drain), s.follow(q)...)
	res.Swapped = time.Now()
	s.log.Info("swapped", "from", res.From.Name, "to", q.To.Name, "addr", q.To.Addr, "probes", res.Probes)
	return res, drains, nil
}

func (s *Server) awaitDrains(ctx context.Context, res *SwapResult, drains []*drain) error {
	res.Drained = true
	for _, d := range drains {
		select {
		case <-d.done:
		case <-ctx.Done():
			res.Drained = false
			return context.Cause(ctx)
		}
		res.Cut += d.cut
		res.Drained = res.Drained && !d.revived
		res.Drain = max(res.Drain, d.took)
	}
	if res.From != (Backend{}) {
		res.Counts = s.status(ctx).Counts[res.From.Name]
	}
	return nil
}
