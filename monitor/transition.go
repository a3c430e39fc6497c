package monitor

import "time"

// Kind is what a [Transition] tells.
type Kind string

// Alerts are opened and resolved by AlertOpened and AlertResolved, and by
// nothing else; the other kinds tell what happened.
const (
	// StatusChanged has the confirmed status before and after. From is Unknown
	// for the first one after the monitor started: a sink that remembers alerts
	// of before resolves them when To is not Fail.
	StatusChanged Kind = "status_changed"
	// AlertOpened: the check fails, or flaps. One more follows only after
	// AlertResolved.
	AlertOpened Kind = "alert_opened"
	// AlertResolved: it does neither any more, or was removed. Nothing ever
	// withholds it.
	AlertResolved Kind = "alert_resolved"
	// AlertWithheld: an alert would have opened, but for Cause and By. It opens
	// at the next result after that, if the check still fails then.
	AlertWithheld Kind = "alert_withheld"
	// StuckStarted: a run has not returned long after its timeout.
	StuckStarted Kind = "stuck_started"
	// StuckEnded: it has now. What it found is too old to count.
	StuckEnded Kind = "stuck_ended"
	// StaleStarted: no run has returned by itself for StaleAfter.
	StaleStarted Kind = "stale_started"
	StaleEnded   Kind = "stale_ended"
	// FlappingStarted: the status changes too often. The alert that is open now,
	// or opens now, stays open until after FlappingEnded.
	FlappingStarted Kind = "flapping_started"
	FlappingEnded   Kind = "flapping_ended"
	// MaintenanceStarted has By and Reason, and Check if it is about one check.
	MaintenanceStarted Kind = "maintenance_started"
	MaintenanceEnded   Kind = "maintenance_ended"
	// CheckAdded and CheckRemoved tell of [Monitor.Add] and [Monitor.Remove].
	CheckAdded   Kind = "check_added"
	CheckRemoved Kind = "check_removed"
	// RunFinished is no change but each run that returned in time. Only feeds
	// with Runs set get it.
	RunFinished Kind = "run_finished"
)

// Cause is what withheld an alert.
type Cause string

// The causes.
const (
	ByDependency  Cause = "dependency"
	ByMaintenance Cause = "maintenance"
)

// Transition is one event. Those of a monitor are in the order of Seq. What it
// refers to is shared between sinks and must not be changed.
type Transition struct {
	// Seq counts the transitions of this monitor from 1, so that a gap shows what
	// was dropped. Finished runs have none.
	Seq         uint64
	Time        time.Time
	Environment string
	// Check is empty where all checks or several are meant.
	Check string
	Kind  Kind
	// From and To are the confirmed status before and after; the same where it
	// did not change.
	From, To Status
	// Result is that of the run or tick which brought it, if one did; its Err is
	// a [*PanicError] where the check panicked.
	Result Result
	// Run is set for RunFinished.
	Run Run
	// Cause and By are set for AlertWithheld: By is the check depended on, or who
	// maintains. By and Reason are set for maintenance, Reason also where an alert
	// was resolved because its check was removed.
	Cause  Cause
	By     string
	Reason string

	// Critical, Owner, Runbook and Labels are those of the check's definition.
	Critical bool
	Owner    string
	Runbook  string
	Labels   map[string]string
}

// Run is about one run of a check.
type Run struct {
	Started time.Time
	// Late is how long after its time it started.
	Late     time.Duration
	Duration time.Duration
}
