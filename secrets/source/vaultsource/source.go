package vaultsource

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/masaruk/devops/internal/retryhttp"
	"github.com/masaruk/devops/secrets"
)

// maxAnswer is the size in bytes of the largest answer: one secret with all
// its fields.
const maxAnswer = 4 << 20

// Options adjusts [New]. The zero value asks the mount "secret" without a
// token.
type Options struct {
	// Mount is the path of the secrets engine: "secret".
	Mount string
	// Namespace is sent as X-Vault-Namespace, for Vault Enterprise and OpenBao.
	Namespace string
	// Token is what Vault is asked with.
	Token secrets.Value
	// TokenFile holds the token instead, and is read at each Lookup. Space
	// around it does not count.
	TokenFile string
	// AllowHTTP allows an address that is neither https nor on loopback. Whoever
	// can read the network then has the token and the secrets.
	AllowHTTP bool
	// TLS is the configuration of the connections, such as a certificate
	// authority of one's own. It is copied.
	TLS *tls.Config
	// Transport makes the requests, in place of one of the source's own.
	Transport http.RoundTripper
	// Attempts is how often a Lookup asks while Vault limits the rate: 4;
	// negative is once.
	Attempts int
	// Timeout is the time of one request: 10 s; negative is no limit but that
	// of the context.
	Timeout time.Duration
}

// Source is a [secrets.Source] of one mount of a Vault. It is safe for
// concurrent use.
type Source struct {
	base      *url.URL // with the path up to the mount
	kind      string
	namespace string
	token     secrets.Value
	file      string
	client    *retryhttp.Client
}

var _ secrets.Source = (*Source)(nil)

// New makes a source of the Vault at address, such as
// "https://vault.example.com:8200"; it may have a path. It asks nothing yet.
//
// The error says what is wrong with the address or an option.
func New(address string, opts *Options) (*Source, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	base, err := parse(address, o.AllowHTTP)
	if err != nil {
		return nil, fmt.Errorf("vaultsource: address: %w", err)
	}
	mount := o.Mount
	if mount == "" {
		mount = "secret"
	}
	if err := checkPath(mount); err != nil {
		return nil, fmt.Errorf("vaultsource: Mount %q: %w", mount, err)
	}
	switch {
	case hasControl(o.Namespace):
		return nil, fmt.Errorf("vaultsource: Namespace %q holds a control character", o.Namespace)
	case !o.Token.IsZero() && o.TokenFile != "":
		return nil, errors.New("vaultsource: Token and TokenFile are both set: leave one out")
	case hasControl(o.Token.Reveal()):
		return nil, errors.New("vaultsource: Token holds a control character, such as the end of a line")
	}
	timeout := o.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	client, err := retryhttp.New(&retryhttp.Options{
		Attempts:       o.Attempts,
		AttemptTimeout: timeout,
		Timeout:        -1,
		MaxBody:        maxAnswer,
		MaxRedirects:   -1,
		TLS:            o.TLS,
		Transport:      o.Transport,
	})
	if err != nil {
		return nil, fmt.Errorf("vaultsource: %w", err)
	}
	return &Source{
		base:      base.JoinPath("v1", escape(mount), "data"),
		kind:      fmt.Sprintf("vault %s://%s mount %s", base.Scheme, base.Host, mount),
		namespace: o.Namespace,
		token:     o.Token,
		file:      o.TokenFile,
		client:    client,
	}, nil
}

// Close closes the connections that are kept.
func (s *Source) Close() { s.client.Close() }

// Lookup returns the secret of a name such as "prod/api/db#password"; see the
// manual of the package for names and errors.
func (s *Source) Lookup(ctx context.Context, name string) (secrets.Value, error) {
	v, err := s.lookup(ctx, name)
	if err != nil {
		return secrets.Value{}, &secrets.SourceError{Source: s.kind, Name: name, Err: err}
	}
	return v, nil
}

func (s *Source) lookup(ctx context.Context, name string) (secrets.Value, error) {
	if ctx.Err() != nil {
		return secrets.Value{}, context.Cause(ctx)
	}
	what, err := parseName(name)
	if err != nil {
		return secrets.Value{}, err
	}
	token, err := s.current()
	if err != nil {
		return secrets.Value{}, err
	}
	resp, err := s.ask(ctx, what, token)
	if err == nil && resp.Status == http.StatusForbidden && s.file != "" {
		var newer secrets.Value
		if newer, err = s.current(); err == nil && !newer.Equal(token) {
			token = newer
			resp, err = s.ask(ctx, what, token)
		}
	}
	if err != nil {
		return secrets.Value{}, err
	}
	return s.judge(resp, what, token)
}

// parse reads the address of a Vault.
func parse(address string, allowHTTP bool) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, errors.New("it is no URL") // why would quote it
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("it must begin with https://")
	case u.Hostname() == "":
		return nil, errors.New("it names no host")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("it must have no user, query or fragment")
	case u.Scheme == "http" && !allowHTTP && !isLoopback(u.Hostname()):
		return nil, errors.New("http would send the token in clear; use https, or set AllowHTTP")
	}
	return u, nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() || strings.EqualFold(host, "localhost")
}
