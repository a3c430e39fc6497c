package httpcheck

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/masaruk/devops/internal/probe"
	"github.com/masaruk/devops/monitor"
)

// Check asks, and judges the answer.
func (c *Check) Check(ctx context.Context) monitor.Result {
	x, res := c.ask(ctx)
	r := monitor.Result{Status: monitor.Pass}
	c.measure(&r, x, res)
	if res.Outcome == probe.Pass {
		c.judge(ctx, &r, x, res)
	} else {
		worsen(&r, monitor.Fail, x.detail(), x.failure(ctx, res))
	}
	if x.tls != nil && ctx.Err() == nil {
		c.judgeCertificate(&r, x.tls, time.Now())
	}
	if c.o.RedirectFrom != "" && ctx.Err() == nil {
		c.judgeRedirect(ctx, &r)
	}
	if len(x.attempts) > 1 {
		r.Detail = strings.TrimPrefix(r.Detail+"; "+x.history(), "; ")
	}
	return r
}

func (c *Check) measure(r *monitor.Result, x *exchange, res probe.Result) {
	add := func(name string, value float64, unit string) {
		r.Measurements = append(r.Measurements, monitor.Measurement{Name: name, Value: value, Unit: unit})
	}
	add("latency", x.latency(res).Seconds(), "s")
	if x.status != 0 {
		add("status", float64(x.status), "1")
	}
	if x.err == nil && res.Status != 0 {
		add("size", float64(len(x.body)), "By")
	}
	if c.o.Attempts > 1 {
		add("attempts", float64(len(x.attempts)), "1")
	}
}

// detail tells in general words why the prober failed.
func (x *exchange) detail() string {
	switch untrusted := x.untrusted(); {
	case untrusted != "":
		return untrusted
	case x.status == 0:
		return "no answer"
	case x.err != nil && x.check.accepts(x.status):
		return "no complete answer"
	}
	return fmt.Sprintf("status %d", x.status)
}

// history tells what each of several attempts got.
func (x *exchange) history() string {
	got := make([]string, len(x.attempts))
	for n, a := range x.attempts {
		got[n] = fmt.Sprintf("attempt %d: status %d", a.Number, a.Status)
		if a.Err != nil {
			got[n] = fmt.Sprintf("attempt %d: no answer", a.Number)
		}
	}
	return strings.Join(got, ", ")
}

// failure makes the error of what the prober says.
func (x *exchange) failure(ctx context.Context, res probe.Result) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", res.Reason, context.Cause(ctx))
	}
	e := &failedError{text: res.Reason}
	// Only errors that quote nothing of the answer go along.
	var network *net.OpError
	var verification *tls.CertificateVerificationError
	if errors.As(x.err, &network) {
		e.cause = network
	} else if errors.As(x.err, &verification) {
		e.cause = verification
	}
	return e
}

// failedError is a reason of the prober, and the cause, if it can be shown.
type failedError struct {
	text  string
	cause error
}

func (e *failedError) Error() string { return e.text }
func (e *failedError) Unwrap() error { return e.cause }

// worsen adds a problem to r.
func worsen(r *monitor.Result, s monitor.Status, detail string, err error) {
	r.Status = max(r.Status, s)
	if r.Err == nil {
		r.Detail, r.Err = detail, err
		return
	}
	r.Detail += "; " + detail
	r.Err = fmt.Errorf("%w; %w", r.Err, err)
}
