package httpcall

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/probe"
	"github.com/masaruk/devops/internal/stepinput"
	"github.com/masaruk/devops/secrets"
)

// Request is the Action that makes one HTTP call from where the program runs.
type Request struct {
	// Method is in upper case; empty is GET.
	Method string
	// URL is http or https, without a user.
	URL string
	// Header are the headers; SecretHeaders those that hold a secret of
	// Source.
	Header        map[string]string
	SecretHeaders map[string]SecretHeader
	Source        secrets.Source
	// JSON, when set, is the body as a value that encoding/json writes. Body
	// is any other text; its Content-Type is a header. One of them at most.
	JSON any
	Body string
	// KeyHeader, when set, is the header that gets the idempotency key, such
	// as "Idempotency-Key".
	KeyHeader string
	// Expect are the statuses of success; nil is 200 to 299.
	Expect []int
	// Outputs are the names of outputs, each with an RFC 6901 pointer into the
	// answer, such as "/deployment/id"; "" is all of it. An output is a string:
	// a string of the answer as it is, anything else as compact JSON.
	Outputs map[string]string
	// Attempts is how often a call that may be repeated is made at most; zero
	// is 4.
	Attempts int
	// Timeout bounds the call with its waits; zero is 2 minutes, of which each
	// attempt of a call that may be repeated has 30 seconds.
	Timeout time.Duration
	// MaxBody is the size in bytes of the largest answer; zero is 1 MiB.
	MaxBody int64
	// Redirects is how many are followed; zero is none.
	Redirects int
	// TLS configures the connection, such as an authority of one's own; it is
	// not part of the plan. Nil is the system's.
	TLS *tls.Config
}

// SecretHeader is the value of a header that holds a secret.
type SecretHeader struct {
	// Secret is the name by which the source knows it.
	Secret string `json:"secret"`
	// Prefix stands before it, such as "Bearer ".
	Prefix string `json:"prefix,omitempty"`
}

// spec is what a request is made of.
type spec struct {
	Method        string                  `json:"method"`
	URL           string                  `json:"url"`
	Parameters    []string                `json:"parameters,omitempty"`
	QueryDigest   string                  `json:"query_sha256,omitempty"`
	Header        map[string]string       `json:"header,omitempty"`
	SecretHeaders map[string]SecretHeader `json:"secret_headers,omitempty"`
	JSON          any                     `json:"json,omitempty"`
	Body          string                  `json:"body,omitempty"`
	KeyHeader     string                  `json:"key_header,omitempty"`
	Expect        []int                   `json:"expect,omitempty"`
	Outputs       map[string]string       `json:"outputs,omitempty"`
	Attempts      int                     `json:"attempts"`
	Timeout       time.Duration           `json:"timeout"`
	MaxBody       int64                   `json:"max_body"`
	Redirects     int                     `json:"redirects,omitempty"`
}

// Spec returns the request with its secrets by name, and its query by the
// names of its parameters.
func (r *Request) Spec() any {
	s := spec{
		Method: r.method(), URL: r.shown(), Header: r.Header, SecretHeaders: r.SecretHeaders, JSON: r.JSON, Body: r.Body,
		KeyHeader: r.KeyHeader, Expect: r.Expect, Outputs: r.Outputs, Redirects: r.Redirects,
		Attempts: or(r.Attempts, 4), Timeout: or(r.Timeout, 2*time.Minute), MaxBody: or(r.MaxBody, 1<<20),
	}
	if _, query, has := strings.Cut(r.URL, "?"); has {
		sum := sha256.Sum256([]byte(query))
		s.QueryDigest = hex.EncodeToString(sum[:])
		for part := range strings.SplitSeq(query, "&") {
			if name, _, has := strings.Cut(part, "="); has { // what has none may be a token
				s.Parameters = append(s.Parameters, name)
			}
		}
	}
	return s
}

func or[T int | int64 | time.Duration](v, zero T) T {
	if v == 0 {
		return zero
	}
	return v
}

func (r *Request) method() string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}

