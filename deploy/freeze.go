package deploy

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Freeze is a span of time, once or again and again, in which nothing is
// released. It is data and part of the program's policy, see
// [Options.Freezes]; a plan goes through it only with a reason for breaking
// glass.
type Freeze struct {
	// Name is how people know it, such as "Eid" or "weekend".
	Name string `json:"name"`
	// Environments and Services are where it holds; empty is everywhere.
	Environments []string `json:"environments,omitempty"`
	Services     []string `json:"services,omitempty"`
	// TimeZone is the IANA name of the zone of the clock that Weekly and
	// Yearly go by, such as "Asia/Riyadh"; empty is UTC.
	TimeZone string `json:"time_zone,omitempty"`
	// Exactly one of these says when. Spans end before their To.
	Once   *Span   `json:"once,omitempty"`
	Weekly *Weekly `json:"weekly,omitempty"`
	Yearly *Yearly `json:"yearly,omitempty"`
	// Lead is how long before it no run may begin, so that none is still at
	// work when it starts.
	Lead time.Duration `json:"lead,omitempty"`
}

// Span is from one instant to another.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Weekly is from one time of the week to another, which may be in the next
// week.
type Weekly struct {
	From WeekTime `json:"from"`
	To   WeekTime `json:"to"`
}

// WeekTime is a time on the clock of a day of the week.
type WeekTime struct {
	Day    time.Weekday `json:"day"`
	Hour   int          `json:"hour"`
	Minute int          `json:"minute"`
}

// Yearly is from the beginning of one day to the end of another, which may be
// in the next year.
type Yearly struct {
	From YearDay `json:"from"`
	To   YearDay `json:"to"`
}

// YearDay is a day of any year.
type YearDay struct {
	Month time.Month `json:"month"`
	Day   int        `json:"day"`
}

// ErrFrozen reports a freeze.
var ErrFrozen = errors.New("releases are frozen")

// FreezeError tells which. It wraps [ErrFrozen].
type FreezeError struct {
	Plan   string
	Freeze string
	// From and To are the span that is on or ahead.
	From, To time.Time
	Lead     time.Duration
}

// Error names the freeze and the ways on.
func (e *FreezeError) Error() string {
	return fmt.Sprintf("%s: %v by %q from %s to %s and %s before; wait, or give the plan a reason in BreakGlass, which is recorded",
		e.Plan, ErrFrozen, e.Freeze, e.From.Format(time.RFC3339), e.To.Format(time.RFC3339), e.Lead)
}

// Unwrap returns [ErrFrozen].
func (e *FreezeError) Unwrap() error { return ErrFrozen }

// Validate reports everything that is wrong with f, joined.
func (f Freeze) Validate() error {
	var errs []error
	if f.Name == "" {
		errs = append(errs, errors.New("field Name is empty"))
	}
	if _, err := f.zone(); err != nil {
		errs = append(errs, fmt.Errorf("field TimeZone: %w", err))
	}
	if f.Lead < 0 {
		errs = append(errs, fmt.Errorf("field Lead: %s is negative", f.Lead))
	}
	given := 0
	if f.Once != nil {
		given++
		if !f.Once.From.Before(f.Once.To) {
			errs = append(errs, errors.New("field Once: From is not before To"))
		}
	}
	if w := f.Weekly; w != nil {
		given++
		if !w.From.known() || !w.To.known() || w.From == w.To {
			errs = append(errs, errors.New("field Weekly: From and To are two times of the week: days from 0 (Sunday) to 6, hours to 23, minutes to 59"))
		}
	}
	if y := f.Yearly; y != nil {
		given++
		if !y.From.known() || !y.To.known() {
			errs = append(errs, errors.New("field Yearly: From and To are days of the year"))
		}
	}
	if given != 1 {
		errs = append(errs, fmt.Errorf("exactly one of Once, Weekly and Yearly says when, %d are given", given))
	}
	return errors.Join(errs...)
}

func (w WeekTime) known() bool {
	return w.Day >= time.Sunday && w.Day <= time.Saturday && w.Hour >= 0 && w.Hour < 24 && w.Minute >= 0 && w.Minute < 60
}

// known asks a leap year, so that February 29 is a day.
func (d YearDay) known() bool {
	t := time.Date(2024, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
	return t.Month() == d.Month && t.Day() == d.Day
}

func (f Freeze) zone() (*time.Location, error) { return time.LoadLocation(f.TimeZone) }

// holds tells whether it concerns the service in the environment.
func (f Freeze) holds(environment, service string) bool {
	in := func(list []string, name string) bool { return len(list) == 0 || slices.Contains(list, name) }
	return in(f.Environments, environment) && in(f.Services, service)
}

// next returns the span that is on at t, or the first one after it; the zero
// Span when there is none any more.
func (f Freeze) next(t time.Time) Span {
	zone, err := f.zone()
	if err != nil { // Validate has loaded it before
		zone = time.UTC
	}
	t = t.In(zone)
	switch {
	case f.Once != nil && t.Before(f.Once.To):
		return *f.Once
	case f.Weekly != nil:
		return f.Weekly.next(t)
	case f.Yearly != nil:
		return f.Yearly.next(t)
	}
	return Span{}
}

// next looks at the weeks around t, by the clock of its zone.
func (w *Weekly) next(t time.Time) Span {
	at := func(week int, wt WeekTime) time.Time {
		day := t.Day() - int(t.Weekday()) + 7*week + int(wt.Day)
		return time.Date(t.Year(), t.Month(), day, wt.Hour, wt.Minute, 0, 0, t.Location())
	}
	for week := -1; ; week++ {
		s := Span{at(week, w.From), at(week, w.To)}
		if !s.From.Before(s.To) {
			s.To = at(week+1, w.To)
		}
		if t.Before(s.To) {
			return s
		}
	}
}

// next looks at the years around t, by the calendar of its zone.
func (y *Yearly) next(t time.Time) Span {
	at := func(year int, d YearDay, more int) time.Time {
		return time.Date(year, d.Month, d.Day+more, 0, 0, 0, 0, t.Location())
	}
	for year := t.Year() - 1; ; year++ {
		s := Span{at(year, y.From, 0), at(year, y.To, 1)}
		if !s.From.Before(s.To) {
			s.To = at(year+1, y.To, 1)
		}
		if t.Before(s.To) {
			return s
		}
	}
}

// hasSwitched tells whether a step of KindSwitch was begun: from then on the
// run comes to its end, since turning back would be another switch.
func (x *execution) hasSwitched() bool {
	x.journal.mu.Lock()
	defer x.journal.mu.Unlock()
	return slices.ContainsFunc(x.state().begun, func(name string) bool { return x.steps[name].Kind == KindSwitch })
}

// frozen returns the first freeze that forbids a release now.
func (x *execution) frozen(now time.Time) error {
	if x.plan.BreakGlass != "" {
		return nil
	}
	for _, f := range x.opts.Freezes {
		if !f.holds(x.plan.Env.Name, x.plan.Service) {
			continue
		}
		if s := f.next(now); !s.To.IsZero() && !now.Before(s.From.Add(-f.Lead)) {
			return &FreezeError{Plan: x.name(), Freeze: f.Name, From: s.From, To: s.To, Lead: f.Lead}
		}
	}
	return nil
}
