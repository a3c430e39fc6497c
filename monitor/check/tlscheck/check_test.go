package tlscheck_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/testenv"
	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/tlscheck"
)

// listen calls serve for each connection, which it closes then.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// serveTLS shakes hands with whoever comes.
func serveTLS(t *testing.T, config *tls.Config) string {
	return listen(t, func(conn net.Conn) { handshake(conn, config) })
}

func handshake(conn net.Conn, config *tls.Config) {
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	server := tls.Server(conn, config)
	if server.Handshake() == nil {
		_, _ = io.Copy(io.Discard, server)
	}
}

func run(t *testing.T, address string, o tlscheck.Options) monitor.Result {
	t.Helper()
	c, err := tlscheck.New(address, &o)
	require.NoError(t, err)
	return c.Check(t.Context())
}

func value(t *testing.T, r monitor.Result, name string) float64 {
	t.Helper()
	for _, m := range r.Measurements {
		if m.Name == name {
			return m.Value
		}
	}
	require.Fail(t, "no measurement "+name, "%+v", r)
	return 0
}

func TestHealthyChain(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, nil, "root", 400*day, 3000*day)
	between := newAuthority(t, root, "between", 300*day, 200*day)
	cert := between.leaf(t, 10*day, 80*day, between)
	address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}})
	for _, name := range []string{"", "api.example.com"} {
		r := run(t, address, tlscheck.Options{RootCAs: root.pool(), ServerName: name, RefuseOld: true})
		require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
		require.NoError(t, r.Err)
		require.InDelta(t, 1.3, value(t, r, "version"), 1e-9)
		require.InDelta(t, 80, value(t, r, "left"), 0.01)
		require.InDelta(t, 80.0/90, value(t, r, "lifetime_left"), 0.001)
		require.InDelta(t, 80, value(t, r, "chain_0_left"), 0.01)
		require.InDelta(t, 200, value(t, r, "chain_1_left"), 0.01)
		require.Positive(t, value(t, r, "handshake"))
		require.Len(t, r.Measurements, 6)
	}
}

// The same days are healthy for a short certificate and late for a long one.
func TestFractionOfLifetime(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, nil, "root", 400*day, 3000*day)
	for _, test := range []struct {
		ago, in time.Duration
		o       tlscheck.Options
		status  monitor.Status
	}{
		{27 * day, 20 * day, tlscheck.Options{}, monitor.Pass},  // of 47 days
		{70 * day, 20 * day, tlscheck.Options{}, monitor.Warn},  // of 90 days
		{345 * day, 20 * day, tlscheck.Options{}, monitor.Fail}, // of 365 days
		{345 * day, 20 * day, tlscheck.Options{WarnLeft: -1, FailLeft: -1}, monitor.Pass},
		{27 * day, 20 * day, tlscheck.Options{WarnBefore: 21 * day}, monitor.Warn},
		{27 * day, 20 * day, tlscheck.Options{FailBefore: 21 * day}, monitor.Fail},
	} {
		test.o.RootCAs = root.pool()
		address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{root.leaf(t, test.ago, test.in)}})
		r := run(t, address, test.o)
		require.Equal(t, test.status, r.Status, "%+v: %v", test, r.Err)
		if test.status != monitor.Pass {
			require.Equal(t, "the certificate expires in 20.0 days", r.Detail)
			require.ErrorContains(t, r.Err, "% of its lifetime left")
			require.ErrorContains(t, r.Err, address)
		}
	}
}

// An authority in between that ends soon is measured by the lifetime of what it
// signed, not by its own years.
func TestChainEndsBeforeItsLeaf(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, nil, "root", 4000*day, 3000*day)
	for in, want := range map[time.Duration]monitor.Status{100 * day: monitor.Pass, 15 * day: monitor.Warn, 5 * day: monitor.Fail} {
		between := newAuthority(t, root, "between", 2000*day, in)
		address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{between.leaf(t, 10*day, 80*day, between)}})
		r := run(t, address, tlscheck.Options{RootCAs: root.pool()})
		require.Equal(t, want, r.Status, "%s: %v", in, r.Err)
		require.InDelta(t, min(in, 80*day).Hours()/24, value(t, r, "left"), 0.01)
	}
}

// Of a chain that lasts and one that does not, to two trusted roots, clients take
// the better one.
func TestCrossSigned(t *testing.T) {
	t.Parallel()
	old, young := newAuthority(t, nil, "old", 4000*day, 3*day), newAuthority(t, nil, "young", 400*day, 3000*day)
	template := x509.Certificate{Subject: young.cert.Subject, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	template.NotBefore, template.NotAfter = old.cert.NotBefore, old.cert.NotAfter
	template.SerialNumber = young.cert.SerialNumber
	der, err := x509.CreateCertificate(nil, &template, old.cert, young.key.Public(), old.key)
	require.NoError(t, err)
	cross, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{young.leaf(t, 10*day, 80*day, &authority{cert: cross})}})
	both := x509.NewCertPool()
	both.AddCert(old.cert)
	both.AddCert(young.cert)
	require.Equal(t, monitor.Pass, run(t, address, tlscheck.Options{RootCAs: both}).Status)
	require.Equal(t, monitor.Fail, run(t, address, tlscheck.Options{RootCAs: old.pool()}).Status, "who knows the old one only")
}

