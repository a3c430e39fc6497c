package deploy

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/masaruk/devops/internal/probe"
	"github.com/masaruk/devops/secrets"
)

// Availability asks the service through its public address for as long as a
// run lasts, and counts what failed.
type Availability struct {
	// URL is asked with GET and must answer 200, whatever release serves.
	URL string `json:"url"`
	// Interval is the time between requests; zero is 1 second. They come at
	// this rate also when answers are late.
	Interval time.Duration `json:"interval,omitempty"`
	// Timeout bounds each request; zero is 5 seconds.
	Timeout time.Duration `json:"timeout,omitempty"`
}

func (a *Availability) validate() error {
	if err := checkURL(a.URL); err != nil {
		return err
	}
	if u, err := url.Parse(a.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("field URL is none of http or https with a host")
	}
	if a.Interval < 0 || a.Timeout < 0 {
		return errors.New("field Interval or Timeout is negative")
	}
	return nil
}

// availability is the prober of one call of Run; nil counts nothing.
type availability struct {
	target *probe.HTTP
	prober *probe.Prober
}

func startAvailability(ctx context.Context, a *Availability, redactor *secrets.Redactor) (*availability, error) {
	if a == nil {
		return nil, nil
	}
	target := &probe.HTTP{URL: a.URL, Timeout: a.Timeout, Clean: redactor.String}
	prober, err := probe.New(target.Probe, &probe.Options{Interval: orDur(a.Interval, time.Second)})
	if err != nil {
		return nil, err
	}
	prober.Start(ctx)
	return &availability{target, prober}, nil
}

// since counts from now on.
func (a *availability) since() func(context.Context) (Counts, error) {
	base := a.prober.Counts()
	return func(context.Context) (Counts, error) {
		c := a.prober.Counts()
		return Counts{Requests: c.Requests - base.Requests, Failed: c.Failed - base.Failed}, nil
	}
}

// report is what was counted up to now.
func (a *availability) report() *AvailabilityReport {
	if a == nil {
		return nil
	}
	c := a.prober.Counts()
	return &AvailabilityReport{Requests: c.Requests, Failed: c.Failed, FirstFailure: c.FirstFailure, FirstReason: c.FirstReason}
}

// stop waits for the requests under way.
func (a *availability) stop() *AvailabilityReport {
	if a == nil {
		return nil
	}
	a.prober.Stop()
	a.target.Close()
	return a.report()
}
