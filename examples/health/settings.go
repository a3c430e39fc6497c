package main

import (
	"context"
	"net/url"
	"time"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

// settings are the variables of the program.
type settings struct {
	Environment string        `env:"ENVIRONMENT" default:"dev" oneof:"dev,stg,prod"`
	DatabaseURL secrets.Value `env:"DATABASE_URL,optional,file"`
	WatchURL    *url.URL      `env:"WATCH_URL"`
	SentryDSN   secrets.Value `env:"SENTRY_DSN,optional,file"`
	Interval    time.Duration `env:"INTERVAL" default:"15s" min:"10ms" max:"1h"`
	Drain       time.Duration `env:"DRAIN" default:"5s" min:"0s" max:"1m"`
}

func load(ctx context.Context, opts *envconfig.LoadOptions) (settings, error) {
	loaded, err := envconfig.Load[settings](ctx, opts)
	if err != nil {
		return settings{}, err
	}
	return loaded.Value, nil
}

// environment has the rules that hold.
func (s settings) environment() envconfig.Environment {
	switch s.Environment {
	case "prod":
		return envconfig.Production()
	case "stg":
		return envconfig.Staging()
	}
	return envconfig.Development()
}
