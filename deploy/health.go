package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/masaruk/devops/internal/probe"
)

// Health is the Action that waits until a service is well several times in a
// row: a release is good when it says so itself, not when the program that
// started it exited with zero. Other [Limits] make it an analysis of a series
// of measurements. It changes nothing, so InFlight is Repeat for its step.
type Health struct {
	// URL, Status, Header and Want are those of an [HTTPCheck], which is asked
	// before the Conditions; an empty URL is none. Header and Want, such as
	// X-Release and the name of the release, matter: an answer of another
	// release proves nothing.
	URL    string `json:"url"`
	Status int    `json:"status,omitempty"`
	Header string `json:"header,omitempty"`
	Want   string `json:"want,omitempty"`
	// Conditions must hold, all of them, in a good measurement.
	Conditions Conditions `json:"conditions,omitempty"`
	// Limits judge the measurements; nil is what a service that starts needs:
	// any number may fail within Patience, and the last 3 must be good. The
	// step is done as soon as there is a row of Limits.Successes, where that is
	// set, and at the end of Patience or Count otherwise.
	Limits *Limits `json:"limits,omitempty"`
	// Count, when set, is the number of measurements at whose end the Limits
	// must be met; zero is as many as Patience has time for.
	Count int `json:"count,omitempty"`
	// InitialDelay is the time before the first measurement.
	InitialDelay time.Duration `json:"initial_delay,omitempty"`
	// Interval is the time between measurements; zero is 200 ms.
	Interval time.Duration `json:"interval,omitempty"`
	// Patience bounds the measuring, without InitialDelay; zero is 30 seconds.
	Patience time.Duration `json:"patience,omitempty"`
	// Alive, when set, is asked between measurements; its error ends the wait
	// at once, since a process that has ended will not answer later.
	Alive func(context.Context) error `json:"-"`
}

// Spec returns the fields but Alive.
func (h *Health) Spec() any { return h }

// Validate reports fields that cannot work.
func (h *Health) Validate() error {
	var errs []error
	if h.URL == "" && len(h.Conditions) == 0 {
		errs = append(errs, errors.New("field URL is empty, and so is Conditions: say what to measure"))
	}
	if h.URL == "" && (h.Status != 0 || h.Header != "" || h.Want != "") {
		errs = append(errs, errors.New("field Status, Header or Want is set and URL is empty"))
	}
	if h.Count < 0 || h.InitialDelay < 0 || h.Interval < 0 || h.Patience < 0 {
		errs = append(errs, errors.New("field Count, InitialDelay, Interval or Patience is negative"))
	}
	if h.URL != "" {
		errs = append(errs, h.answer().Validate())
	}
	limits := h.limits()
	if wanted := max(limits.Successes, limits.MinResults); h.Count > 0 && h.Count < wanted {
		errs = append(errs, fmt.Errorf("field Count: %d measurements cannot give the %d that the Limits want", h.Count, wanted))
	}
	return errors.Join(append(errs, limits.validate(), h.Conditions.validate())...)
}

// answer is the condition that the fields about HTTP amount to.
func (h *Health) answer() *HTTPCheck {
	return &HTTPCheck{URL: h.URL, Status: h.Status, Header: h.Header, Want: h.Want}
}

func (h *Health) conditions() Conditions {
	if h.URL == "" {
		return h.Conditions
	}
	return append(Conditions{h.answer()}, h.Conditions...)
}

func (h *Health) limits() Limits {
	if h.Limits == nil {
		return Limits{MaxFailed: -1, Successes: 3}
	}
	return *h.Limits
}

// Preview returns the conditions and how they are judged.
func (h *Health) Preview() []string {
	patience := orDur(h.Patience, 30*time.Second)
	if h.Limits == nil && len(h.Conditions) == 0 && h.Count == 0 {
		return []string{fmt.Sprintf("GET %s until 3 good answers in a row, for at most %s", previewRefs(h.URL), patience)}
	}
	line := fmt.Sprintf("each %s for at most %s: %s", orDur(h.Interval, healthInterval), patience, h.limits())
	if h.Count > 0 {
		line += fmt.Sprintf(", %d at most", h.Count)
	}
	if h.InitialDelay > 0 {
		line = fmt.Sprintf("after %s, %s", h.InitialDelay, line)
	}
	return append(h.conditions().preview(), line)
}

const healthInterval = 200 * time.Millisecond

// Run measures until the limits say good or bad, or the patience is over. Its
// error wraps [ErrInconclusive] where they say neither.
func (h *Health) Run(ctx context.Context, c *Call) error {
	if err := pause(ctx, h.InitialDelay); err != nil {
		return err
	}
	patience := orDur(h.Patience, 30*time.Second)
	wait, cancel := context.WithTimeoutCause(ctx, patience, errPatience)
	defer cancel()
	judge := h.limits().judge()
	judge.Limits.Count = h.Count
	conditions := h.conditions()
	var cause error
	for n := 1; ; n++ {
		m, err := h.measure(wait, c, conditions)
		verdict, over := probe.Undecided, wait.Err() != nil && (errors.Is(err, errPatience) || errors.Is(err, context.DeadlineExceeded))
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case over: // what was cut off says nothing of the service
			verdict = judge.Finish()
		case err != nil && cause != nil:
			return fmt.Errorf("health: %w (last: %v)", err, cause)
		case err != nil:
			return fmt.Errorf("health: %w", err)
		default:
			if m.cause != nil {
				cause = m.cause
			}
			verdict = judge.Add(m.Result)
		}
		switch verdict {
		case probe.Passed:
			c.Printf("good after %d measurements", n)
			return nil
		case probe.Failed, probe.Unclear:
			text := "health: " + judge.Reason()
			if over {
				text = fmt.Sprintf("health: %s (%s): %s", errPatience, patience, judge.Reason())
			}
			return refusal(verdict, text, cause)
		}
		_ = pause(wait, orDur(h.Interval, healthInterval)) // the next measurement finds out
	}
}

// measure makes one measurement, of a process that is alive.
func (h *Health) measure(ctx context.Context, c *Call, all Conditions) (measurement, error) {
	if err := context.Cause(ctx); err != nil {
		return measurement{}, err
	}
	if h.Alive != nil {
		if err := h.Alive(ctx); err != nil {
			return measurement{}, err
		}
	}
	return all.measure(ctx, c)
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
