package retryhttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/hashicorp/go-retryablehttp"
)

// Call is one call.
type Call struct {
	// Method is GET by default.
	Method string
	// URL is http or https. A user in it becomes basic authorization.
	URL    string
	Header http.Header
	// Body is sent with each attempt. It must not be changed, also after Do
	// has returned.
	Body []byte
	// Open gives the body anew for each attempt, in place of Body. Length is
	// its size in bytes; 0 is unknown, and the body is sent in chunks.
	Open   func() (io.ReadCloser, error)
	Length int64
	// Repeatable says that the call may be made several times with the effect
	// of once, though its method does not say so.
	Repeatable bool
	// Again tells which attempts of a repeatable call are repeated, in place of
	// the default. It is not asked about what can never be.
	Again func(Attempt) bool
}

// Response is a complete answer, with any status.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	// Attempts are those that were made, this answer's last.
	Attempts []Attempt
}

// Do makes the call, several times if need be. The error is an [*Error]: no
// complete answer came, or the call is none that can be made.
func (c *Client) Do(ctx context.Context, call Call) (*Response, error) {
	ctx, stop := c.within(ctx)
	defer stop()
	call.Method = or(call.Method, http.MethodGet)
	at, err := call.check()
	if err != nil {
		return nil, &Error{Method: call.Method, Server: server(at), Err: err}
	}
	t := &trip{client: c, call: call, server: server(at)}
	req, err := t.request(ctx)
	if err != nil {
		return nil, t.fail(err)
	}
	repeat := &retryablehttp.Client{
		HTTPClient:     &c.http,
		RetryMax:       c.o.Attempts, // more than there are: ended counts them
		CheckRetry:     t.ended,
		Backoff:        t.wait,
		ErrorHandler:   retryablehttp.PassthroughErrorHandler,
		RequestLogHook: t.began,
	}
	// The body has been read and closed by ended.
	resp, err := repeat.Do(req)
	if err != nil {
		return nil, t.fail(t.cause(ctx, err))
	}
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: t.body, Attempts: t.attempts}, nil
}

// check refuses what no attempt could mend. The URL is nil where it is none.
func (call Call) check() (*url.URL, error) {
	at, err := url.Parse(call.URL)
	if err != nil {
		return nil, errors.New("the URL cannot be parsed") // why would quote it
	}
	switch {
	case at.Scheme != "http" && at.Scheme != "https":
		return nil, errors.New("the URL is neither http nor https")
	case at.Hostname() == "":
		return nil, errors.New("the URL names no host")
	case !isToken(call.Method):
		return at, errors.New("the method is none")
	case call.Body != nil && call.Open != nil:
		return at, errors.New("Body and Open are both set")
	}
	for name, values := range call.Header {
		if !isToken(name) {
			return at, fmt.Errorf("%q cannot be the name of a header", name)
		}
		if slices.ContainsFunc(values, hasControl) {
			return at, fmt.Errorf("the value of header %s holds a control character, such as the end of a line", name)
		}
	}
	return at, nil
}

// server is what errors show of a URL.
func server(at *url.URL) string {
	if at == nil {
		return ""
	}
	return at.Scheme + "://" + at.Host
}

// isToken is RFC 9110 section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

// repeatable tells whether the call may be made more than once.
func (call Call) repeatable() bool {
	switch call.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodTrace:
		return true
	}
	// By these headers net/http repeats too, whatever is decided here.
	return call.Repeatable || call.Header.Get("Idempotency-Key") != "" || call.Header.Get("X-Idempotency-Key") != ""
}

// request makes the request, whose body can be had again.
func (t *trip) request(ctx context.Context) (*retryablehttp.Request, error) {
	var body any
	switch {
	case t.call.Open != nil:
		body = retryablehttp.ReaderFunc(t.open)
	case len(t.call.Body) > 0:
		body = retryablehttp.ReaderFunc(func() (io.Reader, error) { return bytes.NewReader(t.call.Body), nil })
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, t.call.Method, t.call.URL, body)
	if err != nil {
		return nil, errors.New("it is no request of HTTP") // why would quote it
	}
	if t.call.Open != nil {
		req.ContentLength = t.call.Length
	}
	if t.call.Header != nil {
		req.Header = t.call.Header.Clone()
	}
	t.made = true
	return req, nil
}

// open gives the body, except to NewRequest, which looks for its length only.
func (t *trip) open() (io.Reader, error) {
	if !t.made {
		return http.NoBody, nil
	}
	body, err := t.call.Open()
	if err != nil {
		return nil, &openError{err}
	}
	return body, nil
}