func TestBadCertificates(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, nil, "root", 400*day, 3000*day)
	between := newAuthority(t, root, "between", 300*day, 200*day)
	ended := newAuthority(t, root, "ended", 300*day, -day)
	self := issue(t, nil, x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, day, 80*day)
	other := x509.Certificate{DNSNames: []string{"other.example.com"}}
	for name, test := range map[string]struct {
		cert   tls.Certificate
		detail string
	}{
		"expired":         {root.leaf(t, 90*day, -time.Minute), "the certificate has expired"},
		"not yet":         {root.leaf(t, -time.Hour, 90*day), "the certificate is not valid yet"},
		"wrong host":      {root.leafFor(t, other, day, 80*day), "the certificate is not for this host"},
		"self-signed":     {tls.Certificate{Certificate: [][]byte{self.cert.Raw}, PrivateKey: self.key}, "the certificate is not trusted"},
		"without between": {between.leaf(t, day, 80*day), "the certificate is not trusted"},
		"between ended":   {ended.leaf(t, day, 80*day, ended), "a certificate of the chain is expired or not valid yet"},
		"two at once":     {root.leafFor(t, other, 90*day, -time.Minute), "the certificate is not for this host; the certificate has expired"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{test.cert}})
			r := run(t, address, tlscheck.Options{RootCAs: root.pool()})
			require.Equal(t, monitor.Fail, r.Status)
			require.Equal(t, test.detail, r.Detail, "%v", r.Err)
			require.ErrorContains(t, r.Err, "x509: ")
			value(t, r, "left") // it is measured all the same
		})
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, nil, "root", 400*day, 3000*day)
	config := func(lowest, highest uint16) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{root.leaf(t, day, 80*day)}, MinVersion: lowest, MaxVersion: highest}
	}
	for _, test := range []struct {
		lowest, highest uint16
		o               tlscheck.Options
		detail          string
	}{
		{tls.VersionTLS12, tls.VersionTLS12, tlscheck.Options{RefuseOld: true}, ""},
		{tls.VersionTLS10, tls.VersionTLS11, tlscheck.Options{RefuseOld: true}, "old version of TLS"},
		{tls.VersionTLS10, tls.VersionTLS13, tlscheck.Options{}, ""},
		{tls.VersionTLS10, tls.VersionTLS13, tlscheck.Options{RefuseOld: true}, "accepts an old version of TLS"},
		{tls.VersionTLS12, tls.VersionTLS13, tlscheck.Options{RefuseOld: true, MinVersion: tls.VersionTLS13}, "accepts an old version of TLS"},
		{tls.VersionTLS12, tls.VersionTLS12, tlscheck.Options{MinVersion: tls.VersionTLS13}, "old version of TLS"},
	} {
		test.o.RootCAs = root.pool()
		r := run(t, serveTLS(t, config(test.lowest, test.highest)), test.o)
		require.Equal(t, test.detail, r.Detail, "%+v: %v", test, r.Err)
		require.Equal(t, test.detail == "", r.Status == monitor.Pass)
	}
}

// A server that hangs on the second connection has not refused an old version.
func TestSecondConnectionHangs(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, nil, "root", 400*day, 3000*day)
	config := &tls.Config{Certificates: []tls.Certificate{root.leaf(t, day, 80*day)}}
	first := true
	address := listen(t, func(conn net.Conn) {
		if !first {
			_, _ = io.Copy(io.Discard, conn)
			return
		}
		first = false
		handshake(conn, config)
	})
	r := run(t, address, tlscheck.Options{RootCAs: root.pool(), RefuseOld: true, Timeout: 2 * time.Second})
	require.Equal(t, monitor.Fail, r.Status, "no evidence is no pass")
	require.ErrorIs(t, r.Err, context.DeadlineExceeded)
	require.ErrorContains(t, r.Err, "on the second connection")
}

