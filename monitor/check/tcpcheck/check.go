package tcpcheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/masaruk/devops/monitor"
)

// Options configure a [Check]. The zero value is the default.
type Options struct {
	// Network is "tcp", "tcp4", "tcp6" or "unix"; empty is "tcp".
	Network string
	// Timeout bounds a run from the look-up of the name to the answer; zero is
	// 5 s.
	Timeout time.Duration
	// Send is sent once connected. It may hold a password and is never shown.
	Send string
	// Expect is what has to be in the answer within its first MaxAnswer bytes;
	// empty expects nothing, and reads nothing.
	Expect string
	// MaxAnswer is how many bytes are read for Expect; zero is 4096.
	MaxAnswer int
	// WarnLatency and FailLatency are how long connection and answer may take
	// together before that is a warning or a failure; zero is no limit but
	// Timeout.
	WarnLatency, FailLatency time.Duration
}

// Check connects to one address. [New] makes it.
type Check struct {
	address string
	o       Options
}

var _ monitor.Check = (*Check)(nil)

// New makes a check of "host:port", or of the path of a socket where the network
// is "unix". Nil options are the defaults. The error tells what cannot be used.
func New(address string, opts *Options) (*Check, error) {
	c := &Check{address: address}
	if opts != nil {
		c.o = *opts
	}
	switch c.o.Network {
	case "":
		c.o.Network = "tcp"
	case "tcp", "tcp4", "tcp6", "unix":
	default:
		return nil, fmt.Errorf("tcpcheck.New: Options.Network %q is none of tcp, tcp4, tcp6 and unix", c.o.Network)
	}
	if c.o.Network != "unix" {
		if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
			return nil, fmt.Errorf("tcpcheck.New: address %q is not of the form host:port", address)
		}
	} else if address == "" {
		return nil, errors.New("tcpcheck.New: the address is empty: give the path of the socket")
	}
	if c.o.Timeout < 0 || c.o.WarnLatency < 0 || c.o.FailLatency < 0 || c.o.MaxAnswer < 0 {
		return nil, errors.New("tcpcheck.New: Timeout, WarnLatency, FailLatency or MaxAnswer is negative")
	}
	if c.o.FailLatency > 0 && c.o.WarnLatency > c.o.FailLatency {
		return nil, fmt.Errorf("tcpcheck.New: Options.WarnLatency %s is above FailLatency %s", c.o.WarnLatency, c.o.FailLatency)
	}
	if c.o.Timeout == 0 {
		c.o.Timeout = 5 * time.Second
	}
	if c.o.MaxAnswer == 0 {
		c.o.MaxAnswer = 4096
	}
	if len(c.o.Expect) > c.o.MaxAnswer {
		return nil, fmt.Errorf("tcpcheck.New: Options.Expect has %d bytes, and MaxAnswer is %d", len(c.o.Expect), c.o.MaxAnswer)
	}
	return c, nil
}

// Check connects once, and sends and expects what it is to.
func (c *Check) Check(ctx context.Context) monitor.Result {
	bound, cancel := context.WithTimeoutCause(ctx, c.o.Timeout,
		fmt.Errorf("not done within %s: %w", c.o.Timeout, context.DeadlineExceeded))
	defer cancel()
	var r monitor.Result
	begun := time.Now()
	conn, err := (&net.Dialer{}).DialContext(bound, c.o.Network, c.address)
	if err != nil {
		return c.failed(r, "no connection", because(bound, err))
	}
	defer conn.Close()
	r.Measurements = append(r.Measurements, seconds("connect", time.Since(begun)))
	stop := context.AfterFunc(bound, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write([]byte(c.o.Send)); c.o.Send != "" && err != nil {
		return c.failed(r, "the connection broke", because(bound, err))
	}
	if answer, err := c.expect(conn); err != nil {
		detail := "no answer"
		if len(answer) > 0 {
			detail = "not the expected answer"
		}
		said := monitor.Redact(ctx, string(answer)) // before it is cut
		return c.failed(r, detail, fmt.Errorf("%w; %d bytes came: %q", because(bound, err), len(answer), said[:min(len(said), longestQuote)]))
	}
	took := time.Since(begun)
	r.Measurements = append(r.Measurements, seconds("total", took))
	return c.judge(r, took)
}

// longestQuote is how many bytes of an answer the error shows.
const longestQuote = 100

// errNotThere tells that an answer was complete, or long enough, without the
// expected text.
var errNotThere = errors.New("the answer is not the expected one")

// expect reads until the expected text came.
func (c *Check) expect(conn net.Conn) (answer []byte, err error) {
	if c.o.Expect == "" {
		return nil, nil
	}
	buf := make([]byte, c.o.MaxAnswer)
	for n := 0; n < len(buf); {
		m, err := conn.Read(buf[n:])
		n += m
		if bytes.Contains(buf[:n], []byte(c.o.Expect)) {
			return buf[:n], nil
		}
		if err != nil {
			return buf[:n], err
		}
	}
	return buf, errNotThere
}

func (c *Check) judge(r monitor.Result, took time.Duration) monitor.Result {
	switch {
	case c.o.FailLatency > 0 && took > c.o.FailLatency:
		return c.failed(r, "too slow", fmt.Errorf("it took %s, more than %s", took, c.o.FailLatency))
	case c.o.WarnLatency > 0 && took > c.o.WarnLatency:
		r.Status, r.Detail = monitor.Warn, "slow"
		r.Err = fmt.Errorf("%s: it took %s, more than %s", c.address, took, c.o.WarnLatency)
	default:
		r.Status = monitor.Pass
	}
	return r
}

func (c *Check) failed(r monitor.Result, detail string, err error) monitor.Result {
	r.Status, r.Detail = monitor.Fail, detail
	r.Err = fmt.Errorf("%s: %s: %w", c.address, detail, err)
	return r
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

func seconds(name string, d time.Duration) monitor.Measurement {
	return monitor.Measurement{Name: name, Value: d.Seconds(), Unit: "s"}
}
