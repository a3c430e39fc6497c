package probe_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/probe"
)

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

// rawServer hands each connection to handle, on a goroutine of its own.
func rawServer(t *testing.T, handle func(*net.TCPConn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go handle(c.(*net.TCPConn))
		}
	}()
	return "http://" + l.Addr().String() + "/healthz"
}

// readRequest waits for the end of a request's header.
func readRequest(c net.Conn) {
	var got []byte
	b := make([]byte, 1024)
	for !strings.Contains(string(got), "\r\n\r\n") {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		got = append(got, b[:n]...)
	}
}

func TestPass(t *testing.T) {
	for _, keep := range []bool{false, true} {
		var conns, seen atomic.Int64
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen.Add(1)
			if r.Header.Get("X-Devops-Probe") != "1" || r.Method != "GET" || r.URL.Path != "/healthz" {
				w.WriteHeader(400)
			}
			w.Header().Set("X-Release", "v3")
			fmt.Fprint(w, "fine")
		}))
		s.Config.ConnState = func(_ net.Conn, st http.ConnState) {
			if st == http.StateNew {
				conns.Add(1)
			}
		}
		s.Start()
		h := &probe.HTTP{URL: s.URL + "/healthz", Header: "X-Release", Want: "v3", KeepAlive: keep}
		for range 5 {
			r := h.Probe(t.Context())
			require.Equal(t, probe.Pass, r.Outcome, r.Reason)
			require.Equal(t, 200, r.Status)
			require.Equal(t, "v3", r.Release)
			require.Empty(t, r.Reason)
			require.Positive(t, r.Latency)
			require.False(t, r.Started.IsZero())
		}
		require.EqualValues(t, 5, seen.Load())
		if keep {
			require.EqualValues(t, 1, conns.Load(), "connections are kept")
		} else {
			require.EqualValues(t, 5, conns.Load(), "each probe has its own connection")
		}
		h.Close()
		require.Equal(t, probe.Pass, h.Probe(t.Context()).Outcome, "usable after Close")
		h.Close()
		s.Close()
	}
}

func TestFailures(t *testing.T) {
	status := func(code int, release, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Release", release)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(code)
			fmt.Fprint(w, body)
		}
	}
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed.Close()
	short := 300 * time.Millisecond
	for _, c := range []struct {
		name    string
		url     string
		timeout time.Duration
		want    string
		status  int
	}{
		{"refused", "http://" + closed.Addr().String() + "/healthz", 0, "no connection: connection refused", 0},
		{"reset", rawServer(t, func(c *net.TCPConn) { readRequest(c); _ = c.SetLinger(0); c.Close() }), 0, "no answer: connection reset", 0},
		{"closed", rawServer(t, func(c *net.TCPConn) { readRequest(c); c.Close() }), 0, "no answer: connection closed by the server", 0},
		{"half open", rawServer(t, func(c *net.TCPConn) {}), short, "no answer within 300ms", 0},
		{"no http", rawServer(t, func(c *net.TCPConn) { readRequest(c); fmt.Fprint(c, "SSH-2.0-x\r\n\r\n"); c.Close() }), 0, "no answer: it is not HTTP", 0},
		{"slow body", serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Release", "v3")
			fmt.Fprint(w, "begin")
			w.(http.Flusher).Flush()
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		}).URL + "/healthz", short, "no complete answer within 300ms", 200},
		{"cut off", rawServer(t, func(c *net.TCPConn) {
			readRequest(c)
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nX-Release: v3\r\nContent-Length: 100\r\n\r\nshort")
			c.Close()
		}), 0, "no complete answer: connection closed by the server", 200},
		{"status", serve(t, status(503, "v3", "")).URL + "/healthz", 0, "status 503, want 200", 503},
		{"status with a body", serve(t, status(500, "v3", "out of\n memory")).URL + "/healthz", 0, `status 500, want 200: "out of memory"`, 500},
		{"redirect", serve(t, status(302, "v3", "")).URL + "/healthz", 0, "status 302, want 200", 302},
		{"another release", serve(t, status(200, "v2", "ok")).URL + "/healthz", 0, `header X-Release is "v2", want "v3"`, 200},
		{"no release", serve(t, status(200, "", "ok")).URL + "/healthz", 0, `header X-Release is "", want "v3"`, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := &probe.HTTP{URL: c.url, Header: "X-Release", Want: "v3", Timeout: c.timeout}
			if c.timeout == 0 {
				h.Timeout = time.Minute
			}
			r := h.Probe(t.Context())
			require.Equal(t, probe.Fail, r.Outcome)
			require.Equal(t, c.status, r.Status)
			require.True(t, strings.HasPrefix(r.Reason, "GET "+c.url+": "+c.want), r.Reason)
			require.NotContains(t, r.Reason, "\n")
		})
	}
}