func TestNoHandshake(t *testing.T) {
	t.Parallel()
	closed := listen(t, func(net.Conn) {})
	plain := listen(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0") // completes connections and never answers
	require.NoError(t, err)
	defer l.Close()
	for address, test := range map[string]struct {
		text    string
		timeout time.Duration
	}{
		closed:            {"", time.Minute},
		plain:             {"tls: first record does not look like a TLS handshake", time.Minute},
		l.Addr().String(): {"not done within 100ms", 100 * time.Millisecond},
	} {
		r := run(t, address, tlscheck.Options{Timeout: test.timeout})
		require.Equal(t, monitor.Fail, r.Status)
		require.Equal(t, "no TLS handshake", r.Detail)
		require.ErrorContains(t, r.Err, test.text)
		require.NotContains(t, r.Detail, address)
	}
}

func TestSMTP(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, nil, "root", 400*day, 3000*day)
	config := &tls.Config{Certificates: []tls.Certificate{root.leaf(t, day, 80*day)}}
	smtp := func(greeting, offers, answer string) string {
		return listen(t, func(conn net.Conn) {
			_, _ = io.WriteString(conn, greeting)
			in := bufio.NewReader(conn)
			if line, _ := in.ReadString('\n'); !strings.HasPrefix(line, "EHLO ") {
				return
			}
			_, _ = io.WriteString(conn, offers)
			if line, _ := in.ReadString('\n'); line != "STARTTLS\r\n" {
				return
			}
			_, _ = io.WriteString(conn, answer)
			if strings.HasPrefix(answer, "220") {
				handshake(conn, config)
			}
		})
	}
	const good = "220-mail\r\n220 ready\r\n"
	const offers = "250-mail\r\n250-SIZE 1000\r\n250-starttls\r\n250 HELP\r\n"
	o := tlscheck.Options{RootCAs: root.pool(), StartTLS: tlscheck.SMTP}
	r := run(t, smtp(good, offers, "220 go\r\n"), o)
	require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
	require.InDelta(t, 80, value(t, r, "left"), 0.01)
	for text, address := range map[string]string{
		"does not offer STARTTLS":           smtp(good, "250-mail\r\n250 SIZE\r\n", ""),
		`"554 no", want code 220`:           smtp("554 no\r\n", "", ""),
		`"454 later", want code 220`:        smtp(good, offers, "454 later\r\n"),
		"the server sent text after its an": smtp(good, offers, "220 go\r\n250 injected\r\n"),
	} {
		r := run(t, address, o)
		require.Equal(t, monitor.Fail, r.Status)
		require.Equal(t, "TLS is not offered", r.Detail)
		require.ErrorContains(t, r.Err, text)
	}
}

// A server that hangs or hangs up before TLS begins has not said that it offers none.
func TestNoAnswerBeforeTLS(t *testing.T) {
	t.Parallel()
	closes := listen(t, func(net.Conn) {})
	hangs := listen(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	for _, protocol := range []tlscheck.Protocol{tlscheck.SMTP, tlscheck.Postgres} {
		for address, timeout := range map[string]time.Duration{closes: time.Minute, hangs: 100 * time.Millisecond} {
			r := run(t, address, tlscheck.Options{StartTLS: protocol, Timeout: timeout})
			require.Equal(t, monitor.Fail, r.Status)
			require.Equal(t, "no answer", r.Detail, "%v", r.Err)
		}
	}
}

// TestPostgres asks a real server, with TLS and without.
func TestPostgres(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, nil, "root", 400*day, 3000*day)
	p := testenv.Postgres(t, 15)
	o := tlscheck.Options{RootCAs: root.pool(), StartTLS: tlscheck.Postgres}
	address := net.JoinHostPort(p.Host, fmt.Sprint(p.Port))
	r := run(t, address, o)
	require.Equal(t, "TLS is not offered", r.Detail)
	require.ErrorContains(t, r.Err, "ssl = off")

	cert := root.leaf(t, 60*day, 10*day)
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{
		"server.crt": {Type: "CERTIFICATE", Bytes: cert.Certificate[0]}, "server.key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		path := filepath.Join(p.DataDir(), name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
		out, err := exec.CommandContext(t.Context(), "/bin/chown", "--reference="+p.DataDir(), path).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	_, err = p.Query(t.Context(), "postgres", "ALTER SYSTEM SET ssl = on")
	require.NoError(t, err)
	_, err = p.Query(t.Context(), "postgres", "SELECT pg_reload_conf()")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		r = run(t, address, o)
		return r.Status == monitor.Warn
	}, time.Minute, 20*time.Millisecond, "%+v", &r)
	require.Equal(t, "the certificate expires in 10.0 days", r.Detail)
}

func TestStopped(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c, err := tlscheck.New(l.Addr().String(), nil)
	require.NoError(t, err)
	why := io.ErrClosedPipe
	ctx, stop := context.WithCancelCause(t.Context())
	go func() {
		conn, err := l.Accept()
		if err == nil {
			defer conn.Close()
		}
		stop(why)
	}()
	require.ErrorIs(t, c.Check(ctx).Err, why)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for text, test := range map[string]struct {
		address string
		o       tlscheck.Options
	}{
		"not of the form host:port":  {"example.com", tlscheck.Options{}},
		"names no host":              {":443", tlscheck.Options{}},
		"fractions below 1":          {"a:1", tlscheck.Options{WarnLeft: 30}},
		"is negative":                {"a:1", tlscheck.Options{FailBefore: -1}},
		"MinVersion 0x300 is none":   {"a:1", tlscheck.Options{MinVersion: 0x300}},
		"is below FailLeft 0.1":      {"a:1", tlscheck.Options{WarnLeft: 0.05}},
		"is below FailBefore 2ns":    {"a:1", tlscheck.Options{WarnBefore: 1, FailBefore: 2}},
		`StartTLS "imap" is neither`: {"a:1", tlscheck.Options{StartTLS: "imap"}},
	} {
		_, err := tlscheck.New(test.address, &test.o)
		require.ErrorContains(t, err, text)
	}
}
