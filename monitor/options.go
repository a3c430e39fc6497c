package monitor

import (
	"errors"
	"fmt"
	"time"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

// Options adjusts [New]. The zero value has the defaults below.
type Options struct {
	// Feeds are the sinks that get the transitions.
	Feeds []Feed
	// Redactor removes secrets from all texts of results before anybody sees
	// them. Environments that demand the masking of logs demand one; nil removes
	// nothing.
	Redactor *secrets.Redactor
	// Service is what health+json says of the program.
	Service Service
	// StartWithin is when at the latest a new check runs first, where its
	// Interval is longer; 0 means 5 seconds, negative that it waits for its tick.
	StartWithin time.Duration
	// MaxMaintenance is the longest that a maintenance may last; 0 means 24 hours.
	MaxMaintenance time.Duration
	// History is how many recent runs of each check are kept as they were; 0
	// means 60, negative that no history is kept.
	History int
	// RenderEvery is how old the snapshot may get while nothing changes but
	// measurements and times; 0 means 1 second. Transitions show within about 50
	// ms, or five times as long as rendering takes.
	RenderEvery time.Duration
	// Grace is how long Run waits for checks and sinks when it ends; 0 means 5
	// seconds, negative that it does not.
	Grace time.Duration
}

// Service is the program that monitors, as the fields of health+json name it.
// Empty ones are left out.
type Service struct {
	ID          string
	Version     string
	Release     string
	Description string
}

func (o *Options) resolved() Options {
	var r Options
	if o != nil {
		r = *o
	}
	r.StartWithin = orDefault(r.StartWithin, 5*time.Second)
	r.MaxMaintenance = orDefault(r.MaxMaintenance, 24*time.Hour)
	r.History = orDefault(r.History, 60)
	r.RenderEvery = orDefault(r.RenderEvery, time.Second)
	r.Grace = orDefault(r.Grace, 5*time.Second)
	r.Feeds = append([]Feed(nil), r.Feeds...)
	for i := range r.Feeds {
		r.Feeds[i] = r.Feeds[i].resolved()
	}
	return r
}

// validate reports every problem of resolved options, and what the rules of the
// environment demand and they lack.
func (o Options) validate(env envconfig.Environment) error {
	var errs []error
	if err := env.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("environment: %w", err))
	} else {
		errs = append(errs, o.breaches(env)...)
	}
	if o.MaxMaintenance < 0 {
		errs = append(errs, errors.New("MaxMaintenance is below 0; every maintenance ends"))
	}
	if o.RenderEvery < time.Millisecond {
		errs = append(errs, errors.New("RenderEvery is below 1 ms"))
	}
	if o.History > 10_000 {
		errs = append(errs, fmt.Errorf("History is %d and must be at most 10000", o.History))
	}
	names := map[string]bool{}
	for i, f := range o.Feeds {
		if err := f.validate(); err != nil {
			errs = append(errs, fmt.Errorf("Feeds[%d] %q: %w", i, f.Name, err))
		}
		if names[f.Name] {
			errs = append(errs, fmt.Errorf("Feeds[%d] %q: two feeds have that Name", i, f.Name))
		}
		names[f.Name] = true
	}
	return errors.Join(errs...)
}

func (o Options) breaches(env envconfig.Environment) []error {
	var errs []error
	refuse := func(s envconfig.Set[envconfig.Switch], field, hint string) {
		if !s.Has(envconfig.Off) {
			errs = append(errs, &envconfig.Violation{Field: field, Rule: "is demanded in " + env.Name, Want: s.String(), Got: "off", Hint: hint})
		}
	}
	if len(o.Feeds) == 0 {
		refuse(env.Rules.Alerts, "Alerts", "give Options.Feeds a sink that tells somebody")
	}
	if o.Redactor == nil {
		refuse(env.Rules.LogMasking, "LogMasking", "give Options.Redactor the secrets of the program")
	}
	return errs
}
