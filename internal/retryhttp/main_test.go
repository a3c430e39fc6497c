package retryhttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/retryhttp"
)

// script is a loopback server whose n-th request is answered by the n-th
// handler, further ones by the last.
type script struct {
	*httptest.Server
	mu    sync.Mutex
	times []time.Time
}

func serve(t *testing.T, handlers ...http.HandlerFunc) *script {
	t.Helper()
	s := &script{}
	s.Server = httptest.NewServer(s.handler(handlers))
	t.Cleanup(s.Close)
	return s
}

func (s *script) handler(handlers []http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		n := len(s.times)
		s.times = append(s.times, time.Now())
		s.mu.Unlock()
		handlers[min(n, len(handlers)-1)](w, r)
	})
}

func (s *script) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.times)
}

// status answers with a status, and headers by name and value.
func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, "status %d", code)
	}
}

// hang answers when the client has gone.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// drop closes the connection and sends what is given before.
func drop(before string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = conn.Write([]byte(before))
		_ = conn.Close()
	}
}

// newClient has waits that do not hold up a test.
func newClient(t *testing.T, o retryhttp.Options) *retryhttp.Client {
	t.Helper()
	if o.FirstWait == 0 {
		o.FirstWait = time.Millisecond
	}
	client, err := retryhttp.New(&o)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func get(t *testing.T, o retryhttp.Options, url string) (*retryhttp.Response, error) {
	t.Helper()
	return newClient(t, o).Do(within(t), retryhttp.Call{URL: url})
}

// within ends a test that hangs; no test comes near it.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(end)
	return ctx
}

func statuses(attempts []retryhttp.Attempt) []int {
	var all []int
	for _, a := range attempts {
		all = append(all, a.Status)
	}
	return all
}
