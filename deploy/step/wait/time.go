package wait

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/masaruk/devops/deploy"
)

// For is the Action that waits for a fixed time.
type For struct {
	Duration time.Duration `json:"duration"`
	// Since names an output with the time from which the wait counts, in
	// RFC 3339, such as that of a [Mark]; the step lists it in Binds. Empty
	// counts from the attempt.
	Since string `json:"since,omitempty"`
}

// Clock is the Action that waits until a time on the clock: the first one that
// is not before the wait began.
type Clock struct {
	// At is the hour and the minute, from "00:00" to "23:59". Where summer
	// time makes the clock pass over it, or show it twice, one of the two
	// readings counts, as in time.Date.
	At string `json:"at"`
	// TimeZone is the IANA name of the clock's zone; empty is UTC.
	TimeZone string `json:"time_zone,omitempty"`
	// Since is as in [For].
	Since string `json:"since,omitempty"`
}

// Spec returns the fields.
func (f *For) Spec() any { return f }

// Spec returns the fields.
func (w *Clock) Spec() any { return w }

// Validate reports a time that is none.
func (f *For) Validate() error {
	if f.Duration <= 0 {
		return fmt.Errorf("field Duration is %s; say how long to wait", f.Duration)
	}
	return nil
}

var hourMinute = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

// Validate reports a time or a zone that is none.
func (w *Clock) Validate() error {
	var errs []error
	if !hourMinute.MatchString(w.At) {
		errs = append(errs, fmt.Errorf("field At is %q; write it as 22:30", w.At))
	}
	if _, err := time.LoadLocation(w.TimeZone); err != nil {
		errs = append(errs, fmt.Errorf("field TimeZone: %w", err))
	} else if w.TimeZone == "Local" {
		errs = append(errs, errors.New("field TimeZone is Local, which is another zone on another machine; give its IANA name"))
	}
	return errors.Join(errs...)
}

// Preview returns the time as a sentence.
func (f *For) Preview() []string { return []string{"wait for " + f.Duration.String()} }

// Preview returns the time as a sentence.
func (w *Clock) Preview() []string {
	return []string{fmt.Sprintf("wait until %s %s", w.At, w.zoneName())}
}

func (w *Clock) zoneName() string {
	if w.TimeZone == "" {
		return "UTC"
	}
	return w.TimeZone
}

// Run waits.
func (f *For) Run(ctx context.Context, c *deploy.Call) error {
	began, err := since(c, f.Since)
	if err != nil {
		return err
	}
	return until(ctx, c, began.Add(f.Duration))
}

// Run waits.
func (w *Clock) Run(ctx context.Context, c *deploy.Call) error {
	began, err := since(c, w.Since)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(w.TimeZone)
	if err != nil {
		return fmt.Errorf("wait: %w", err)
	}
	return until(ctx, c, w.next(began.In(zone)))
}

// next is the first time on the clock that is not before t.
func (w *Clock) next(t time.Time) time.Time {
	var hour, minute int
	_, _ = fmt.Sscanf(w.At, "%d:%d", &hour, &minute) // Validate has looked
	for day := 0; ; day++ {
		at := time.Date(t.Year(), t.Month(), t.Day()+day, hour, minute, 0, 0, t.Location())
		if !at.Before(t) {
			return at
		}
	}
}

// since is when a wait began.
func since(c *deploy.Call, output string) (time.Time, error) {
	if output == "" {
		return time.Now(), nil
	}
	var began time.Time
	if err := c.Bind(output, &began); err != nil {
		return time.Time{}, fmt.Errorf("wait: since when: %w", err)
	}
	return began, nil
}

// look is how long a wait sleeps at most before it looks at the clock again,
// which may have been set, and stands still while a machine is suspended.
const look = time.Minute

// until waits for an instant.
func until(ctx context.Context, c *deploy.Call, at time.Time) error {
	at = at.Round(0) // by the clock, which goes on between programs
	if left := time.Until(at); left > 0 {
		c.Printf("waiting until %s", at.Format(time.RFC3339))
	}
	for {
		left := time.Until(at)
		if left <= 0 {
			return nil
		}
		if err := pause(ctx, min(left, look)); err != nil {
			return err
		}
	}
}

// pause waits, and ends when ctx does.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

var _, _ deploy.Previewer = (*For)(nil), (*Clock)(nil)
