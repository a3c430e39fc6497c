package probe_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/probe"
)

// rawAddr is rawServer without what makes it a URL.
func rawAddr(t *testing.T, handle func(*net.TCPConn)) string {
	return strings.TrimSuffix(strings.TrimPrefix(rawServer(t, handle), "http://"), "/healthz")
}

// hungAddr is of a program that has stopped to accept, while its kernel goes
// on.
func hungAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestTCP(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed.Close()
	silent := func(c *net.TCPConn) {}
	echo := func(c *net.TCPConn) { b := make([]byte, 6); _, _ = c.Read(b); fmt.Fprint(c, "+PONG\r\n") }
	short := 300 * time.Millisecond
	for _, c := range []struct {
		name   string
		target probe.TCP
		want   string // reason after the address; empty is a pass
	}{
		{"accepts", probe.TCP{Addr: rawAddr(t, silent)}, ""},
		{"the kernel accepts for a program that hangs", probe.TCP{Addr: hungAddr(t)}, ""},
		{"which says nothing", probe.TCP{Addr: hungAddr(t), Banner: "220 ", Timeout: short}, "no banner within 300ms"},
		{"refused", probe.TCP{Addr: closed.Addr().String()}, "no connection: connection refused"},
		{"greets", probe.TCP{Addr: rawAddr(t, func(c *net.TCPConn) { fmt.Fprint(c, "220 mail") }), Banner: "220 "}, ""},
		{"greets slowly", probe.TCP{Addr: rawAddr(t, func(c *net.TCPConn) {
			for _, b := range "SSH-2.0-x" {
				fmt.Fprint(c, string(b))
			}
		}), Banner: "SSH-2.0-"}, ""},
		{"greets otherwise", probe.TCP{Addr: rawAddr(t, func(c *net.TCPConn) { fmt.Fprint(c, "554 no") }), Banner: "220 "}, `it does not begin with "220 ": its byte 1 is another`},
		{"half a greeting", probe.TCP{Addr: rawAddr(t, func(c *net.TCPConn) { fmt.Fprint(c, "22"); c.Close() }), Banner: "220 "}, "no banner: connection closed by the server"},
		{"half a greeting and silence", probe.TCP{Addr: rawAddr(t, func(c *net.TCPConn) { fmt.Fprint(c, "22") }), Banner: "220 ", Timeout: short}, "no banner within 300ms"},
		{"answers", probe.TCP{Addr: rawAddr(t, echo), Send: "PING\r\n", Banner: "+PONG"}, ""},
		{"reset", probe.TCP{Addr: rawAddr(t, func(c *net.TCPConn) { _, _ = c.Read(make([]byte, 6)); _ = c.SetLinger(0); c.Close() }), Send: "PING\r\n", Banner: "+PONG"}, "no banner: connection reset"},
		{"no TLS", probe.TCP{Addr: rawAddr(t, func(c *net.TCPConn) { fmt.Fprint(c, "220 mail\r\n") }), TLS: &tls.Config{}}, "no TLS: "},
		{"TLS with a program that hangs", probe.TCP{Addr: hungAddr(t), TLS: &tls.Config{}, Timeout: short}, "no TLS within 300ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.target.Timeout == 0 {
				c.target.Timeout = time.Minute
			}
			r := c.target.Probe(t.Context())
			if c.want == "" {
				require.Equal(t, probe.Pass, r.Outcome, r.Reason)
				require.Empty(t, r.Reason)
				return
			}
			require.Equal(t, probe.Fail, r.Outcome)
			require.Contains(t, r.Reason, "connect "+c.target.Addr+": "+c.want)
		})
	}
}

func TestTCPWithTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }))
	defer s.Close()
	addr := s.Listener.Addr().String()
	trusted := s.Client().Transport.(*http.Transport).TLSClientConfig
	for name, c := range map[string]struct {
		config *tls.Config
		want   string
	}{
		"trusted":      {trusted, ""},
		"not trusted":  {&tls.Config{}, "no TLS: "},
		"another name": {&tls.Config{RootCAs: trusted.RootCAs, ServerName: "shop.example"}, "shop.example"},
	} {
		target := &probe.TCP{Addr: addr, TLS: c.config, Send: "GET / HTTP/1.0\r\n\r\n", Banner: "HTTP/1.0 204 ", Timeout: time.Minute}
		r := target.Probe(t.Context())
		require.Equal(t, c.want == "", r.Outcome == probe.Pass, "%s: %s", name, r.Reason)
		require.Contains(t, r.Reason, c.want)
	}
}

func TestTCPThatCannotBeMeasured(t *testing.T) {
	for _, addr := range []string{"", "host", ":80", "host:", "a:b:c"} {
		r := (&probe.TCP{Addr: addr}).Probe(t.Context())
		require.Equal(t, probe.Error, r.Outcome, addr)
		require.Contains(t, r.Reason, "is not host:port")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := make(chan struct{})
	addr := rawAddr(t, func(c *net.TCPConn) { cancel(); close(cancelled) })
	r := (&probe.TCP{Addr: addr, Banner: "220 ", Timeout: time.Minute}).Probe(ctx)
	<-cancelled
	require.Equal(t, probe.Inconclusive, r.Outcome, "what was broken off is no failure")
	require.Contains(t, r.Reason, "before the probe was stopped")
}

// late is a context whose end comes after its deadline, as that of every one
// does by a little: the dialer, which reads the deadline, is ahead of it.
type late struct{ context.Context }

func (late) Deadline() (time.Time, bool) { return time.Now(), true }

func TestWhatTheCallersDeadlineCutsOffIsInconclusive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, target := range []interface {
			Probe(context.Context) probe.Result
		}{&probe.HTTP{URL: "http://127.0.0.1:1/"}, &probe.TCP{Addr: "127.0.0.1:1"}} {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			r := target.Probe(late{ctx})
			require.Equal(t, probe.Inconclusive, r.Outcome, r.Reason)
		}
	})
}

// Half a secret passes every filter, so nothing of a wrong greeting is quoted.
func TestAWrongGreetingIsNotQuoted(t *testing.T) {
	p := probe.TCP{Addr: rawAddr(t, func(c *net.TCPConn) { fmt.Fprint(c, "220 hunter22") }), Banner: "220 mail"}
	res := p.Probe(t.Context())
	require.Equal(t, probe.Fail, res.Outcome)
	require.Contains(t, res.Reason, "its byte 5 is another")
	require.NotContains(t, res.Reason, "hun")
}
