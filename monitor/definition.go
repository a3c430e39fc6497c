package monitor

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	shortestInterval = time.Millisecond
	longestInterval  = 366 * 24 * time.Hour
)

// Definition is one check and how it is judged. Only Name and Check are
// required.
type Definition struct {
	// Name is unique: 1 to 100 letters, digits, ".", "_" and "-", the first a
	// letter or digit. The times of its runs follow from it.
	Name  string
	Check Check
	// Interval is from the beginning of one run to that of the next, 1 ms to 366
	// days; 0 means 30 seconds.
	Interval time.Duration
	// Timeout ends the context of a run; 0 means 10 seconds, or the Interval if
	// that is shorter. Ticks during a run that takes longer than the Interval are
	// missed, and counted.
	Timeout time.Duration
	// FailAfter is how many results in a row have to be Warn or worse before the
	// status is, and Fail likewise; 0 means 3.
	FailAfter int
	// RecoverAfter is how many in a row have to be better; 0 means 2.
	RecoverAfter int
	// FlapChanges is how many changes into or out of Fail within FlapWindow are
	// not flapping yet; 0 means 3, negative that it never is.
	FlapChanges int
	// FlapWindow is 20 intervals if it is 0.
	FlapWindow time.Duration
	// StaleAfter is how old the last run may be that returned by itself; 0 means
	// 3 intervals and the Timeout, and one of each is the least.
	StaleAfter time.Duration
	// DependsOn names checks of the same monitor. While one of them fails, or
	// its last run did, no alert is opened for this one: the one about them says
	// it already. It runs all the same, and an alert that is open is resolved as
	// ever. Only the names given here count, not what those depend on.
	DependsOn []string
	// Critical tells that this process can do nothing without what is checked.
	// Critical checks decide about readiness and about the status of the
	// service, others only warn. Where all replicas share one database, a check
	// of it that is critical takes all of them out of service together.
	Critical bool
	// Owner, Runbook and Labels go with each transition, as Critical does; at most
	// 16 labels.
	Owner   string
	Runbook string
	Labels  map[string]string
}

var nameRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// resolved returns d with its defaults in place, sharing nothing with d.
func (d Definition) resolved() Definition {
	d.Interval = orDefault(d.Interval, 30*time.Second)
	d.Timeout = orDefault(d.Timeout, min(10*time.Second, d.Interval))
	d.FailAfter = orDefault(d.FailAfter, 3)
	d.RecoverAfter = orDefault(d.RecoverAfter, 2)
	d.FlapChanges = orDefault(d.FlapChanges, 3)
	d.FlapWindow = orDefault(d.FlapWindow, 20*d.Interval)
	d.StaleAfter = orDefault(d.StaleAfter, 3*d.Interval+d.Timeout)
	d.DependsOn = slices.Clone(d.DependsOn)
	d.Labels = maps.Clone(d.Labels)
	return d
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// validate reports every problem of a resolved definition but those of the
// names in DependsOn.
func (d Definition) validate() error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(!nameRE.MatchString(d.Name), `Name is not 1 to 100 letters, digits, ".", "_" and "-", the first a letter or digit`)
	refuse(d.Check == nil, "Check is nil")
	refuse(d.Interval < shortestInterval || d.Interval > longestInterval, "Interval is %v and must be 1 ms to 366 days", d.Interval)
	refuse(d.Timeout < 0 || d.Timeout > longestInterval, "Timeout is %v and must be above 0 and at most 366 days", d.Timeout)
	refuse(d.FailAfter < 0 || d.FailAfter > 1000, "FailAfter is %d and must be 1 to 1000", d.FailAfter)
	refuse(d.RecoverAfter < 0 || d.RecoverAfter > 1000, "RecoverAfter is %d and must be 1 to 1000", d.RecoverAfter)
	refuse(d.FlapChanges > 100, "FlapChanges is %d and must be at most 100", d.FlapChanges)
	refuse(d.FlapWindow < 0, "FlapWindow is below 0; to damp nothing, set FlapChanges to -1")
	refuse(d.StaleAfter < d.Interval+d.Timeout, "StaleAfter is %v and must be the Interval and the Timeout or more, %v", d.StaleAfter, d.Interval+d.Timeout)
	refuse(len(d.Labels) > 16, "there are %d Labels and may be 16", len(d.Labels))
	return errors.Join(errs...)
}

// unmet reports the names in the definitions' DependsOn that are not known, and
// circles. exists tells which checks are there already; those depend on none of
// the new ones.
func unmet(defs []Definition, exists func(string) bool) error {
	byName := map[string]Definition{}
	for _, d := range defs {
		byName[d.Name] = d
	}
	var errs []error
	for _, d := range defs {
		for _, on := range d.DependsOn {
			if _, ok := byName[on]; !ok && !exists(on) {
				errs = append(errs, fmt.Errorf("check %q: DependsOn names %q, which is no check: %w", d.Name, on, ErrUnknownCheck))
			}
		}
	}
	if circle := findCircle(defs, byName); circle != nil {
		errs = append(errs, fmt.Errorf("DependsOn goes in a circle, so no alert of it could ever open: %s", strings.Join(circle, " -> ")))
	}
	return errors.Join(errs...)
}

// findCircle returns the names along a circle, the first again at the end.
func findCircle(defs []Definition, byName map[string]Definition) []string {
	done := map[string]bool{}
	var path []string
	var visit func(name string) []string
	visit = func(name string) []string {
		if at := slices.Index(path, name); at >= 0 {
			return append(slices.Clone(path[at:]), name)
		}
		if done[name] {
			return nil
		}
		path = append(path, name)
		for _, on := range byName[name].DependsOn {
			if circle := visit(on); circle != nil {
				return circle
			}
		}
		path = path[:len(path)-1]
		done[name] = true
		return nil
	}
	for _, d := range defs {
		if circle := visit(d.Name); circle != nil {
			return circle
		}
	}
	return nil
}
