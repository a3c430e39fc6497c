package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"strings"

	"github.com/masaruk/devops/internal/stepinput"
	"github.com/masaruk/devops/secrets"
)

// Security is how the connection to a mail server is protected.
type Security string

const (
	// StartTLS begins TLS within the connection (RFC 3207) and refuses a
	// server that cannot. It is the zero value; the port is mostly 587.
	StartTLS Security = ""
	// ImplicitTLS begins with TLS (RFC 8314); the port is mostly 465.
	ImplicitTLS Security = "implicit tls"
	// Plain is without TLS, and only for a relay on the same host. It takes
	// no password.
	Plain Security = "plain"
)

// Email is a mail server that takes a message for the recipients.
type Email struct {
	// Server is host and port.
	Server   string
	Security Security
	// TLS configures the connection, such as an authority of one's own; it
	// is not part of the plan. Nil is the system's.
	TLS *tls.Config
	// From and To are addresses, with a name or without:
	// "Deploys <deploy@example.com>".
	From string
	To   []string
	// User, when set, is who signs in, by AUTH PLAIN; Password is the name by
	// which Source knows their password.
	User     string
	Password string
	Source   secrets.Source
	// Hello is the name of this machine to the server; empty is "localhost",
	// which strict servers refuse from elsewhere.
	Hello string
}

type emailSpec struct {
	Email    string   `json:"email"` // the server
	Security Security `json:"security,omitempty"`
	From     string   `json:"from"`
	To       []string `json:"to"`
	User     string   `json:"user,omitempty"`
	Password string   `json:"password,omitempty"` // the name of the secret
	Hello    string   `json:"hello,omitempty"`
}

// Spec returns the fields, with the password by name.
func (e *Email) Spec() any {
	return emailSpec{e.Server, e.Security, e.From, e.To, e.User, e.Password, e.Hello}
}

// Validate reports a server or addresses that are none, and a password without
// protection.
func (e *Email) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("email: "+format, args...)) }
	host, port, err := net.SplitHostPort(e.Server)
	if err != nil || host == "" || port == "" {
		bad("field Server is %q; write host and port, such as smtp.example.com:587", e.Server)
	}
	if e.Security != StartTLS && e.Security != ImplicitTLS && e.Security != Plain {
		bad("field Security %q is none of StartTLS, ImplicitTLS and Plain", e.Security)
	}
	if e.Security == Plain && !isLoopback(host) {
		bad("field Security is Plain and %q is another host: the message would go over the network as it is", host)
	}
	if _, err := address(e.From); err != nil {
		bad("field From: %w", err)
	}
	if len(e.To) == 0 {
		bad("field To is empty")
	}
	for i, to := range e.To {
		if _, err := address(to); err != nil {
			bad("field To[%d]: %w", i, err)
		}
	}
	switch {
	case (e.User == "") != (e.Password == ""):
		bad("of User and Password one is set; signing in takes both")
	case e.User != "" && e.Security == Plain:
		bad("field Password: a password does not go over a Plain connection")
	case e.User != "":
		if err := stepinput.Check(e.Source, e.Password); err != nil {
			bad("%w", err)
		}
	}
	return errors.Join(errs...)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// address parses one address, and refuses what could become a header.
func address(text string) (*mail.Address, error) {
	if i := strings.IndexFunc(text, isControl); i >= 0 {
		return nil, fmt.Errorf("an address holds a control character at %d, such as the end of a line", i)
	}
	a, err := mail.ParseAddress(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no address: %w", text, err)
	}
	if strings.ContainsFunc(a.Name+a.Address, isControl) { // by an encoded word
		return nil, fmt.Errorf("%q stands for an address with a control character", text)
	}
	return a, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// Preview names the recipients and the server.
func (e *Email) Preview() string {
	return fmt.Sprintf("email to %s by %s", strings.Join(e.To, ", "), e.Server)
}

// Deliver sends the note as one message to all recipients; where the server
// refuses one of them, nobody gets it.
func (e *Email) Deliver(ctx context.Context, n Note) error {
	var names []string
	if e.User != "" {
		names = []string{e.Password}
	}
	given, err := stepinput.Lookup(ctx, e.Source, names...)
	if err != nil {
		return err
	}
	message, err := e.message(n)
	if err != nil {
		return err
	}
	err = e.send(ctx, given, message)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return given.Error(err)
}

// send opens a connection of its own, which the end of ctx closes.
func (e *Email) send(ctx context.Context, given *stepinput.Secrets, message []byte) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", e.Server)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	host, _, err := net.SplitHostPort(e.Server)
	if err != nil {
		return err
	}
	client, err := e.open(ctx, conn, host)
	if err != nil {
		return err
	}
	if e.User != "" {
		if err := client.Auth(smtp.PlainAuth("", e.User, given.Reveal(e.Password), host)); err != nil {
			return fmt.Errorf("sign in as %s: %w", e.User, err)
		}
	}
	return e.transfer(client, message)
}

// open says hello, over TLS unless Security is Plain.
func (e *Email) open(ctx context.Context, conn net.Conn, host string) (*smtp.Client, error) {
	config := e.TLS.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	if e.Security == ImplicitTLS {
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS: %w", err)
		}
		conn = secure
	}
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return nil, err
	}
	hello := e.Hello
	if hello == "" {
		hello = "localhost"
	}
	if err := client.Hello(hello); err != nil {
		return nil, fmt.Errorf("EHLO: %w", err)
	}
	if e.Security != StartTLS {
		return client, nil
	}
	if offered, _ := client.Extension("STARTTLS"); !offered {
		return nil, errors.New("the server does not offer STARTTLS, and nothing is sent without TLS; see Security")
	}
	if err := client.StartTLS(config); err != nil {
		return nil, fmt.Errorf("STARTTLS: %w", err)
	}
	return client, nil
}

// transfer gives the server the message, which is sent when it has said so.
func (e *Email) transfer(client *smtp.Client, message []byte) error {
	from, err := address(e.From)
	if err != nil {
		return err
	}
	if err := client.Mail(from.Address); err != nil {
		return fmt.Errorf("from %s: %w", from.Address, err)
	}
	for _, text := range e.To {
		to, err := address(text)
		if err != nil {
			return err
		}
		if err := client.Rcpt(to.Address); err != nil {
			return fmt.Errorf("to %s: %w", to.Address, err)
		}
	}
	w, err := client.Data()
	if err != nil {
		return fmt.Errorf("DATA: %w", err)
	}
	if _, err := w.Write(message); err != nil {
		return fmt.Errorf("message: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("message: %w", err)
	}
	_ = client.Quit() // the message is the server's now
	return nil
}

var _ Channel = (*Email)(nil)
