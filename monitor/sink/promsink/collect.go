package promsink

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/masaruk/devops/monitor"
)

// desc makes the descriptions, which are the same for every sink.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("monitor_"+name, help, labels, nil)
}

// descriptions are of the metrics that a scrape reads from the snapshot.
type descriptions struct {
	status, lastRun, lastDuration, runs, missed, panics *prometheus.Desc
	stuck, stale, flapping, alert, critical, measured   *prometheus.Desc

	serviceStatus, ready, started      *prometheus.Desc
	sent, dropped, failedSends, queued *prometheus.Desc
	hung, leftOut                      *prometheus.Desc
}

func describe() descriptions {
	return descriptions{
		status:       desc("check_status", "Whether this is the confirmed status of the check.", "check", "status"),
		lastRun:      desc("check_last_run_timestamp_seconds", "When the last run that counted ended, in Unix time.", "check"),
		lastDuration: desc("check_last_run_duration_seconds", "How long the last run took.", "check"),
		runs:         desc("check_runs_total", "Runs that returned.", "check"),
		missed:       desc("check_missed_runs_total", "Ticks at which no run began.", "check"),
		panics:       desc("check_panics_total", "Runs that panicked.", "check"),
		stuck:        desc("check_stuck", "Whether a run has not returned long after its timeout.", "check"),
		stale:        desc("check_stale", "Whether no run has returned for too long.", "check"),
		flapping:     desc("check_flapping", "Whether the status changes too often.", "check"),
		alert:        desc("check_alert", "Whether an alert is open.", "check"),
		critical:     desc("check_critical", "Whether the service needs what is checked.", "check"),
		measured:     desc("check_measurement", "What the last run observed, in the unit of the label.", "check", "measurement", "unit"),

		serviceStatus: desc("status", "Whether this is the status of the service.", "status"),
		ready:         desc("ready", "Whether the service is ready."),
		started:       desc("started", "Whether every critical check was good together once."),
		sent:          desc("feed_sent_total", "Transitions that the sink took.", "feed"),
		dropped:       desc("feed_dropped_total", "Transitions that were dropped.", "feed"),
		failedSends:   desc("feed_failed_sends_total", "Calls of the sink that failed.", "feed"),
		queued:        desc("feed_queued", "Transitions that wait.", "feed"),
		hung:          desc("feed_hung", "Whether a call of the sink has not returned by its timeout.", "feed"),
		leftOut:       desc("left_out_series_total", "Checks and measurements that scrapes left out because there were too many.", "what"),
	}
}

// Describe is for a registry.
func (s *Sink) Describe(out chan<- *prometheus.Desc) {
	d := describe()
	for _, one := range []*prometheus.Desc{
		d.status, d.lastRun, d.lastDuration, d.runs, d.missed, d.panics,
		d.stuck, d.stale, d.flapping, d.alert, d.critical, d.measured,
		d.serviceStatus, d.ready, d.started, d.sent, d.dropped, d.failedSends, d.queued, d.hung, d.leftOut,
	} {
		out <- one
	}
	s.transitions.Describe(out)
	s.durations.Describe(out)
	s.lateness.Describe(out)
}

// Collect is for a registry: it reads the monitor's snapshot.
func (s *Sink) Collect(out chan<- prometheus.Metric) {
	s.transitions.Collect(out)
	s.durations.Collect(out)
	s.lateness.Collect(out)
	w := writer{describe(), out}
	m := s.monitor.Load()
	if m == nil {
		return
	}
	snapshot := m.Snapshot()
	w.service(snapshot)
	w.feeds(m.Feeds())
	chosen, checks, measurements := s.choose(snapshot)
	for _, c := range chosen {
		w.check(c)
	}
	w.counter(w.leftOut, checks, "check")
	w.counter(w.leftOut, measurements, "measurement")
}

// chosenCheck is a check with those of its measurements that are exported.
type chosenCheck struct {
	*monitor.State
	measurements []monitor.Measurement
}

// choose applies the bounds, and returns how many checks and measurements were
// ever left out.
func (s *Sink) choose(from *monitor.Snapshot) (chosen []chosenCheck, leftChecks, leftMeasurements float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := s.bounds.choose(from.Checks)
	chosen = make([]chosenCheck, len(states))
	for i, c := range states {
		chosen[i] = chosenCheck{c, s.bounds.measurements(c)}
	}
	return chosen, s.bounds.leftChecks, s.bounds.leftMeasurements
}

// writer writes metrics.
type writer struct {
	descriptions
	out chan<- prometheus.Metric
}

func (w writer) write(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels []string) {
	m, err := prometheus.NewConstMetric(d, kind, v, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	w.out <- m
}

func (w writer) counter(d *prometheus.Desc, v float64, labels ...string) {
	w.write(d, prometheus.CounterValue, v, labels)
}

func (w writer) gauge(d *prometheus.Desc, v float64, labels ...string) {
	w.write(d, prometheus.GaugeValue, v, labels)
}

func (w writer) flag(d *prometheus.Desc, on bool, labels ...string) {
	v := 0.0
	if on {
		v = 1
	}
	w.gauge(d, v, labels...)
}

func (w writer) check(c chosenCheck) {
	for s := monitor.Unknown; s <= monitor.Fail; s++ {
		w.flag(w.status, c.Status == s, c.Check, s.String())
	}
	if !c.LastTime.IsZero() {
		w.gauge(w.lastRun, float64(c.LastTime.UnixMilli())/1000, c.Check)
		w.gauge(w.lastDuration, c.LastDuration.Seconds(), c.Check)
	}
	w.counter(w.runs, float64(c.Runs), c.Check)
	w.counter(w.missed, float64(c.Missed), c.Check)
	w.counter(w.panics, float64(c.Panics), c.Check)
	w.flag(w.stuck, c.Stuck, c.Check)
	w.flag(w.stale, c.Stale, c.Check)
	w.flag(w.flapping, c.Flapping, c.Check)
	w.flag(w.alert, c.Alert, c.Check)
	w.flag(w.critical, c.Critical, c.Check)
	for _, m := range c.measurements {
		s := seriesOf(m)
		w.gauge(w.measured, m.Value, c.Check, s.name, s.unit)
	}
}

func (w writer) service(s *monitor.Snapshot) {
	for status := monitor.Pass; status <= monitor.Fail; status++ {
		w.flag(w.serviceStatus, s.Status == status, status.String())
	}
	w.flag(w.ready, s.Ready)
	w.flag(w.started, s.Started)
}

func (w writer) feeds(all []monitor.FeedStats) {
	for _, f := range all {
		w.counter(w.sent, float64(f.Sent), f.Name)
		w.counter(w.dropped, float64(f.Dropped), f.Name)
		w.counter(w.failedSends, float64(f.Failed), f.Name)
		w.gauge(w.queued, float64(f.Queued+f.Sending), f.Name)
		w.flag(w.hung, f.Hung, f.Name)
	}
}
