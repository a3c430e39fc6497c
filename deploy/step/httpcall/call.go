package httpcall

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/probe"
	"github.com/masaruk/devops/internal/retryhttp"
	"github.com/masaruk/devops/internal/stepinput"
)

// Run makes the call. It fails when no complete answer came, when the status is
// not expected, and when an output is not in the answer.
func (r *Request) Run(ctx context.Context, c *deploy.Call) error {
	given, err := stepinput.Lookup(ctx, r.Source, r.secretNames()...)
	if err == nil {
		err = r.run(ctx, c, given)
	}
	var made *retryhttp.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &made): // names method and server itself
		return given.Error(err)
	}
	return given.Error(fmt.Errorf("%s %s: %w", r.method(), r.shown(), err))
}

func (r *Request) run(ctx context.Context, c *deploy.Call, given *stepinput.Secrets) error {
	call, err := r.call(c, given)
	if err != nil {
		return err
	}
	client, err := retryhttp.New(r.options())
	if err != nil {
		return err
	}
	defer client.Close()
	resp, err := client.Do(ctx, call)
	if err != nil {
		return err
	}
	if !r.expected(resp.Status) {
		return &StatusError{Status: resp.Status, Answer: excerpt(given.Filter(string(resp.Body)))}
	}
	c.Printf("%s %s: status %d, attempt %d", r.method(), r.shown(), resp.Status, len(resp.Attempts))
	for _, name := range slices.Sorted(maps.Keys(r.Outputs)) {
		part, err := probe.At(resp.Body, r.Outputs[name])
		if err != nil {
			return fmt.Errorf("output %q: %w", name, err)
		}
		if given.Holds(part) {
			return fmt.Errorf("output %q: what the service answered %w", name, deploy.ErrSecret)
		}
		if err := c.Provide(name, part); err != nil {
			return err
		}
	}
	return nil
}

// options are those of the client. Zero values are its defaults.
func (r *Request) options() *retryhttp.Options {
	o := &retryhttp.Options{
		Attempts: r.Attempts, Timeout: r.Timeout, AttemptTimeout: r.Timeout,
		MaxBody: or(r.MaxBody, 1<<20), MaxRedirects: r.Redirects, TLS: r.TLS,
	}
	if r.Redirects == 0 {
		o.MaxRedirects = -1
	}
	if r.Timeout == 0 && !r.repeatable() {
		o.AttemptTimeout = -1 // there is one attempt, and Timeout bounds it
	}
	return o
}

// StatusError tells that the service answered with a status that is not
// expected.
type StatusError struct {
	Status int
	// Answer is the beginning of the answer, without the secrets of the call.
	Answer string
}

// Error names the status and what the service said.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("status %d is not expected", e.Status)
	if e.Answer != "" {
		text += ": " + e.Answer
	}
	return text
}

// maxExcerpt is how many bytes of an answer an error shows.
const maxExcerpt = 300

func excerpt(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxExcerpt {
		text = text[:maxExcerpt] + " [cut]"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

func (r *Request) expected(status int) bool {
	if len(r.Expect) == 0 {
		return status >= 200 && status <= 299
	}
	return slices.Contains(r.Expect, status)
}

// call makes the call of the outputs and the secrets.
func (r *Request) call(c *deploy.Call, given *stepinput.Secrets) (retryhttp.Call, error) {
	call := retryhttp.Call{Method: r.method(), Header: http.Header{}, Repeatable: r.repeatable()}
	var err error
	if call.URL, err = stepinput.URL(c, r.URL); err != nil {
		return call, err
	}
	given.HideURL(call.URL, false)
	for name, text := range r.Header {
		value, err := c.Expand(text)
		if err != nil {
			return call, fmt.Errorf("header %s: %w", name, err)
		}
		call.Header.Set(name, value)
	}
	for name, h := range r.SecretHeaders {
		call.Header.Set(name, h.Prefix+given.Reveal(h.Secret))
	}
	if r.KeyHeader != "" {
		call.Header.Set(r.KeyHeader, key(c))
	}
	switch {
	case r.JSON != nil:
		raw, err := json.Marshal(r.JSON)
		if err != nil {
			return call, err
		}
		if call.Body, err = stepinput.JSON(c, raw); err != nil {
			return call, fmt.Errorf("body: %w", err)
		}
		if call.Header.Get("Content-Type") == "" {
			call.Header.Set("Content-Type", "application/json")
		}
	case r.Body != "":
		text, err := c.Expand(r.Body)
		if err != nil {
			return call, fmt.Errorf("body: %w", err)
		}
		call.Body = []byte(text)
	}
	return call, nil
}

// key is the idempotency key: the same for every attempt, and for no other
// step.
func key(c *deploy.Call) string {
	id, err := json.Marshal([]string{c.Environment, c.Service, string(c.Run), c.Step, c.Host, string(c.Phase)})
	if err != nil { // strings always can
		return ""
	}
	sum := sha256.Sum256(id)
	return hex.EncodeToString(sum[:16])
}
