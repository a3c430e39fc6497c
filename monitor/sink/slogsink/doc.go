// Package slogsink writes the transitions of a monitor as structured records of
// log/slog.
//
//	sink, err := slogsink.New(logger, nil)
//	m, err := monitor.New(env, checks, &monitor.Options{
//		Feeds: []monitor.Feed{{Name: "log", Sink: sink}},
//	})
//
// It is for programs whose logs somebody collects. To notify people use a sink
// that does; what a log line is worth depends on who reads it.
//
// # Records
//
// The message is "monitor transition" for each kind, and the time is that of the
// transition. Levels, unless [Options] has others:
//
//	ERROR  alert_opened
//	WARN   alert_withheld, stuck_started, stale_started, flapping_started, and
//	       status_changed to warn or fail
//	DEBUG  run_finished, which only a feed with Runs set gets
//	INFO   all others
//
// Keys, in this order, of which those without a value are left out:
//
//	kind, environment, check, from, to    words; from and to are left out for run_finished
//	seq                                   to tell transitions that come twice from others
//	detail, error, stack                  of the result
//	critical                              true, where the check is
//	cause, by, reason                     why an alert was withheld, or who maintains
//	owner, runbook                        of the check
//	labels                                a group
//	measurements                          a group: NAME.value, NAME.unit
//	status, late, duration                of run_finished
//
// # Secrets
//
// The monitor removes secrets from results before a sink sees them. What the
// definitions of checks say is written as it is; a handler of package secrets
// masks that too.
//
// # Errors and concurrency
//
// Where the handler of the logger fails, Send fails, and the monitor sends the
// same transitions again. A handler that hangs and ignores its context harms its
// own feed only. A Sink is safe for concurrent use.
package slogsink
