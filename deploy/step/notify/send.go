package notify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/masaruk/devops/deploy"
)

// Send is the Action that sends a notification to every channel, side by side.
type Send struct {
	To []Channel
	// Title and Text are templates; the package comment says what they can
	// use. Empty says what is known: service, environment, outcome so far,
	// run, step, and the plan's change.
	Title, Text string
	// Required makes the step fail where a channel failed. The zero value
	// writes it down and goes on.
	Required bool
	// Timeout bounds each channel; zero is 30 seconds.
	Timeout time.Duration
}

const defaultTimeout = 30 * time.Second

func orDefault(d time.Duration) time.Duration {
	if d == 0 {
		return defaultTimeout
	}
	return d
}

// spec is what a notification is made of.
type spec struct {
	To       []any         `json:"to"`
	Title    string        `json:"title,omitempty"`
	Text     string        `json:"text,omitempty"`
	Required bool          `json:"required,omitempty"`
	Timeout  time.Duration `json:"timeout"`
}

// Spec returns the notification with its secrets by name.
func (s *Send) Spec() any {
	sp := spec{Title: s.Title, Text: s.Text, Required: s.Required, Timeout: orDefault(s.Timeout)}
	for _, to := range s.To {
		sp.To = append(sp.To, to.Spec())
	}
	return sp
}

// Validate reports texts that are no templates, and channels that cannot work.
func (s *Send) Validate() error {
	_, err := parse(s.Title, s.Text)
	errs := []error{err, validateChannels(s.To)}
	if s.Timeout < 0 {
		errs = append(errs, errors.New("field Timeout is negative"))
	}
	return errors.Join(errs...)
}

func validateChannels(to []Channel) error {
	if len(to) == 0 {
		return errors.New("field To is empty; name a channel")
	}
	var errs []error
	for i, channel := range to {
		if channel == nil {
			errs = append(errs, fmt.Errorf("field To[%d] is nil", i))
		} else if err := channel.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("field To[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// Preview returns a line for each channel.
func (s *Send) Preview() []string {
	title := s.Title
	if title == "" {
		title = defaultTitle
	}
	var lines []string
	for _, to := range s.To {
		lines = append(lines, fmt.Sprintf("tell %s: %s", to.Preview(), title))
	}
	return lines
}

// Run sends. Where nothing is Required it fails only for a text that cannot be
// made, and when ctx ends.
func (s *Send) Run(ctx context.Context, c *deploy.Call) error {
	t, err := parse(s.Title, s.Text)
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	f := Facts{Service: c.Service, Environment: c.Environment, Run: c.Run, Step: c.Step, Outcome: GoesForward}
	if c.Plan != nil {
		f.Change = c.Plan.Change
	}
	if c.Phase == deploy.PhaseUndo {
		f.Outcome = TurnsBack
	}
	n, err := t.note(c, f, "")
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	errs := deliver(ctx, s.To, n, orDefault(s.Timeout))
	if failed := errors.Join(errs...); failed != nil && ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), failed) // it is told when the run goes on
	}
	for i, err := range errs {
		switch {
		case err == nil:
			c.Printf("told %s", s.To[i].Preview())
		case !s.Required:
			c.Printf("%v; the run goes on", err)
			c.Log.WarnContext(ctx, "notification not sent", "channel", s.To[i].Preview(), "err", err.Error())
			errs[i] = nil
		}
	}
	return errors.Join(errs...)
}

// deliver sends to all channels side by side; the errors are in their order.
func deliver(ctx context.Context, to []Channel, n Note, timeout time.Duration) []error {
	errs := make([]error, len(to))
	var all sync.WaitGroup
	for i, channel := range to {
		all.Go(func() {
			bounded, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not sent within %s: %w", timeout, context.DeadlineExceeded))
			defer cancel()
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("notify %s: it panicked with a %T", channel.Preview(), p)
				}
			}()
			if err := channel.Deliver(bounded, n); err != nil {
				errs[i] = fmt.Errorf("notify %s: %w", channel.Preview(), err)
			}
		})
	}
	all.Wait()
	return errs
}

var _ deploy.Previewer = (*Send)(nil)
