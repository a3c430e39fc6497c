// Package sentrysink reports alerts of a monitor, and jobs such as backups and
// drills, to Sentry.
//
//	sink, err := sentrysink.New(env, dsn, &sentrysink.Options{Release: version, Redactor: redactor})
//	m, err := monitor.New(env, checks, &monitor.Options{
//		Feeds: []monitor.Feed{{Name: "sentry", Sink: sink}},
//	})
//	backup, err := sink.Job("backup-orders", &sentrysink.JobOptions{Every: time.Hour, MaxRuntime: 30 * time.Minute})
//	err = backup.Run(ctx, func(ctx context.Context) error { return writer.Backup(ctx) })
//	err = m.Run(ctx)
//	err = sink.Close(ctx) // flushes
//
// It has a client of its own: the global hub of sentry-go, its scopes and its
// environment variables play no part, so that a program may use both. A program
// that wants its own panics and requests in Sentry uses sentry-go itself.
//
// # Alerts
//
// AlertOpened becomes an event of level fatal for a critical check and of level
// error for others, unless the label severity of the check names another: debug,
// info, warning, error, fatal or critical, which is fatal. Its title is the name of the check with the text of the error.
// A check that panicked has its stack, and an error that carries one (as those of
// github.com/pkg/errors do) too. AlertResolved becomes an event of level info.
// Other transitions are not reported.
//
// All events of one check in one environment make one issue: the fingerprint is
// made of both. Sentry has no way to close an issue from here: the tag alert is
// "opened" or "resolved", and an issue whose last event is resolved can be closed.
// Sentry's own alert rules can filter by that tag.
//
//	tags      alert, check, owner, and the labels of the check
//	contexts  check: detail, status, runbook, reason, seq; measurements: NAME: "VALUE UNIT"
//
// # Jobs
//
// A [Job] is a cron monitor in Sentry: a check-in before and after each run, so
// that Sentry tells when a run is missed, takes too long, or fails. The monitor
// there is made and changed by the check-ins, where the options have a schedule.
// A run that fails is an event besides, with the error: a check-in has no text.
//
// # Secrets
//
// Check-ins do not pass the hooks of sentry-go, so everything is masked before it
// is handed over: each text that comes from transitions, options and errors goes
// through Options.Redactor, then is cut. Environments that demand the masking of
// logs demand a redactor. No error shows the DSN; its key is in a header of each
// request and, as Sentry wants it, nowhere else.
//
// # What gets lost
//
// The queue of events is that of the feed. Send sends while the monitor waits,
// and fails where Sentry does not take an event, so that the feed tries again;
// what comes again has the same event id, by which Sentry drops duplicates.
// Check-ins come from jobs that must not wait: they have a queue here, of
// Options.Queue, from which they are sent in order, with as many attempts as
// Options.Attempts. [Sink.Stats] counts what was sent and what was given up, and
// Sentry gets the same figures as a client report with the next event that it
// takes.
//
// When Sentry asks for a pause (429), a minute mostly, events fail until it is
// over: with Attempts of 8 a feed tries for two minutes. Redirects are not
// followed.
//
// # Without a DSN
//
// New with an empty DSN is a sink that is disabled: it takes and drops
// everything, jobs run, [Sink.Enabled] tells. A DSN that is wrong is an error.
//
// # Concurrency and errors
//
// Everything is safe for concurrent use. A client of sentry-go has two idle
// goroutines from New to Close, and there is one while check-ins wait; none is
// left after Close. Errors begin with the package's name and show
// neither DSN nor secret. The package logs nothing.
package sentrysink
