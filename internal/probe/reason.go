package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

// stageError tells how far a request came.
type stageError struct {
	stage string // "no answer" and the like
	err   error
}

func (e *stageError) Error() string { return e.stage + ": " + e.err.Error() }
func (e *stageError) Unwrap() error { return e.err }

// ended waits for the end of ctx where its deadline is over: the timers of a
// connection can be a little ahead of it, and what they cut off would pass for
// a failure of its own.
func ended(ctx context.Context) {
	if deadline, has := ctx.Deadline(); has && time.Until(deadline) <= 0 {
		<-ctx.Done()
	}
}

// explain tells in a few words what went wrong.
func explain(ctx context.Context, err error, timeout time.Duration) string {
	var at *stageError
	if !errors.As(err, &at) {
		return err.Error() // the answer was complete, and not the expected one
	}
	if ctx.Err() != nil {
		if context.Cause(ctx) == errTimeout {
			return fmt.Sprintf("%s within %s", at.stage, timeout)
		}
		return at.stage + " before the probe was stopped"
	}
	return at.stage + ": " + cause(at.err)
}

func cause(err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "the host name cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), closedIdle(err):
		return "connection closed by the server"
	case strings.Contains(err.Error(), "malformed HTTP"): // of net/http, not exported
		return "it is not HTTP"
	}
	return clip(err.Error(), 200)
}

// closedIdle recognises an error of net/http that is not exported: the server
// closed a kept connection while the request was on its way.
func closedIdle(err error) bool {
	return strings.Contains(err.Error(), "server closed idle connection")
}

// shown is u without what may be a secret in it.
func shown(u *url.URL) string {
	c := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	if u.RawQuery != "" {
		return c.String() + "?..."
	}
	return c.String()
}

// clip cuts s to at most n bytes, at a rune.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("...")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}
