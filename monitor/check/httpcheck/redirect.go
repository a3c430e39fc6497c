package httpcheck

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/masaruk/devops/internal/probe"
	"github.com/masaruk/devops/monitor"
)

const noRedirect = "plain HTTP does not lead to HTTPS"

// judgeRedirect asks the plain address, which has to lead to https.
func (c *Check) judgeRedirect(ctx context.Context, r *monitor.Result) {
	p := &probe.HTTP{URL: c.o.RedirectFrom, Timeout: c.o.Timeout, Clean: func(said string) string { return monitor.Redact(ctx, said) }}
	back := &redirect{through: c.plain, prober: p}
	p.Transport = back
	res := p.Probe(ctx)
	if res.Outcome != probe.Pass {
		if ctx.Err() != nil {
			worsen(r, monitor.Fail, "not done in time", fmt.Errorf("%s: %w", res.Reason, context.Cause(ctx)))
			return
		}
		worsen(r, monitor.Fail, noRedirect, errors.New(res.Reason))
		return
	}
	if err := c.leadsToHTTPS(back.location, quoter(ctx)); err != nil {
		worsen(r, monitor.Fail, noRedirect, err)
	}
}

// leadsToHTTPS judges where a redirect leads. The query of it is not shown.
func (c *Check) leadsToHTTPS(location string, quote func(string, int) string) error {
	to, err := url.Parse(location)
	if err != nil || to.Hostname() == "" {
		return errors.New("the plain address redirects to no absolute URL")
	}
	where := to.Scheme + "://" + to.Host
	if to.Scheme != "https" {
		return fmt.Errorf("the plain address redirects to %s, which is not https", quote(where, longestQuote))
	}
	if host := to.Hostname(); !strings.EqualFold(host, c.host) && !strings.EqualFold(host, hostOf(c.o.RedirectFrom)) {
		return fmt.Errorf("the plain address redirects to another host: %s", quote(where, longestQuote))
	}
	return nil
}

// redirect passes one request on and takes any redirect for the wanted answer.
type redirect struct {
	through  http.RoundTripper
	prober   *probe.HTTP
	location string
}

// RoundTrip asks.
func (t *redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	t.prober.Status = http.StatusMovedPermanently
	resp, err := t.through.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		t.prober.Status, t.location = resp.StatusCode, resp.Header.Get("Location")
	}
	return resp, nil
}
