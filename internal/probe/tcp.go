package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// TCP measures a service by one connection. That it stands says no more than
// that the kernel accepts for the port: a program that hangs has a kernel that
// accepts. Banner makes the program itself speak. It is safe for concurrent
// use; set its fields before the first Probe.
type TCP struct {
	// Addr is host:port.
	Addr string
	// Send, when set, is written as soon as the connection stands.
	Send string
	// Banner, when set, is what the first bytes from the service must be.
	Banner string
	// TLS, when set, makes the connection TLS at once; where it has no
	// ServerName, the host of Addr is it.
	TLS *tls.Config
	// Timeout bounds everything; zero is 5 s.
	Timeout time.Duration
}

// Probe connects once. The outcomes are those of [HTTP.Probe].
func (t *TCP) Probe(ctx context.Context) Result {
	res := Result{Started: time.Now()}
	host, port, err := net.SplitHostPort(t.Addr)
	if err != nil || host == "" || port == "" {
		res.Outcome, res.Reason = Error, fmt.Sprintf("probe: address %.100q is not host:port", t.Addr)
		return res
	}
	timeout := t.Timeout
	if timeout <= 0 {
		timeout = 5 * time.Second
	}
	bound, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout)
	defer cancel()
	err = t.ask(bound, host)
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
	res.Reason = clip(fmt.Sprintf("connect %s: %s", t.Addr, explain(bound, err, timeout)), 500)
	return res
}

func (t *TCP) ask(ctx context.Context, host string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.Addr)
	if err != nil {
		return &stageError{"no connection", err}
	}
	defer conn.Close()
	// The end of ctx breaks off what a deadline could not know of.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if t.TLS != nil {
		config := t.TLS.Clone()
		if config.ServerName == "" {
			config.ServerName = host
		}
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return &stageError{"no TLS", err}
		}
		conn = secure
	}
	if t.Send != "" {
		if _, err := io.WriteString(conn, t.Send); err != nil {
			return &stageError{"nothing sent", err}
		}
	}
	if t.Banner == "" {
		return nil
	}
	return t.greeted(conn)
}

// greeted reads until the banner is there or cannot come any more. What came in
// its place is not quoted: it ends where the reading did, and nothing finds a
// secret of which only the beginning is there.
func (t *TCP) greeted(conn io.Reader) error {
	got := make([]byte, 0, len(t.Banner))
	for len(got) < len(t.Banner) {
		n, err := conn.Read(got[len(got):cap(got)])
		got = got[:len(got)+n]
		if !bytes.HasPrefix([]byte(t.Banner), got) {
			same := 0
			for got[same] == t.Banner[same] {
				same++
			}
			return fmt.Errorf("it does not begin with %.100q: its byte %d is another", t.Banner, same+1)
		}
		if err != nil && len(got) < len(t.Banner) {
			return &stageError{"no banner", err}
		}
	}
	return nil
}