func TestReasonIsShortAndHidesSecrets(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, pass, _ := r.BasicAuth()
		w.Header().Set("X-Release", strings.Repeat("v", 1000))
		if user != "me" || pass != "hunter22" || r.URL.RawQuery != "token=hunter23" || r.Method != "POST" {
			w.WriteHeader(400)
			return
		}
		w.WriteHeader(500)
		fmt.Fprint(w, strings.Repeat("x", 199)+"yZ"+strings.Repeat("z", 1<<20))
	})
	h := &probe.HTTP{URL: strings.Replace(s.URL, "http://", "http://me:hunter22@", 1) + "/path?token=hunter23", Method: "POST"}
	r := h.Probe(t.Context())
	require.Equal(t, 500, r.Status)
	require.NotContains(t, r.Reason, "hunter")
	require.Contains(t, r.Reason, "POST "+s.URL+"/path?...: status 500")
	require.Contains(t, r.Reason, "xy")
	require.NotContains(t, r.Reason, "Z", "at most 200 bytes of the body")
	require.LessOrEqual(t, len(r.Reason), 500)
	require.LessOrEqual(t, len(r.Release), 100)
}

func TestLongBodyIsNotReadToItsEnd(t *testing.T) {
	wrote := make(chan int64, 1)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(w, io.LimitReader(endless{}, 1<<30))
		wrote <- n
	})
	r := (&probe.HTTP{URL: s.URL, KeepAlive: true}).Probe(t.Context())
	require.Equal(t, probe.Pass, r.Outcome, r.Reason)
	require.Less(t, <-wrote, int64(1<<30), "the connection is closed instead")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// http.Transport repeats a GET when a kept connection breaks; a prober must
// not, or it hides the failure.
func TestNothingIsTriedAgain(t *testing.T) {
	var requests, conns atomic.Int64
	url := rawServer(t, func(c *net.TCPConn) {
		conns.Add(1)
		readRequest(c)
		requests.Add(1)
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		readRequest(c)
		requests.Add(1)
		_ = c.SetLinger(0)
		c.Close()
	})
	h := &probe.HTTP{URL: url, KeepAlive: true, Timeout: time.Minute}
	require.Equal(t, probe.Pass, h.Probe(t.Context()).Outcome)
	r := h.Probe(t.Context())
	require.Equal(t, probe.Fail, r.Outcome)
	require.Contains(t, r.Reason, "no answer: connection ")
	require.EqualValues(t, 2, requests.Load())
	require.EqualValues(t, 1, conns.Load())
	require.Equal(t, probe.Pass, h.Probe(t.Context()).Outcome, "the broken connection is not kept")
}

func TestBrokenOffIsInconclusive(t *testing.T) {
	arrived := make(chan struct{})
	url := rawServer(t, func(c *net.TCPConn) { readRequest(c); close(arrived) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	r := (&probe.HTTP{URL: url, Timeout: time.Minute}).Probe(ctx)
	require.Equal(t, probe.Inconclusive, r.Outcome)
	require.Contains(t, r.Reason, "no answer before the probe was stopped")
}

func TestImpossibleRequestIsAnError(t *testing.T) {
	for _, url := range []string{"", "healthz", "ftp://host/x", "http://", "http://hunter22@ho st/", "http://u:hunter22%zz@host/"} {
		r := (&probe.HTTP{URL: url}).Probe(t.Context())
		require.Equal(t, probe.Error, r.Outcome, url)
		require.Contains(t, r.Reason, "URL")
		require.NotContains(t, r.Reason, "hunter")
	}
	r := (&probe.HTTP{URL: "http://127.0.0.1/", Method: "BAD METHOD"}).Probe(t.Context())
	require.Equal(t, probe.Error, r.Outcome)
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }))
	defer s.Close()
	r := (&probe.HTTP{URL: s.URL, Status: 204, TLS: s.Client().Transport.(*http.Transport).TLSClientConfig}).Probe(t.Context())
	require.Equal(t, probe.Pass, r.Outcome, r.Reason)
	r = (&probe.HTTP{URL: s.URL, Status: 204}).Probe(t.Context())
	require.Equal(t, probe.Fail, r.Outcome)
	require.Contains(t, r.Reason, "no connection: ")
}
