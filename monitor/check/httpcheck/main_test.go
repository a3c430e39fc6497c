package httpcheck_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/httpcheck"
)

// TestMain names a proxy that is not there, which no check may use.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		if err := os.Setenv(name, "http://127.0.0.1:1"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// server counts what it was asked.
type server struct {
	*httptest.Server
	requests atomic.Int64
}

func serve(t *testing.T, h http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// say answers with a status, a body, and headers by name and value.
func say(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Add(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func run(t *testing.T, address string, o httpcheck.Options) monitor.Result {
	t.Helper()
	c, err := httpcheck.New(address, &o)
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

func names(r monitor.Result) string {
	var all []string
	for _, m := range r.Measurements {
		all = append(all, m.Name+" "+m.Unit)
	}
	return strings.Join(all, ",")
}

// raw calls f for each connection and closes it then.
func raw(t *testing.T, f func(net.Conn)) string {
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
			f(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return "http://" + l.Addr().String()
}
