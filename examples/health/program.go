package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/sink/promsink"
	"github.com/masaruk/devops/monitor/sink/sentrysink"
	"github.com/masaruk/devops/monitor/sink/slogsink"
	"github.com/masaruk/devops/secrets"
)

// lastRequests is how long the last requests may take.
const lastRequests = 10 * time.Second

// program is all that runs.
type program struct {
	drain    time.Duration
	listener net.Listener
	server   *http.Server
	monitor  *monitor.Monitor
	sentry   *sentrysink.Sink
}

// assemble puts the program together and starts nothing.
func assemble(s settings, listener net.Listener, logger *slog.Logger) (*program, error) {
	redact := &secrets.Redactor{}
	defs, err := checks(s, "http://"+listener.Addr().String(), redact)
	if err != nil {
		return nil, err
	}
	sentry, err := sentrysink.New(s.environment(), s.SentryDSN, &sentrysink.Options{Redactor: redact})
	if err != nil {
		return nil, err
	}
	metrics, err := promsink.New(nil)
	if err != nil {
		return nil, err
	}
	log, err := slogsink.New(logger, nil)
	if err != nil {
		return nil, err
	}
	m, err := monitor.New(s.environment(), defs, &monitor.Options{
		Feeds: []monitor.Feed{
			{Name: "log", Sink: log},
			{Name: "metrics", Sink: metrics, Runs: true},
			{Name: "sentry", Sink: sentry, Attempts: 8},
		},
		Redactor: redact, StartWithin: time.Second,
	})
	if err != nil {
		return nil, err
	}
	if err := metrics.Watch(m); err != nil {
		return nil, err
	}
	health, err := monitor.NewHandler(m, nil)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", health)
	mux.Handle("/metrics", metrics.Handler())
	return &program{
		drain: s.Drain, listener: listener, monitor: m, sentry: sentry,
		server: &http.Server{
			Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		},
	}, nil
}

// run serves until ctx ends, then stops in order. The error joins all that went
// wrong.
func (p *program) run(ctx context.Context) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	watched, served := make(chan error, 1), make(chan error, 1)
	go func() { watched <- p.monitor.Run(work) }()
	go func() { served <- p.server.Serve(p.listener) }()

	var failed error
	select {
	case <-ctx.Done():
		p.monitor.Drain() // not ready, and still there
		select {
		case <-time.After(p.drain):
		case failed = <-served:
		}
	case failed = <-served:
	}
	end, cancel := context.WithTimeout(work, lastRequests)
	defer cancel()
	stopServing := p.server.Shutdown(end)
	stopWork()
	return errors.Join(failed, stopServing, <-watched, p.sentry.Close(context.WithoutCancel(ctx)))
}

// once runs until each check ran, prints what they found, and fails if a critical
// one did.
func (p *program) once(ctx context.Context, w io.Writer) error {
	p.drain = 0
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx) }()
	p.waitForAll(ctx)
	var errs []error
	for _, c := range p.monitor.Snapshot().Checks {
		fmt.Fprintf(w, "%-10s %-5v %6v  %s\n", c.Check, c.Last.Status, c.LastDuration.Round(time.Millisecond), c.Last.Detail)
		for _, m := range c.Last.Measurements {
			fmt.Fprintf(w, "%24s = %.4g %s\n", m.Name, m.Value, m.Unit)
		}
		if c.Critical && c.Last.Status == monitor.Fail {
			errs = append(errs, fmt.Errorf("%s: %w", c.Check, c.Last.Err))
		}
	}
	stop()
	return errors.Join(append(errs, <-ended)...)
}

// waitForAll waits until each check has run, which has a timeout.
func (p *program) waitForAll(ctx context.Context) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	notYet := func(c *monitor.State) bool { return c.LastTime.IsZero() }
	for slices.ContainsFunc(p.monitor.Snapshot().Checks, notYet) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
