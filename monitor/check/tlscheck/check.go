package tlscheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/masaruk/devops/monitor"
)

// Options configure a [Check]. The zero value is the default.
type Options struct {
	// ServerName is the name that is asked for and that the certificate has to
	// hold; empty is the host of the address.
	ServerName string
	// StartTLS is the protocol that begins in plain text; empty is none.
	StartTLS Protocol
	// Timeout bounds each connection up to the end of the handshake; zero is
	// 5 s.
	Timeout time.Duration
	// RootCAs are the authorities to trust; nil is those of the system.
	RootCAs *x509.CertPool
	// MinVersion is the lowest version that passes, such as
	// [tls.VersionTLS13]; zero is TLS 1.2.
	MinVersion uint16
	// RefuseOld makes a second connection that offers only versions below
	// MinVersion, and fails if the server accepts one. It has no effect where
	// MinVersion is TLS 1.0.
	RefuseOld bool
	// WarnLeft and FailLeft are the fractions of the lifetime: it is a warning
	// or a failure when less is left. Zero is 0.25 and 0.1, negative none.
	WarnLeft, FailLeft float64
	// WarnBefore and FailBefore are the same as a time; zero is none.
	WarnBefore, FailBefore time.Duration
}

// Check shakes hands with one server. [New] makes it.
type Check struct {
	address string
	o       Options
}

var _ monitor.Check = (*Check)(nil)

// New makes a check of "host:port". Nil options are the defaults. The error
// tells what cannot be used.
func New(address string, opts *Options) (*Check, error) {
	c := &Check{address: address}
	if opts != nil {
		c.o = *opts
	}
	o := &c.o
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil || port == "":
		return nil, fmt.Errorf("tlscheck.New: address %q is not of the form host:port", address)
	case o.ServerName == "" && host == "":
		return nil, fmt.Errorf("tlscheck.New: address %q names no host: give Options.ServerName", address)
	case o.Timeout < 0 || o.WarnBefore < 0 || o.FailBefore < 0:
		return nil, errors.New("tlscheck.New: Timeout, WarnBefore or FailBefore is negative")
	case o.WarnLeft >= 1 || o.FailLeft >= 1:
		return nil, errors.New("tlscheck.New: WarnLeft and FailLeft are fractions below 1")
	case o.MinVersion != 0 && (o.MinVersion < tls.VersionTLS10 || o.MinVersion > tls.VersionTLS13):
		return nil, fmt.Errorf("tlscheck.New: MinVersion %#x is none from TLS 1.0 to TLS 1.3", o.MinVersion)
	case o.StartTLS != "" && o.StartTLS != SMTP && o.StartTLS != Postgres:
		return nil, fmt.Errorf("tlscheck.New: StartTLS %q is neither %s nor %s", o.StartTLS, SMTP, Postgres)
	}
	o.ServerName = or(o.ServerName, host)
	o.Timeout = or(o.Timeout, 5*time.Second)
	o.MinVersion = or(o.MinVersion, tls.VersionTLS12)
	o.WarnLeft = or(o.WarnLeft, 0.25)
	o.FailLeft = or(o.FailLeft, 0.1)
	switch {
	case o.WarnLeft >= 0 && o.WarnLeft < o.FailLeft:
		return nil, fmt.Errorf("tlscheck.New: WarnLeft %g is below FailLeft %g: negative is none", o.WarnLeft, o.FailLeft)
	case o.WarnBefore > 0 && o.WarnBefore < o.FailBefore:
		return nil, fmt.Errorf("tlscheck.New: WarnBefore %s is below FailBefore %s", o.WarnBefore, o.FailBefore)
	}
	return c, nil
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Check connects and judges what it is shown.
func (c *Check) Check(ctx context.Context) monitor.Result {
	r := monitor.Result{Status: monitor.Pass}
	begun := time.Now()
	state, detail, err := c.shake(ctx, tls.VersionTLS10, tls.VersionTLS13)
	if err != nil {
		c.worsen(&r, monitor.Fail, detail, err)
		return r
	}
	r.Measurements = append(r.Measurements,
		monitor.Measurement{Name: "handshake", Value: time.Since(begun).Seconds(), Unit: "s"},
		monitor.Measurement{Name: "version", Value: 1 + float64(state.Version-tls.VersionTLS10)/10, Unit: "1"})
	if state.Version < c.o.MinVersion {
		c.worsen(&r, monitor.Fail, "old version of TLS", fmt.Errorf("the server chose %s, at least %s is wanted",
			tls.VersionName(state.Version), tls.VersionName(c.o.MinVersion)))
	}
	c.judge(&r, state.PeerCertificates, time.Now())
	if c.o.RefuseOld && c.o.MinVersion > tls.VersionTLS10 && state.Version >= c.o.MinVersion {
		c.offerOld(ctx, &r)
	}
	return r
}

// offerOld fails unless the server refuses what is below MinVersion.
func (c *Check) offerOld(ctx context.Context, r *monitor.Result) {
	state, detail, err := c.shake(ctx, tls.VersionTLS10, c.o.MinVersion-1)
	switch {
	case err == nil:
		c.worsen(r, monitor.Fail, "accepts an old version of TLS", fmt.Errorf("the server accepts %s from who offers nothing better, at least %s is wanted",
			tls.VersionName(state.Version), tls.VersionName(c.o.MinVersion)))
	case detail != noHandshake || ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded):
		c.worsen(r, monitor.Fail, detail, fmt.Errorf("on the second connection, which offers old versions: %w", err))
	}
}

const noHandshake = "no TLS handshake"

// shake connects and shakes hands. Where that fails, detail tells how far it
// came.
func (c *Check) shake(ctx context.Context, lowest, highest uint16) (state tls.ConnectionState, detail string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.o.Timeout,
		fmt.Errorf("not done within %s: %w", c.o.Timeout, context.DeadlineExceeded))
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return state, "no connection", because(ctx, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := c.o.StartTLS.begin(ctx, conn); err != nil {
		if broken(ctx, err) {
			return state, "no answer", because(ctx, err)
		}
		return state, "TLS is not offered", err
	}
	client := tls.Client(conn, &tls.Config{
		ServerName: c.o.ServerName, MinVersion: lowest, MaxVersion: highest,
		InsecureSkipVerify: true, // judge verifies, and reports more than the first problem
	})
	if err := client.HandshakeContext(ctx); err != nil {
		return state, noHandshake, because(ctx, err)
	}
	return client.ConnectionState(), "", nil
}

// broken tells whether err is of the connection, and not what the server said.
func broken(ctx context.Context, err error) bool {
	var network *net.OpError
	return ctx.Err() != nil || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// because is the cause of ctx where that is why something failed. The network
// may notice a deadline a moment before the context does.
func because(ctx context.Context, err error) error {
	if deadline, has := ctx.Deadline(); has && time.Until(deadline) <= 0 {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// worsen adds a problem to r.
func (c *Check) worsen(r *monitor.Result, s monitor.Status, detail string, err error) {
	r.Status = max(r.Status, s)
	if r.Err == nil {
		r.Detail, r.Err = detail, fmt.Errorf("%s: %s: %w", c.address, detail, err)
		return
	}
	r.Detail += "; " + detail
	r.Err = fmt.Errorf("%w; %s: %w", r.Err, detail, err)
}