// shown is the URL without what may hold a credential.
func (r *Request) shown() string {
	shown, _, _ := strings.Cut(r.URL, "?")
	shown, _, _ = strings.Cut(shown, "#")
	if scheme, rest, has := strings.Cut(shown, "://"); has {
		authority, path, slash := strings.Cut(rest, "/")
		authority = authority[strings.LastIndex(authority, "@")+1:]
		shown = scheme + "://" + authority
		if slash {
			shown += "/" + path
		}
	}
	return stepinput.Shown(shown)
}

// repeatable tells whether the call may be made twice with the effect of once.
func (r *Request) repeatable() bool {
	if r.KeyHeader != "" {
		return true
	}
	switch r.method() {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// InFlight is what a step with this request should do when the program died
// during the call: [deploy.Repeat] where it may be repeated, else [deploy.Ask].
func (r *Request) InFlight() deploy.InFlight {
	if r.repeatable() {
		return deploy.Repeat
	}
	return deploy.Ask
}

// Validate reports a request that cannot be made.
func (r *Request) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	errs = append(errs, r.validateURL())
	if r.JSON != nil && r.Body != "" {
		bad("fields JSON and Body are both set")
	}
	if r.JSON != nil {
		if _, err := json.Marshal(r.JSON); err != nil {
			bad("field JSON: %w", err)
		}
	}
	if r.Attempts < 0 || r.Timeout < 0 || r.MaxBody < 0 || r.Redirects < 0 {
		bad("field Attempts, Timeout, MaxBody or Redirects is negative")
	}
	if r.Attempts > 1 && !r.repeatable() {
		bad("field Attempts is %d, and %s may not be repeated; set KeyHeader if the service knows repeated calls by a key", r.Attempts, r.method())
	}
	for _, status := range r.Expect {
		if status < 200 || status > 599 {
			bad("field Expect: %d is no final status", status)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Outputs)) {
		if err := probe.CheckPointer(r.Outputs[name]); err != nil {
			bad("field Outputs, %q: %w", name, err)
		}
	}
	errs = append(errs, r.validateHeaders()...)
	return errors.Join(errs...)
}

func (r *Request) validateURL() error {
	u, err := url.Parse(stepinput.Placed(r.URL))
	switch {
	case err != nil:
		return errors.New("field URL cannot be parsed") // why would quote it
	case u.User != nil:
		return errors.New("field URL holds a user; put the credential into SecretHeaders")
	case strings.HasPrefix(r.URL, "${"):
		return nil // only the run knows
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return errors.New("field URL is not http:// or https:// with a host")
	}
	return nil
}

func (r *Request) validateHeaders() []error {
	var errs []error
	seen := map[string]string{}
	note := func(field, name string) {
		key := http.CanonicalHeaderKey(name)
		if before, twice := seen[key]; twice {
			errs = append(errs, fmt.Errorf("field %s: header %s is in %s too", field, key, before))
		}
		seen[key] = field
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		note("Header", name)
	}
	for _, name := range slices.Sorted(maps.Keys(r.SecretHeaders)) {
		note("SecretHeaders", name)
	}
	if r.KeyHeader != "" {
		note("KeyHeader", r.KeyHeader)
	}
	return append(errs, stepinput.Check(r.Source, r.secretNames()...))
}

func (r *Request) secretNames() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(r.SecretHeaders)) {
		names = append(names, r.SecretHeaders[name].Secret)
	}
	return names
}

// Preview returns the call as one line for each of its parts.
func (r *Request) Preview() []string {
	lines := []string{r.method() + " " + r.shown()}
	if strings.Contains(r.URL, "?") {
		lines[0] += "?<query>"
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		lines = append(lines, fmt.Sprintf("header %s: %s", name, stepinput.Shown(r.Header[name])))
	}
	for _, name := range slices.Sorted(maps.Keys(r.SecretHeaders)) {
		h := r.SecretHeaders[name]
		lines = append(lines, fmt.Sprintf("header %s: %s<secret %s>", name, h.Prefix, h.Secret))
	}
	switch {
	case r.JSON != nil:
		body, err := json.Marshal(r.JSON)
		if err != nil {
			return append(lines, "body: "+err.Error())
		}
		lines = append(lines, "body: "+stepinput.Shown(string(body)))
	case r.Body != "":
		lines = append(lines, fmt.Sprintf("body: %q", stepinput.Shown(r.Body)))
	}
	return lines
}

var _ deploy.Previewer = (*Request)(nil)
