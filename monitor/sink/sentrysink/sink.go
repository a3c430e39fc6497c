package sentrysink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/secrets"
)

// Options adjusts [New]. The zero value has the defaults below.
type Options struct {
	// Release is the version of the program; empty means the one that Go built
	// into it, and "unknown" where there is none.
	Release string
	// ServerName is the machine; empty means the name of the host.
	ServerName string
	// Redactor removes secrets from everything before sentry-go gets it.
	// Environments that demand the masking of logs demand one; nil removes nothing.
	Redactor *secrets.Redactor
	// Queue is how many check-ins wait at most besides the one that is being sent;
	// 0 means 100. When it is full the oldest is dropped, and counted.
	Queue int
	// Attempts is how often a check-in is sent before it is dropped, and counted;
	// 0 means 8. Between attempts 1 second passes, 2, 4 and so on up to a minute.
	Attempts int
	// Timeout ends one attempt to send a check-in; 0 means 10 seconds. Events have
	// the Timeout of their feed.
	Timeout time.Duration
	// Grace is how long Close waits at most, and a job that panicked; 0 means 5
	// seconds.
	Grace time.Duration
	// Transport sends the requests; nil means one like http.DefaultTransport, of
	// the sink's own.
	Transport http.RoundTripper
}

func (o *Options) resolved() Options {
	var r Options
	if o != nil {
		r = *o
	}
	r.Queue = orDefault(r.Queue, 100)
	r.Attempts = orDefault(r.Attempts, 8)
	r.Timeout = orDefault(r.Timeout, 10*time.Second)
	r.Grace = orDefault(r.Grace, 5*time.Second)
	if r.Release == "" {
		r.Release = builtRelease()
	}
	if r.ServerName == "" {
		r.ServerName, _ = os.Hostname() // none is as good as a wrong one
	}
	return r
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// builtRelease is the version of the main module, or the revision it was built
// from.
func builtRelease() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "unknown"
}

func (o Options) validate(env envconfig.Environment) error {
	var errs []error
	for _, f := range []struct {
		name  string
		value int64
	}{{"Queue", int64(o.Queue)}, {"Attempts", int64(o.Attempts)}, {"Timeout", int64(o.Timeout)}, {"Grace", int64(o.Grace)}} {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("%s is below 0", f.name))
		}
	}
	if err := env.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("environment: %w", err))
	} else if o.Redactor == nil && !env.Rules.LogMasking.Has(envconfig.Off) {
		errs = append(errs, &envconfig.Violation{
			Field: "LogMasking", Rule: "is demanded in " + env.Name, Want: env.Rules.LogMasking.String(), Got: "off",
			Hint: "give Options.Redactor the secrets of the program",
		})
	}
	return errors.Join(errs...)
}

// Sink is a [monitor.Sink] that reports to Sentry. Make one with [New].
type Sink struct {
	env    string
	opts   Options
	mask   mask
	post   *post // nil where the sink is disabled
	outbox *outbox
}

var _ monitor.Sink = (*Sink)(nil)

// New is a sink for the project that the DSN names, in a program that runs in
// env; an empty DSN disables it. It sends nothing yet. The error joins every
// problem, and never shows the DSN.
func New(env envconfig.Environment, dsn secrets.Value, opts *Options) (*Sink, error) {
	o := opts.resolved()
	err := o.validate(env)
	s := &Sink{opts: o, mask: mask{o.Redactor}}
	s.env = s.mask.text(env.Name)
	if dsn.Reveal() != "" {
		parsed, dsnErr := parseDSN(env, dsn)
		if err = errors.Join(err, dsnErr); err == nil {
			s.post, err = newPost(parsed, s.clientOptions(dsn), o.Transport, s.mask)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("sentrysink: new: %w", err)
	}
	s.outbox = newOutbox(o, s.post)
	return s, nil
}

// clientOptions leave sentry-go nothing to look for in the environment.
func (s *Sink) clientOptions(dsn secrets.Value) sentry.ClientOptions {
	return sentry.ClientOptions{
		Dsn: dsn.Reveal(), Environment: s.env, Release: s.mask.line(s.opts.Release, longestTag),
		ServerName: s.mask.line(s.opts.ServerName, longestTag), MaxBreadcrumbs: -1, DisableClientReports: true,
		Integrations: func(all []sentry.Integration) []sentry.Integration {
			var kept []sentry.Integration
			for _, i := range all {
				if i.Name() == "Environment" { // system and Go; others read variables and all modules
					kept = append(kept, i)
				}
			}
			return kept
		},
	}
}

// Enabled tells whether the sink has a DSN.
func (s *Sink) Enabled() bool { return s.post != nil }

// Send sends an event for each alert that opened or was resolved. The error is
// that of the first which Sentry did not take; the events before it are not sent
// again when the same transitions come again.
func (s *Sink) Send(ctx context.Context, ts []monitor.Transition) error {
	if s.post == nil {
		return nil
	}
	var events []*sentry.Event
	for _, t := range ts {
		if t.Kind == monitor.AlertOpened || t.Kind == monitor.AlertResolved {
			events = append(events, s.alertEvent(t))
		}
	}
	if err := s.post.all(ctx, events); err != nil {
		return fmt.Errorf("sentrysink: %w", err)
	}
	return nil
}

// Close sends what waits, until ctx ends or Options.Grace is over; call it when
// the monitor has ended. The error tells how much was lost at the end. What comes
// later is dropped, and counted. A second call does nothing.
func (s *Sink) Close(ctx context.Context) error {
	if s.post == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Grace)
	defer cancel()
	lost := s.outbox.close(ctx)
	s.post.close(ctx)
	if lost > 0 {
		return fmt.Errorf("sentrysink: close: %d check-ins and events of jobs were not sent", lost)
	}
	return nil
}

// Stats are counts since the sink was made.
type Stats struct {
	// Events and CheckIns were taken by Sentry.
	Events, CheckIns uint64
	// DroppedEvents were given up by the feed after Send had failed, or are of
	// jobs; what the feed dropped without trying is in its FeedStats only.
	DroppedEvents, DroppedCheckIns uint64
	// Waiting are check-ins and events of jobs, with the one that is being sent.
	Waiting int
	// LastError is what sending failed with last; empty when it worked since.
	LastError string
}

// Stats returns how the sink is doing.
func (s *Sink) Stats() Stats {
	if s.post == nil {
		return Stats{}
	}
	stats := s.post.stats()
	stats.Waiting = s.outbox.waiting()
	return stats
}
