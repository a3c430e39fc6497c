package main

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/hostcheck"
	"github.com/masaruk/devops/monitor/check/httpcheck"
	"github.com/masaruk/devops/monitor/check/pgcheck"
	"github.com/masaruk/devops/secrets"
)

// checks are what is monitored: the machine, the web address and the database.
// What they may say in errors and must not is added to redact.
func checks(s settings, self string, redact *secrets.Redactor) ([]monitor.Definition, error) {
	cpu, cpuErr := hostcheck.NewCPU(nil)
	memory, memoryErr := hostcheck.NewMemory(nil)
	disk, diskErr := hostcheck.NewDisk(".", nil)
	address := self + "/livez"
	if s.WatchURL != nil {
		address = s.WatchURL.String()
	}
	web, webErr := httpcheck.New(address, nil)
	if err := errors.Join(cpuErr, memoryErr, diskErr, webErr); err != nil {
		return nil, err
	}
	all := []monitor.Definition{
		{Name: "cpu", Check: cpu},
		{Name: "memory", Check: memory},
		{Name: "disk", Check: disk, Runbook: "delete old releases and logs"},
		{Name: "web", Check: web, Owner: "shop"},
	}
	if s.DatabaseURL.Reveal() != "" {
		postgres, err := database(s.DatabaseURL, redact)
		if err != nil {
			return nil, err
		}
		all = append(all, monitor.Definition{Name: "postgres", Check: postgres, Critical: true})
	}
	for i := range all {
		all[i].Interval = s.Interval
	}
	return all, nil
}

// database is the check of a PostgreSQL.
func database(address secrets.Value, redact *secrets.Redactor) (monitor.Check, error) {
	config, err := pgx.ParseConfig(address.Reveal())
	if err != nil {
		return nil, errors.New("DATABASE_URL is not of the form postgres://USER:PASSWORD@HOST/NAME") // the cause quotes it
	}
	if config.Password != "" {
		if err := redact.Add(secrets.New(config.Password)); err != nil {
			return nil, fmt.Errorf("the password in DATABASE_URL: %w", err)
		}
	}
	return pgcheck.New(config, nil)
}
