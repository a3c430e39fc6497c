package httpcheck

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/masaruk/devops/internal/probe"
)

// prepare resolves the options and refuses what cannot be used.
func (c *Check) prepare(address string) error {
	o := &c.o
	var wrong []error
	refuse := func(format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("httpcheck.New: "+format, args...))
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		refuse("the URL is not one with http or https and a host")
		return errors.Join(wrong...)
	}
	c.host = u.Hostname()
	for _, at := range slices.Sorted(maps.Keys(o.JSON)) {
		if err := probe.CheckPointer(at); err != nil {
			refuse("Options.JSON: %w", err)
		}
	}
	for _, s := range o.Status {
		if s < 200 || s > 599 {
			refuse("Options.Status: %d is none from 200 to 599", s)
		}
	}
	if c.matches, err = compile(o.Matches); err != nil {
		refuse("Options.Matches: %w", err)
	}
	if c.rejects, err = compile(o.Rejects); err != nil {
		refuse("Options.Rejects: %w", err)
	}
	if from, err := url.Parse(o.RedirectFrom); o.RedirectFrom != "" &&
		(err != nil || from.Scheme != "http" || from.Hostname() == "" || from.User != nil) {
		refuse("Options.RedirectFrom is not an http URL without a user")
	}
	if o.HSTS != 0 && u.Scheme != "https" {
		refuse("Options.HSTS: browsers heed it over https only, and the URL is http")
	}
	if _, port, err := net.SplitHostPort(o.Address); o.Address != "" && (err != nil || port == "") {
		refuse("Options.Address %q is not of the form host:port", o.Address)
	}
	if o.Header.Get("Host") != "" || o.Header.Get("Authorization") != "" {
		refuse("Options.Header holds Host or Authorization: give the host in the URL and where to connect in Address, and a secret in Authorization")
	}
	o.refuseRanges(refuse)
	o.setDefaults()
	o.refuseOrder(refuse)
	return errors.Join(wrong...)
}

// refuseRanges looks at what is given, before defaults.
func (o *Options) refuseRanges(refuse func(format string, args ...any)) {
	if o.Attempts > 1 && o.Method != "" && o.Method != "GET" && o.Method != "HEAD" && o.Method != "OPTIONS" {
		refuse("Options.Attempts: method %.20q may not be safe to repeat", o.Method)
	}
	if o.Attempts < 0 || o.Attempts > 10 {
		refuse("Options.Attempts %d is none from 1 to 10", o.Attempts)
	}
	if o.Timeout < 0 || o.WarnLatency < 0 || o.FailLatency < 0 || o.MaxBody < 0 || o.HSTS < 0 {
		refuse("Timeout, WarnLatency, FailLatency, MaxBody or HSTS is negative")
	}
	if o.WarnLeft >= 1 || o.FailLeft >= 1 {
		refuse("WarnLeft and FailLeft are fractions below 1")
	}
}

// refuseOrder looks at limits with their defaults.
func (o *Options) refuseOrder(refuse func(format string, args ...any)) {
	if o.FailLatency > 0 && o.WarnLatency > o.FailLatency {
		refuse("Options.WarnLatency %s is above FailLatency %s", o.WarnLatency, o.FailLatency)
	}
	if o.WarnLeft >= 0 && o.WarnLeft < o.FailLeft {
		refuse("Options.WarnLeft %g is below FailLeft %g: negative is none", o.WarnLeft, o.FailLeft)
	}
}

// setDefaults also takes copies, so that the caller can change what it gave.
func (o *Options) setDefaults() {
	o.Method = or(o.Method, "GET")
	o.Timeout = or(o.Timeout, 5*time.Second)
	o.Attempts = or(o.Attempts, 1)
	o.MaxBody = or(o.MaxBody, 1<<20)
	o.WarnLeft = or(o.WarnLeft, 0.25)
	o.FailLeft = or(o.FailLeft, 0.1)
	o.Status = slices.Clone(o.Status)
	if len(o.Status) == 0 {
		o.Status = []int{200}
	}
	o.Header = o.Header.Clone()
	o.JSON = maps.Clone(o.JSON)
	o.WantHeader = maps.Clone(o.WantHeader)
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// compile returns nil for an empty expression.
func compile(expression string) (*regexp.Regexp, error) {
	if expression == "" {
		return nil, nil
	}
	return regexp.Compile(expression)
}
