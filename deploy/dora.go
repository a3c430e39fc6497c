package deploy

import (
	"slices"
	"time"
)

// DORA are the four measures of software delivery, by the definitions of
// https://dora.dev/guides/dora-metrics-four-keys/, over a span of time. A
// deployment is a run that began a step of [KindSwitch], so that users could
// meet the change; one that was turned back before that was caught in time and
// is none.
type DORA struct {
	From, To time.Time
	// Incomplete is set where runs that ended within the span may be missing,
	// because they were pruned.
	Incomplete bool
	// Deployments counts those that ended within the span, failed ones
	// included.
	Deployments int
	// PerDay is the deployment frequency: those that succeeded, for each day
	// of the span.
	PerDay float64
	// LeadTime is the median time from [Change.Committed] to the end of the
	// deployment that brought it, over the Timed ones: those that succeeded
	// and say when.
	LeadTime time.Duration
	Timed    int
	// Failed counts deployments that were undone, ChangeFailRate is their
	// part of all, from 0 to 1; 0 where there were none. What a later run
	// rolls back or mends succeeded by its own watch, and counts as that; a
	// watch that is long enough makes the difference small.
	Failed         int
	ChangeFailRate float64
	// RecoveryTime is the median time from the end of the step that failed to
	// the end of the run, when the old release served alone again.
	RecoveryTime time.Duration
}

// MeasureDORA computes the measures over the runs that ended from from on and
// before to. The runs may be of several services; those that have not ended do
// not count.
func MeasureDORA(runs []*Report, from, to time.Time) DORA {
	d := DORA{From: from, To: to}
	var lead, recovery []time.Duration
	for _, r := range runs {
		d.Incomplete = d.Incomplete || r.Pruned != nil && !r.Pruned.Until.Before(from)
		end := r.Started.Add(r.Duration)
		if !r.Outcome.Ended() || !r.switched() || end.Before(from) || !end.Before(to) {
			continue
		}
		d.Deployments++
		if r.Outcome == Undone {
			d.Failed++
			recovery = append(recovery, end.Sub(r.turned()))
			continue
		}
		if r.Change != nil && !r.Change.Committed.IsZero() {
			lead = append(lead, end.Sub(r.Change.Committed))
		}
	}
	if days := to.Sub(from).Hours() / 24; days > 0 {
		d.PerDay = float64(d.Deployments-d.Failed) / days
	}
	if d.Deployments > 0 {
		d.ChangeFailRate = float64(d.Failed) / float64(d.Deployments)
	}
	d.LeadTime, d.Timed, d.RecoveryTime = median(lead), len(lead), median(recovery)
	return d
}

// switched tells whether users could meet the change.
func (r *Report) switched() bool {
	return slices.ContainsFunc(r.Steps, func(s StepReport) bool {
		return s.Kind == KindSwitch && s.Phase == PhaseForward && s.Outcome != Skipped
	})
}

// turned is when the last step forward ended: the run turned back there.
func (r *Report) turned() time.Time {
	var last time.Time
	for _, s := range r.Steps {
		if end := s.Started.Add(s.Duration); s.Phase == PhaseForward && end.After(last) {
			last = end
		}
	}
	return last
}

// median of an even number is the mean of the two in the middle.
func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	mid := len(all) / 2
	if len(all)%2 == 1 {
		return all[mid]
	}
	return all[mid-1] + (all[mid]-all[mid-1])/2
}
