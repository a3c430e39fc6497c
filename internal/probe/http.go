package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Header marks each request of a prober, with the value "1", so that a proxy
// can count probes apart from traffic.
const Header = "X-Devops-Probe"

// maxBody is how much of an answer is read.
const maxBody = 64 << 10

// HTTP measures a service by one request: no redirect is followed, nothing is
// tried again, not even by the transport, and no proxy is used. It is safe for
// concurrent use; set its fields before the first Probe.
type HTTP struct {
	// URL is what is asked. Reasons show it without user and query.
	URL string
	// Method is the method; empty is GET.
	Method string
	// Status is the expected status; zero is 200.
	Status int
	// Header and Want, when Header is set, name a header of the answer and
	// the value that it must have.
	Header, Want string
	// Body, when set, judges the body of an answer whose status and header are
	// right: what it returns is why the answer is bad, in one line, which the
	// reason shows before the beginning of the body. It gets at most 64 KiB, and
	// whole tells that there is no more.
	Body func(body []byte, whole bool) error
	// ReleaseHeader names the header from which Result.Release is taken;
	// empty is X-Release.
	ReleaseHeader string
	// Timeout bounds one request up to the end of the answer; zero is 5 s.
	Timeout time.Duration
	// KeepAlive uses connections again, as most clients do. The default is a
	// new one each time, which proves that the service still accepts.
	KeepAlive bool
	// Clean, when set, takes secrets out of what the service said, before a
	// reason shows the beginning of it: a half cannot be recognised later.
	Clean func(string) string
	// TLS configures https; nil is the default configuration.
	TLS *tls.Config
	// Transport, when set, answers the requests in place of own connections.
	Transport http.RoundTripper

	mu   sync.Mutex
	idle []*http.ClientConn
}

var errTimeout = errors.New("time is over")

// Probe asks once. The Outcome is Pass or Fail; Inconclusive when ctx ended
// before the answer did, and Error when the request cannot be made at all.
func (h *HTTP) Probe(ctx context.Context) Result {
	res := Result{Started: time.Now()}
	timeout := h.Timeout
	if timeout <= 0 {
		timeout = 5 * time.Second
	}
	bound, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout)
	defer cancel()
	req, err := h.request(bound)
	if err != nil {
		res.Outcome, res.Reason = Error, err.Error()
		return res
	}
	err = h.ask(req, &res)
	res.Latency = time.Since(res.Started)
	if err == nil {
		res.Outcome = Pass
		return res
	}
	ended(bound)
	res.Outcome = Fail
	if broken := (*stageError)(nil); errors.As(err, &broken) && ctx.Err() != nil {
		res.Outcome = Inconclusive
	}
	res.Reason = clip(h.clean(fmt.Sprintf("%s %s: %s", req.Method, shown(req.URL), explain(bound, err, timeout))), 500)
	return res
}

// Close closes the connections that are kept. The HTTP can be used further.
func (h *HTTP) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.idle {
		_ = c.Close() // nothing is lost with an idle connection
	}
	h.idle = nil
}

// request makes the request. Its error never shows the URL, which may hold a
// password that could not be told from the rest.
func (h *HTTP) request(ctx context.Context) (*http.Request, error) {
	u, err := url.Parse(h.URL)
	if err != nil {
		return nil, errors.New("probe: the URL cannot be parsed")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, errors.New("probe: the URL names no http or https scheme and host")
	}
	method := h.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, h.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("probe: method %.20q is not valid", method)
	}
	req.Header.Set(Header, "1")
	req.Header.Set("User-Agent", "devops-probe")
	if u.User != nil {
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	req.Close = !h.KeepAlive
	return req, nil
}
