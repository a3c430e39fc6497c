package deploy

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/masaruk/devops/internal/probe"
)

// Health is the Action that waits until a service answers well several times
// in a row: a release is good when it says so itself, not when the program
// that started it exited with zero.
type Health struct {
	// URL is asked with GET; each ${name} in it is the output of that name,
	// which the step lists in Binds.
	URL string `json:"url"`
	// Status is the expected status; zero is 200.
	Status int `json:"status,omitempty"`
	// Header and Want, when set, name a header of the answer and the value
	// that it must have, such as X-Release and the name of the release: an
	// answer of another release proves nothing.
	Header string `json:"header,omitempty"`
	Want   string `json:"want,omitempty"`
	// Successes is how many answers in a row must be good; zero is 3.
	Successes int `json:"successes,omitempty"`
	// Interval is the time between requests; zero is 200 ms.
	Interval time.Duration `json:"interval,omitempty"`
	// Patience bounds the wait; zero is 30 seconds.
	Patience time.Duration `json:"patience,omitempty"`
	// Alive, when set, is asked between requests; its error ends the wait at
	// once, since a process that has ended will not answer later.
	Alive func(context.Context) error `json:"-"`
}

// Spec returns the fields but Alive.
func (h *Health) Spec() any { return h }

// Validate reports fields that cannot work.
func (h *Health) Validate() error {
	var errs []error
	if h.URL == "" {
		errs = append(errs, errors.New("field URL is empty"))
	}
	if h.Successes < 0 || h.Interval < 0 || h.Patience < 0 {
		errs = append(errs, errors.New("field Successes, Interval or Patience is negative"))
	}
	return errors.Join(errs...)
}

// Preview returns the request.
func (h *Health) Preview() []string {
	return []string{fmt.Sprintf("GET %s until %d good answers in a row, for at most %s", previewRefs(h.URL), orInt(h.Successes, 3), orDur(h.Patience, 30*time.Second))}
}

// Run asks until enough answers in a row were good.
func (h *Health) Run(ctx context.Context, c *Call) error {
	address, err := c.Expand(h.URL)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	patience := orDur(h.Patience, 30*time.Second)
	wait, cancel := context.WithTimeoutCause(ctx, patience, errPatience)
	defer cancel()
	shown := withoutSecrets(address)
	target := probe.HTTP{URL: address, Status: h.Status, Header: h.Header, Want: h.Want}
	defer target.Close()
	judge := probe.Evaluator{Limits: probe.Limits{MaxFailed: -1, MaxInconclusive: -1, Successes: orInt(h.Successes, 3)}}
	start, last := time.Now(), "no answer yet"
	for {
		if h.Alive != nil {
			if err := h.Alive(wait); err != nil {
				return fmt.Errorf("health of %s: %w (last answer: %s)", shown, err, last)
			}
		}
		res := target.Probe(wait)
		if res.Reason != "" && time.Since(start) < patience { // later ones were cut off, and say nothing of the service
			last = res.Reason
		}
		switch judge.Add(res) {
		case probe.Passed:
			c.Printf("%d good answers in a row from %s", orInt(h.Successes, 3), shown)
			return nil
		case probe.Failed:
			return fmt.Errorf("health of %s: %s", shown, judge.Reason())
		}
		if err := pause(wait, orDur(h.Interval, 200*time.Millisecond)); err != nil {
			if errors.Is(err, errPatience) {
				return fmt.Errorf("health of %s: %w (%s); last answer: %s", shown, err, patience, last)
			}
			return err
		}
	}
}

// withoutSecrets drops the parts of a URL that may hold a token.
func withoutSecrets(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "a URL that cannot be parsed"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

var errPatience = errors.New("not good within its patience")

var _ Previewer = (*Health)(nil)

func orInt(v, zero int) int {
	if v == 0 {
		return zero
	}
	return v
}

func orDur(v, zero time.Duration) time.Duration {
	if v == 0 {
		return zero
	}
	return v
}
