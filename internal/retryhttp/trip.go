package retryhttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Attempt is one attempt of a call.
type Attempt struct {
	// Number counts from 1.
	Number int
	Method string
	// Server is scheme and host, such as "https://api.example.com".
	Server  string
	Started time.Time
	// Took is the time to the end of the body.
	Took time.Duration
	// Status is 0 if no answer began. Beside an Err the answer is incomplete.
	Status int
	Err    error
	// Again tells that another attempt follows, after Wait.
	Again bool
	Wait  time.Duration
}

// trip is the state of one call, in the goroutine of Do.
type trip struct {
	client   *Client
	call     Call
	server   string
	made     bool // the request
	started  time.Time
	attempts []Attempt
	body     []byte // of the last attempt
}

// began is called before each attempt.
func (t *trip) began(retryablehttp.Logger, *http.Request, int) { t.started = time.Now() }

// ended is called after each attempt: it reads the answer and decides.
func (t *trip) ended(ctx context.Context, resp *http.Response, err error) (bool, error) {
	a := Attempt{Number: len(t.attempts) + 1, Method: t.call.Method, Server: t.server, Started: t.started}
	var header http.Header
	t.body = nil
	if err == nil {
		a.Status, header = resp.StatusCode, resp.Header
		t.body, err = t.read(resp)
	}
	a.Took = time.Since(t.started)
	var final bool
	a.Err, final = t.explain(ctx, err)
	if !final && t.failed(a) {
		a.Wait, a.Again = t.next(ctx, a.Number, header)
	}
	t.attempts = append(t.attempts, a)
	if t.client.o.Handle != nil {
		t.client.o.Handle(a)
	}
	return a.Again, a.Err
}

// wait is asked after ended has said that there is a next attempt.
func (t *trip) wait(_, _ time.Duration, _ int, _ *http.Response) time.Duration {
	return t.attempts[len(t.attempts)-1].Wait
}

// read reads the whole body and closes it. What is not read ends the
// connection.
func (t *trip) read(resp *http.Response) ([]byte, error) {
	limit := t.client.o.MaxBody
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	_ = resp.Body.Close()
	resp.Body = http.NoBody // go-retryablehttp reads the rest
	switch {
	case err != nil:
		return nil, err
	case int64(len(body)) > limit:
		return nil, &finalError{fmt.Sprintf("the answer is larger than %d bytes", limit)}
	}
	return body, nil
}

// failed tells whether an attempt is one to repeat.
func (t *trip) failed(a Attempt) bool {
	switch {
	case !t.call.repeatable():
		return false
	case t.call.Again != nil:
		return t.call.Again(a)
	}
	return a.Err != nil || temporary(a.Status)
}

func temporary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

// next tells whether there is a next attempt, and after which wait.
func (t *trip) next(ctx context.Context, number int, header http.Header) (time.Duration, bool) {
	o := t.client.o
	if ctx.Err() != nil || number >= o.Attempts {
		return 0, false
	}
	wait := backoff(number, o.FirstWait, o.MaxWait)
	if asked, ok := retryAfter(header, time.Now()); ok {
		if asked > o.MaxRetryAfter {
			return 0, false
		}
		wait = max(wait, asked)
	}
	if until, ok := ctx.Deadline(); ok && time.Until(until) < wait {
		return 0, false
	}
	return wait, true
}

// fail makes the error of the call.
func (t *trip) fail(err error) error {
	return &Error{Method: t.call.Method, Server: t.server, Attempts: t.attempts, Err: err}
}

// cause gives the reason why Do of go-retryablehttp has failed.
func (t *trip) cause(ctx context.Context, err error) error {
	var opening *openError
	switch {
	case errors.As(err, &opening):
		return opening
	case len(t.attempts) > 0 && t.attempts[len(t.attempts)-1].Err != nil && !t.attempts[len(t.attempts)-1].Again:
		return t.attempts[len(t.attempts)-1].Err
	case ctx.Err() != nil: // in a wait
		return context.Cause(ctx)
	}
	shown, _ := t.explain(ctx, err)
	return shown
}
