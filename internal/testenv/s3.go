package testenv

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/masaruk/devops/internal/testenv/internal/guard"
)

// S3Options describes an S3 server. The zero value speaks plain http.
type S3Options struct {
	// TLS makes it speak https under a certificate authority of its own.
	TLS bool
}

// S3Server is an S3 server (versitygw on a folder, with versioning available)
// that has no bucket yet. Addresses are path-style: Endpoint/bucket/key.
type S3Server struct {
	*Server
	// Endpoint is its URL without a slash at the end.
	Endpoint string
	Region   string
	// AccessKey and SecretKey are the credentials of its only account, made
	// for this server.
	AccessKey, SecretKey string
	// CAFile is the authority's certificate in PEM; empty without TLS. The
	// AWS SDK reads AWS_CA_BUNDLE, and a set one spoils a plain http.Client
	// that it is given.
	CAFile string

	client *http.Client
}

// Client returns an HTTP client that trusts the server's certificate and uses
// no proxy.
func (s *S3Server) Client() *http.Client { return s.client }

func startS3(ctx context.Context, o S3Options) (*S3Server, error) {
	base, err := newServer(ctx, nameS3)
	if err != nil {
		return nil, err
	}
	s := &S3Server{Server: base, Region: "us-east-1", AccessKey: rand.Text(), SecretKey: rand.Text()}
	if err := s.prepare(o); err != nil {
		return nil, closeAfter(fmt.Errorf("%s: %w", base.name, err), base)
	}
	err = onFreePort("127.0.0.1", func(port int) error { return s.start(ctx, port) })
	if err != nil {
		return nil, closeAfter(err, base)
	}
	return s, nil
}

// prepare makes the folders, the certificates and the client.
func (s *S3Server) prepare(o S3Options) error {
	for _, name := range []string{"objects", "versions"} {
		if err := os.Mkdir(filepath.Join(s.Dir(), name), 0o700); err != nil {
			return err
		}
	}
	transport := &http.Transport{}
	if o.TLS {
		ca, err := writeCertificates(s.Dir())
		if err != nil {
			return err
		}
		s.CAFile = filepath.Join(s.Dir(), caFile)
		pool := x509.NewCertPool()
		pool.AddCert(ca)
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	s.client = &http.Client{Transport: transport}
	return nil
}

func (s *S3Server) start(ctx context.Context, port int) error {
	tools, err := ToolsDir()
	if err != nil {
		return err
	}
	addr, scheme := net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), "http"
	argv := []string{filepath.Join(tools, "bin", "versitygw"), "--port", addr, "--region", s.Region}
	if s.CAFile != "" {
		scheme = "https"
		argv = append(argv, "--cert", filepath.Join(s.Dir(), certFile), "--key", filepath.Join(s.Dir(), keyFile))
	}
	argv = append(argv, "posix", "--versioning-dir", filepath.Join(s.Dir(), "versions"), filepath.Join(s.Dir(), "objects"))
	s.Endpoint = scheme + "://" + addr
	return s.launch(ctx, guard.Server{
		Command: guard.Command{Argv: argv, Env: []string{
			"PATH=" + guardPath, "HOME=" + s.Dir(),
			"ROOT_ACCESS_KEY=" + s.AccessKey, "ROOT_SECRET_KEY=" + s.SecretKey,
		}},
		Stop:  int(syscall.SIGTERM),
		Grace: 5 * time.Second,
	}, s.ready)
}

// ready lists the buckets; only this server knows the key.
func (s *S3Server) ready(ctx context.Context) error {
	_, err := s.Do(ctx, http.MethodGet, "/", nil)
	return err
}

// Do sends one signed request for a path such as "/bucket/key" and returns
// the body of a successful answer. It is for tests that need no SDK: names
// must consist of characters that a URL does not escape.
func (s *S3Server) Do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.Endpoint+path, strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	signV4(req, body, s.Region, s.AccessKey, s.SecretKey, time.Now())
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, tail(answer, 1<<10))
	}
	return answer, nil
}
