package httpcheck

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/masaruk/devops/internal/probe"
	"github.com/masaruk/devops/internal/retryhttp"
	"github.com/masaruk/devops/monitor"
)

// newTransport makes connections that serve one request each, so that nothing is
// sent again behind our back. If address is not empty it connects there.
func newTransport(config *tls.Config, address string) *http.Transport {
	t := &http.Transport{
		TLSClientConfig: config.Clone(), DisableKeepAlives: true, DisableCompression: true,
		MaxResponseHeaderBytes: 256 << 10, Protocols: &http.Protocols{},
	}
	t.Protocols.SetHTTP1(true)
	if address != "" {
		t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
	}
	return t
}

// exchange is one run's request and what came of it. It answers the one request
// of a [probe.HTTP], of which it is the transport.
type exchange struct {
	check    *Check
	prober   *probe.HTTP
	status   int // 0 until an answer began
	header   http.Header
	body     []byte
	tls      *tls.ConnectionState
	attempts []retryhttp.Attempt // none where it is asked once
	err      error
}

// ask makes the request and returns the prober's result.
func (c *Check) ask(ctx context.Context) (*exchange, probe.Result) {
	x := &exchange{check: c}
	x.prober = &probe.HTTP{
		URL: c.url.Reveal(), Method: c.o.Method, Status: c.o.Status[0],
		Timeout: c.longest(), Transport: x, Clean: func(said string) string { return monitor.Redact(ctx, said) },
	}
	res := x.prober.Probe(ctx)
	return x, res
}

// RoundTrip asks, once or as often as the options say.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	for name, values := range x.check.o.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if !x.check.o.Authorization.IsZero() {
		req.Header.Set("Authorization", x.check.o.Authorization.Reveal())
	}
	if x.check.repeat != nil {
		x.err = x.askSeveral(req)
	} else {
		x.err = x.askOnce(req)
	}
	if x.status == 0 {
		return nil, x.err
	}
	if x.check.accepts(x.status) {
		x.prober.Status = x.status // one of several that pass
	}
	var body io.Reader = bytes.NewReader(x.body)
	if x.err != nil {
		body = brokenBody{x.err}
	}
	return &http.Response{StatusCode: x.status, Header: x.header, Request: req, Body: io.NopCloser(body)}, nil
}

// brokenBody is a body that did not come in full.
type brokenBody struct{ err error }

func (b brokenBody) Read([]byte) (int, error) { return 0, b.err }

func (x *exchange) askOnce(req *http.Request) error {
	resp, err := x.check.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	x.status, x.header, x.tls = resp.StatusCode, resp.Header, resp.TLS
	limit := x.check.o.MaxBody
	x.body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(x.body)) > limit {
		err = fmt.Errorf("the body is larger than %d bytes", limit)
	}
	return err
}

// tlsKey is where the context of a request has the place for the state of TLS,
// which retryhttp does not pass on.
type tlsKey struct{}

// recorder keeps the state of TLS of an answer.
type recorder struct{ through http.RoundTripper }

func (r recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.through.RoundTrip(req)
	if place, ok := req.Context().Value(tlsKey{}).(**tls.ConnectionState); ok && err == nil {
		*place = resp.TLS
	}
	return resp, err
}

func (x *exchange) askSeveral(req *http.Request) error {
	resp, err := x.check.repeat.Do(context.WithValue(req.Context(), tlsKey{}, &x.tls), retryhttp.Call{
		Method: req.Method, URL: req.URL.String(), Header: req.Header,
		Again: func(a retryhttp.Attempt) bool { return a.Err != nil || !x.check.accepts(a.Status) },
	})
	var failure *retryhttp.Error
	if errors.As(err, &failure) {
		x.attempts = failure.Attempts
		if n := len(x.attempts); n > 0 {
			x.status = x.attempts[n-1].Status
		}
		return failure.Err // the prober says what was asked
	}
	if err != nil {
		return err
	}
	x.status, x.header, x.body, x.attempts = resp.Status, resp.Header, resp.Body, resp.Attempts
	return nil
}

// latency is how long the last attempt took.
func (x *exchange) latency(res probe.Result) time.Duration {
	if n := len(x.attempts); n > 0 {
		return x.attempts[n-1].Took
	}
	return res.Latency
}

// untrusted tells in a few words why a certificate was refused, or returns "".
func (x *exchange) untrusted() string {
	var verification *tls.CertificateVerificationError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case !errors.As(x.err, &verification):
		return ""
	case errors.As(x.err, &host):
		return "the certificate is not for this host"
	case errors.As(x.err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired or is not valid yet"
	}
	return "the certificate is not trusted"
}
