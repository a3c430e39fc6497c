package retryhttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
)

// Error tells that a call got no complete answer.
type Error struct {
	Method string
	// Server is scheme and host, such as "https://api.example.com"; empty where
	// the URL has none.
	Server string
	// Attempts are those that were made; none where the call cannot be made.
	Attempts []Attempt
	Err      error
}

// Error names the method, the server, the number of attempts and the cause.
func (e *Error) Error() string {
	what := e.Method
	if e.Server != "" {
		what += " " + e.Server
	}
	if len(e.Attempts) > 1 {
		what = fmt.Sprintf("%s: attempt %d", what, len(e.Attempts))
	}
	return fmt.Sprintf("%s: %v", what, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// finalError is a failure that another attempt would not mend.
type finalError struct{ text string }

func (e *finalError) Error() string { return e.text }

// openError tells that Call.Open has failed.
type openError struct{ err error }

func (e *openError) Error() string { return "open the body: " + e.err.Error() }
func (e *openError) Unwrap() error { return e.err }

// explain gives what may be shown of a failed attempt, and whether another
// would fail in the same way.
func (t *trip) explain(ctx context.Context, err error) (shown error, final bool) {
	var known *finalError
	var timeout net.Error
	switch {
	case err == nil:
		return nil, false
	case ctx.Err() != nil:
		return context.Cause(ctx), true
	case errors.As(err, &known):
		return known, true
	case errors.Is(err, context.DeadlineExceeded) && errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("no complete answer within %v: %w", t.client.o.AttemptTimeout, os.ErrDeadlineExceeded), false
	}
	var outer *url.Error // its text holds the URL
	if errors.As(err, &outer) {
		err = outer.Err
	}
	if why := ofTLS(err); why != nil {
		return fmt.Errorf("TLS: %w", why), true
	}
	return ofNetwork(err), false
}

// ofTLS returns the error of a handshake that would fail again.
func ofTLS(err error) error {
	var (
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		hostname    x509.HostnameError
		invalid     x509.CertificateInvalidError
		roots       x509.SystemRootsError
		record      tls.RecordHeaderError
		network     *net.OpError
	)
	switch {
	case errors.As(err, &certificate):
		return certificate
	case errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid), errors.As(err, &roots):
		return err
	case errors.As(err, &record):
		return errors.New(record.Msg) // its Conn and its bytes stay here
	case errors.As(err, &network) && network.Op == "remote error": // an alert of the other side
		return network
	case errors.Is(err, http.ErrSchemeMismatch):
		return http.ErrSchemeMismatch
	case strings.HasPrefix(err.Error(), "tls: "):
		return err
	}
	return nil
}

// ofNetwork returns errors of the network as they are, and others, which may
// quote the answer, by their type.
func ofNetwork(err error) error {
	var network *net.OpError
	var name *net.DNSError
	var number syscall.Errno
	switch {
	case errors.As(err, &network):
		return network
	case errors.As(err, &name):
		return name
	case errors.As(err, &number):
		return number
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the answer was cut off: %w", io.ErrUnexpectedEOF)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the connection was closed before the answer: %w", io.EOF)
	case errors.Is(err, context.Canceled):
		return context.Canceled
	}
	return fmt.Errorf("no valid answer came (%T)", err)
}
