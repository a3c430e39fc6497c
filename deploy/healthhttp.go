package deploy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/masaruk/devops/internal/probe"
)

// HTTPCheck is the condition that a service answers one request well. Nothing
// is tried again, no redirect is followed and no proxy is used.
type HTTPCheck struct {
	// URL is asked; each ${name} in it is the output of that name, which the
	// step lists in Binds. It enters the plan, so it must hold no secret.
	URL string `json:"url"`
	// Method is the method; empty is GET.
	Method string `json:"method,omitempty"`
	// Status is the expected status; zero is 200.
	Status int `json:"status,omitempty"`
	// Header and Want, when set, name a header of the answer and the value
	// that it must have, such as X-Release and the name of the release.
	Header string `json:"header,omitempty"`
	Want   string `json:"want,omitempty"`
	// Contains, when set, is text that the body must have in its first 64 KiB:
	// some services answer 200 and tell of the error in the body.
	Contains string `json:"contains,omitempty"`
	// Pointer and Value, when one is set, name a place of the JSON body as RFC
	// 6901 says, such as "/checks/0/status", and the value that must stand
	// there: a string as it is, anything else as compact JSON. An empty Pointer
	// is the whole body.
	Pointer string `json:"pointer,omitempty"`
	Value   string `json:"value,omitempty"`
	// CA, when set, are the certificates, in PEM, of the authorities that are
	// believed in place of the system's.
	CA string `json:"ca,omitempty"`
	// Timeout bounds the request up to the end of the answer; zero is 5 s.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// Spec returns the fields.
func (h *HTTPCheck) Spec() any { return h }

// Validate reports fields that cannot work.
func (h *HTTPCheck) Validate() error {
	errs := []error{checkURL(h.URL)}
	if h.Status < 0 || h.Timeout < 0 {
		errs = append(errs, errors.New("field Status or Timeout is negative"))
	}
	if h.Want != "" && h.Header == "" {
		errs = append(errs, errors.New("field Want is set and Header is empty; name the header"))
	}
	if err := probe.CheckPointer(h.Pointer); err != nil {
		errs = append(errs, fmt.Errorf("field Pointer: %w", err))
	}
	if _, err := trust(h.CA); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Preview returns the request and what is expected of the answer.
func (h *HTTPCheck) Preview() []string {
	line := fmt.Sprintf("%s %s answers %d", orString(h.Method, "GET"), previewRefs(h.URL), orInt(h.Status, 200))
	if h.Header != "" {
		line += fmt.Sprintf(", with %s: %s", h.Header, h.Want)
	}
	if h.Contains != "" {
		line += fmt.Sprintf(", %q in its body", h.Contains)
	}
	if h.Pointer != "" || h.Value != "" {
		line += fmt.Sprintf(", %q at %q of its JSON", h.Value, h.Pointer)
	}
	return []string{line}
}

// Run asks once.
func (h *HTTPCheck) Run(ctx context.Context, c *Call) error {
	address, err := c.Expand(h.URL)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnmeasured, err)
	}
	config, err := trust(h.CA)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnmeasured, err)
	}
	target := &probe.HTTP{
		URL: address, Method: h.Method, Status: h.Status, Header: h.Header, Want: h.Want, Timeout: h.Timeout, TLS: config, Body: h.body(), Clean: c.clean,
	}
	return measured(ctx, target.Probe(ctx))
}

func (h *HTTPCheck) body() func([]byte, bool) error {
	contains, value := probe.Contains(h.Contains), probe.JSONValue(h.Pointer, h.Value)
	return func(body []byte, whole bool) error {
		if h.Contains != "" {
			if err := contains(body, whole); err != nil {
				return err
			}
		}
		if h.Pointer != "" || h.Value != "" {
			return value(body, whole)
		}
		return nil
	}
}

// measured is a result as an error, as [Conditions] want it.
func measured(ctx context.Context, res probe.Result) error {
	switch res.Outcome {
	case probe.Pass:
		return nil
	case probe.Error:
		return fmt.Errorf("%w: %s", ErrUnmeasured, res.Reason)
	case probe.Inconclusive: // only when ctx ended before the answer
		return fmt.Errorf("%s: %w", res.Reason, context.Cause(ctx))
	}
	return errors.New(res.Reason)
}

// trust returns the configuration that believes the authorities in ca; nil for
// none is the default one.
func trust(ca string) (*tls.Config, error) {
	if ca == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(ca)) {
		return nil, errors.New("field CA has no certificate in PEM")
	}
	return &tls.Config{RootCAs: pool}, nil
}

// checkURL reports a URL that is empty or has a password, which would enter the
// plan and the log. It never shows the URL.
func checkURL(raw string) error {
	if raw == "" {
		return errors.New("field URL is empty")
	}
	u, err := url.Parse(outputRef.ReplaceAllString(raw, "x"))
	if err != nil {
		return errors.New("field URL cannot be parsed")
	}
	if _, has := u.User.Password(); has {
		return errors.New("field URL has a password, which would be written into the plan; ask with a Check that takes it from a secrets.Source")
	}
	return nil
}

func orString(v, empty string) string {
	if v == "" {
		return empty
	}
	return v
}

var _ Previewer = (*HTTPCheck)(nil)
