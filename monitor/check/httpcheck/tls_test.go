package httpcheck_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/httpcheck"
	"github.com/masaruk/devops/secrets"
)

// serveTLS serves with a certificate.
func serveTLS(t *testing.T, cert tls.Certificate, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, nil, "root", 400*day, 3000*day)
	between := newAuthority(t, root, "between", 300*day, 5*day)
	self := issue(t, nil, x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, day, 80*day)
	for name, test := range map[string]struct {
		cert   tls.Certificate
		status monitor.Status
		detail string
	}{
		"healthy":        {root.leaf(t, 10*day, 80*day), monitor.Pass, ""},
		"short lifetime": {root.leaf(t, 5*day, 2*day), monitor.Pass, ""},
		"late":           {root.leaf(t, 70*day, 20*day), monitor.Warn, "the certificate expires in 20.0 days"},
		"too late":       {root.leaf(t, 345*day, 20*day), monitor.Fail, "the certificate expires in 20.0 days"},
		"chain ends":     {between.leaf(t, 10*day, 80*day, between), monitor.Fail, "the certificate expires in 5.0 days"},
		"expired":        {root.leaf(t, 90*day, -time.Minute), monitor.Fail, "the certificate has expired or is not valid yet"},
		"wrong host":     {root.leafFor(t, x509.Certificate{DNSNames: []string{"other.example.com"}}, day, 80*day), monitor.Fail, "the certificate is not for this host"},
		"self-signed":    {tls.Certificate{Certificate: [][]byte{self.cert.Raw}, PrivateKey: self.key}, monitor.Fail, "the certificate is not trusted"},
	} {
		for _, attempts := range []int{1, 2} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := serveTLS(t, test.cert, say(200, "ok"))
				r := run(t, s.URL, httpcheck.Options{TLS: &tls.Config{RootCAs: root.pool()}, Attempts: attempts})
				require.Equal(t, test.status, r.Status, "%v", r.Err)
				require.Equal(t, test.detail, r.Detail, "%v", r.Err)
				if strings.HasPrefix(test.detail, "the certificate ") && !strings.Contains(test.detail, "expires") {
					var verification *tls.CertificateVerificationError
					require.ErrorAs(t, r.Err, &verification)
					require.Equal(t, 1, strings.Count(r.Err.Error(), "GET "), "%v", r.Err)
					return
				}
				require.Positive(t, value(t, r, "certificate_left"))
				require.Less(t, value(t, r, "lifetime_left"), 1.0)
				require.Equal(t, 200.0, value(t, r, "status"))
			})
		}
	}
	s := serveTLS(t, root.leaf(t, 345*day, 20*day), say(200, "ok"))
	r := run(t, s.URL, httpcheck.Options{TLS: &tls.Config{RootCAs: root.pool()}, WarnLeft: -1, FailLeft: -1})
	require.Equal(t, monitor.Pass, r.Status)
	s = serveTLS(t, root.leaf(t, 345*day, 20*day), say(500, ""))
	r = run(t, s.URL, httpcheck.Options{TLS: &tls.Config{RootCAs: root.pool()}})
	require.Equal(t, "status 500; the certificate expires in 20.0 days", r.Detail, "a wrong answer does not hide it")
}

func TestHSTS(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, nil, "root", 400*day, 3000*day)
	cert := root.leaf(t, 10*day, 80*day)
	for _, test := range []struct {
		values []string
		text   string // empty passes
	}{
		{[]string{"max-age=31536000; includeSubDomains; preload"}, ""},
		{[]string{` includeSubDomains ;MAX-AGE = "15552000"`}, ""},
		{[]string{"max-age=9223372037"}, ""},
		{nil, "there is no header"},
		{[]string{"max-age=15551999"}, "max-age of Strict-Transport-Security is 4319h59m59s, at least 4320h0m0s"},
		{[]string{"max-age=0"}, "is 0s"},
		{[]string{"includeSubDomains"}, "has no max-age"},
		{[]string{"max-age=1, max-age=31536000"}, "is not one number of seconds"},
		{[]string{"max-age=31536000; max-age=31536000"}, "is not one number of seconds"},
		{[]string{"max-age=-1"}, "is not one number of seconds"},
		{[]string{"max-age=0", "max-age=31536000"}, "is 0s"}, // the first one counts
	} {
		s := serveTLS(t, cert, func(w http.ResponseWriter, _ *http.Request) { w.Header()["Strict-Transport-Security"] = test.values })
		r := run(t, s.URL, httpcheck.Options{TLS: &tls.Config{RootCAs: root.pool()}, HSTS: 180 * day})
		if test.text == "" {
			require.Equal(t, monitor.Pass, r.Status, "%v: %v", test.values, r.Err)
			continue
		}
		require.Equal(t, monitor.Fail, r.Status, "%v", test.values)
		require.Equal(t, "HSTS is missing or short", r.Detail)
		require.ErrorContains(t, r.Err, test.text)
	}
}

func TestRedirectFrom(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, nil, "root", 400*day, 3000*day)
	s := serveTLS(t, root.leaf(t, 10*day, 80*day), say(200, "ok"))
	o := httpcheck.Options{TLS: &tls.Config{RootCAs: root.pool()}, Authorization: secrets.New("Bearer " + canary), Header: http.Header{"X-Key": {"k"}}}
	redirect := func(status int, to string) string {
		return serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" || r.Header.Get("X-Key") != "" {
				to = "the headers went over plain HTTP"
			}
			w.Header().Set("Location", to)
			w.WriteHeader(status)
		}).URL
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		o.RedirectFrom = redirect(status, s.URL+"/elsewhere")
		r := run(t, s.URL, o)
		require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
	}
	// The name of the check at the address of the server.
	named := o
	named.Address, named.RedirectFrom = strings.TrimPrefix(s.URL, "https://"), redirect(301, "https://API.example.com/")
	require.Equal(t, monitor.Pass, run(t, "https://api.example.com/", named).Status)
	named.RedirectFrom = redirect(301, "https://127.0.0.1/") // its own name
	require.Equal(t, monitor.Pass, run(t, "https://api.example.com/", named).Status)

	down := "http://127.0.0.1:1/"
	for address, text := range map[string]string{
		redirect(200, s.URL):                        "status 200, want 301",
		redirect(304, s.URL):                        "status 304, want 301",
		redirect(301, "http://127.0.0.1/x?k=1"):     `redirects to "http://127.0.0.1", which is not https`,
		redirect(301, "/relative"):                  "redirects to no absolute URL",
		redirect(301, ""):                           "redirects to no absolute URL",
		redirect(301, "https://phish.example.com/"): `another host: "https://phish.example.com"`,
		down: "connection refused",
	} {
		o.RedirectFrom = address
		r := run(t, s.URL, o)
		require.Equal(t, monitor.Fail, r.Status, text)
		require.Equal(t, "plain HTTP does not lead to HTTPS", r.Detail)
		require.ErrorContains(t, r.Err, text)
	}
}
