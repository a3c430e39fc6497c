package httpcheck

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/masaruk/devops/internal/retryhttp"
	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/secrets"
)

// Options configure a [Check]. The zero value is the default.
type Options struct {
	// Method is the method; empty is GET. No body is sent.
	Method string
	// Header is sent along. Authorization is for what is secret: the whole value
	// of that header, such as "Bearer ...".
	Header        http.Header
	Authorization secrets.Value

	// Status are the statuses that pass; none is 200.
	Status []int
	// Contains is what the body has to hold; empty is anything.
	Contains string
	// Matches is a regular expression that has to match somewhere in the body,
	// Rejects one that must not; empty is none.
	Matches, Rejects string
	// JSON has for pointers of RFC 6901 into the body, which has to be JSON then,
	// the values wanted there: a string as it is, anything else as compact JSON
	// has it, such as true and 3. An empty one wants that there is a value other
	// than null.
	JSON map[string]string
	// WantHeader has for names of headers the values that they must have; an
	// empty one wants that there is one.
	WantHeader map[string]string
	// MaxBody is the size in bytes of the largest body; a larger one fails. Zero
	// is 1 MiB.
	MaxBody int64

	// Timeout bounds one attempt up to the end of the body; zero is 5 s.
	Timeout time.Duration
	// Attempts is how often it is asked at most, 1 to 10; zero is 1. More need
	// GET, HEAD or OPTIONS, and a Timeout of the [monitor.Definition] with room for
	// all of them and up to 2 s before each further one.
	Attempts int
	// WarnLatency and FailLatency are how long an attempt may take before that is
	// a warning or a failure; zero is no limit but Timeout.
	WarnLatency, FailLatency time.Duration

	// RedirectFrom is an http URL that has to redirect to https, on its own host
	// name or that of the check. It is asked in each run, without the headers.
	// Empty is none.
	RedirectFrom string
	// HSTS is the smallest max-age that the header Strict-Transport-Security (RFC
	// 6797) has to promise; zero is no such header.
	HSTS time.Duration
	// WarnLeft and FailLeft are fractions of the certificate's lifetime: it is a
	// warning or a failure when less is left. Zero is 0.25 and 0.1, negative
	// none.
	WarnLeft, FailLeft float64

	// Address is the "host:port" to connect to, in place of what the URL says,
	// such as one of several servers behind one name. Empty is the URL's.
	Address string
	// TLS configures https, such as an authority of one's own; nil is the
	// default configuration. It is copied.
	TLS *tls.Config
}

// Check asks one URL. [New] makes it.
type Check struct {
	url              secrets.Value // may hold a password
	host             string
	o                Options
	matches, rejects *regexp.Regexp
	transport        *http.Transport
	plain            *http.Transport   // for RedirectFrom
	repeat           *retryhttp.Client // nil for one attempt
}

var _ monitor.Check = (*Check)(nil)

// New makes a check of an http or https URL; a user in it becomes basic
// authorization. Nil options are the defaults. The error names every option that
// cannot be used, and never the URL.
func New(address string, opts *Options) (*Check, error) {
	c := &Check{url: secrets.New(address)}
	if opts != nil {
		c.o = *opts
	}
	if err := c.prepare(address); err != nil {
		return nil, err
	}
	c.transport = newTransport(c.o.TLS, c.o.Address)
	c.plain = newTransport(nil, "")
	if c.o.Attempts > 1 {
		client, err := retryhttp.New(&retryhttp.Options{
			Attempts: c.o.Attempts, MaxWait: 2 * time.Second, MaxRetryAfter: -1,
			AttemptTimeout: c.o.Timeout, Timeout: -1, MaxRedirects: -1, MaxBody: c.o.MaxBody,
			Transport: recorder{c.transport},
		})
		if err != nil {
			return nil, err
		}
		c.repeat = client
	}
	return c, nil
}

// longest is how long all attempts and the waits between them may take.
func (c *Check) longest() time.Duration {
	n := time.Duration(c.o.Attempts)
	return n*c.o.Timeout + (n-1)*2*time.Second
}

func (c *Check) accepts(status int) bool {
	return slices.Contains(c.o.Status, status)
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
