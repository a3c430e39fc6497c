package deploy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/masaruk/devops/internal/probe"
)

// TCPCheck is the condition that a service accepts a connection. That alone
// says that something listens, not that it works: the kernel accepts also for a
// program that hangs. Banner makes the program speak.
type TCPCheck struct {
	// Addr is host:port; each ${name} in it is the output of that name, which
	// the step lists in Binds.
	Addr string `json:"addr"`
	// Send, when set, is written as soon as the connection stands, such as
	// "PING\r\n". It enters the plan, so it must hold no secret.
	Send string `json:"send,omitempty"`
	// Banner, when set, is what the first bytes from the service must be, such
	// as "220 " or "SSH-2.0-".
	Banner string `json:"banner,omitempty"`
	// TLS makes the connection TLS at once, and the certificate must be valid
	// for ServerName; where that is empty, for the host of Addr.
	TLS        bool   `json:"tls,omitempty"`
	ServerName string `json:"server_name,omitempty"`
	// CA, when set, are the certificates, in PEM, of the authorities that are
	// believed in place of the system's.
	CA string `json:"ca,omitempty"`
	// Timeout bounds everything; zero is 5 s.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// Spec returns the fields.
func (t *TCPCheck) Spec() any { return t }

// Validate reports fields that cannot work.
func (t *TCPCheck) Validate() error {
	var errs []error
	if !strings.Contains(t.Addr, ":") && !strings.Contains(t.Addr, "${") {
		errs = append(errs, fmt.Errorf("field Addr: %.100q is not host:port", t.Addr))
	}
	if t.Timeout < 0 {
		errs = append(errs, errors.New("field Timeout is negative"))
	}
	if !t.TLS && (t.ServerName != "" || t.CA != "") {
		errs = append(errs, errors.New("field ServerName or CA is set, which only TLS uses; set TLS"))
	}
	if _, err := trust(t.CA); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Preview returns the connection and what is expected of it.
func (t *TCPCheck) Preview() []string {
	line := "connect to " + previewRefs(t.Addr)
	if t.TLS {
		line += " with TLS"
	}
	if t.Send != "" {
		line += fmt.Sprintf(", send %q", t.Send)
	}
	if t.Banner != "" {
		line += fmt.Sprintf(", it says %q", t.Banner)
	}
	return []string{line}
}

// Run connects once.
func (t *TCPCheck) Run(ctx context.Context, c *Call) error {
	addr, err := c.Expand(t.Addr)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnmeasured, err)
	}
	target := &probe.TCP{Addr: addr, Send: t.Send, Banner: t.Banner, Timeout: t.Timeout}
	if t.TLS {
		config, err := trust(t.CA)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnmeasured, err)
		}
		if config == nil {
			config = &tls.Config{}
		}
		config.ServerName = t.ServerName
		target.TLS = config
	}
	return measured(ctx, target.Probe(ctx))
}

var _ Previewer = (*TCPCheck)(nil)
