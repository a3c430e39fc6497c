package retryhttp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Options adjusts [New]. The zero value is the defaults that stand at the
// fields.
type Options struct {
	// Attempts is how often a call is made at most: 4; negative is once.
	Attempts int
	// FirstWait is the longest wait after the first attempt; it doubles with
	// each: 200 ms. Negative is no wait, except for Retry-After.
	FirstWait time.Duration
	// MaxWait is the longest wait that the doubling leads to: 10 s.
	MaxWait time.Duration
	// MaxRetryAfter is the longest Retry-After that is waited for: 1 min;
	// negative is none.
	MaxRetryAfter time.Duration
	// AttemptTimeout is the time of one attempt, from the connection to the end
	// of the body: 30 s; negative is no limit.
	AttemptTimeout time.Duration
	// Timeout is the time of a whole call, waits included: 2 min; negative is no
	// limit but that of the context.
	Timeout time.Duration
	// MaxBody is the size in bytes of the largest answer, decompressed: 8 MiB.
	MaxBody int64
	// MaxRedirects is how many are followed: 5; negative is none.
	MaxRedirects int
	// TLS is the configuration of the connections, such as a certificate
	// authority of one's own. It is copied.
	TLS *tls.Config
	// Transport makes the single requests, in place of one of the client's own.
	// It stays the caller's: Close does not close its connections.
	Transport http.RoundTripper
	// Handle sees each attempt when it has ended, in order, in the goroutine of
	// Do, which goes on when it returns. It is called for several calls at a
	// time.
	Handle func(Attempt)
}

// withDefaults resolves what is zero or negative.
func (o Options) withDefaults() Options {
	o.Attempts = max(or(o.Attempts, 4), 1)
	o.FirstWait = max(or(o.FirstWait, 200*time.Millisecond), 0)
	o.MaxWait = max(or(o.MaxWait, 10*time.Second), 0)
	o.MaxRetryAfter = max(or(o.MaxRetryAfter, time.Minute), 0)
	o.AttemptTimeout = max(or(o.AttemptTimeout, 30*time.Second), 0)
	o.Timeout = or(o.Timeout, 2*time.Minute)
	o.MaxRedirects = max(or(o.MaxRedirects, 5), 0)
	if o.MaxBody <= 0 {
		o.MaxBody = 8 << 20
	}
	return o
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Client makes calls. It is safe for concurrent use.
type Client struct {
	o    Options
	http http.Client
	own  *http.Transport // nil where the transport is the caller's
}

// New makes a Client. Nil options are the defaults. The error says that TLS
// and Transport are both set, of which one would have no effect.
func New(opts *Options) (*Client, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.TLS != nil && o.Transport != nil {
		return nil, errors.New("retryhttp: Options.TLS and Options.Transport are both set: configure TLS in the transport")
	}
	c := &Client{o: o.withDefaults()}
	through := o.Transport
	if through == nil {
		c.own = newTransport(o.TLS)
		through = c.own
	}
	c.http = http.Client{
		Transport:     &guard{through},
		CheckRedirect: redirects{c.o.MaxRedirects}.check,
		Timeout:       c.o.AttemptTimeout,
	}
	return c, nil
}

// newTransport is one like http.DefaultTransport, which the program may have
// changed, with a smaller limit for headers.
func newTransport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        config.Clone(),
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    10,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 1 << 20,
	}
}

// Close closes the connections that no call uses, and lets go of the others
// when their calls end. The client can still be used.
func (c *Client) Close() {
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
}

// within gives a call its time.
func (c *Client) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.o.Timeout < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, c.o.Timeout,
		fmt.Errorf("the call was not done within %v: %w", c.o.Timeout, context.DeadlineExceeded))
}
