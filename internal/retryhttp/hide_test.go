package retryhttp_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/retryhttp"
)

const canary = "canary-9f3b"

// requireHidden looks for the canary in err and all that it wraps.
func requireHidden(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	for _, format := range []string{"%v", "%+v", "%#v", "%q"} {
		require.NotContains(t, fmt.Sprintf(format, err), canary)
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if e.Unwrap() != nil {
			requireHidden(t, e.Unwrap())
		}
	case interface{ Unwrap() []error }:
		for _, below := range e.Unwrap() {
			requireHidden(t, below)
		}
	}
}

func TestErrorsHideTheRequest(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	dropped := serve(t, drop(""))
	for _, host := range []string{l.Addr().String(), dropped.Listener.Addr().String()} {
		call := retryhttp.Call{
			Method: http.MethodPut,
			URL:    "http://user-" + canary + ":" + canary + "@" + host + "/" + canary + "?token=" + canary + "#" + canary,
			Header: http.Header{"Authorization": {canary}},
			Body:   []byte(canary),
		}
		var seen []retryhttp.Attempt
		client := newClient(t, retryhttp.Options{Attempts: 2, Handle: func(a retryhttp.Attempt) { seen = append(seen, a) }})
		_, err := client.Do(within(t), call)
		requireHidden(t, err)
		require.ErrorContains(t, err, host)
		require.Len(t, seen, 2)
		require.NotContains(t, fmt.Sprintf("%+v", seen), canary)
	}
}

func TestErrorsHideTheAnswer(t *testing.T) {
	for name, answer := range map[string]string{
		"status line":  canary + "\r\n\r\n",
		"status":       "HTTP/1.1 " + canary + " OK\r\n\r\n",
		"header line":  "HTTP/1.1 200 OK\r\n" + canary + "\r\n\r\n",
		"length":       "HTTP/1.1 200 OK\r\nContent-Length: " + canary + "\r\n\r\n",
		"encoding":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + canary + "\r\n\r\n",
		"chunk":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + canary + "\r\n",
		"redirect":     "HTTP/1.1 302 Found\r\nLocation: http://x:" + canary + "/\r\nContent-Length: 0\r\n\r\n",
		"redirect %":   "HTTP/1.1 302 Found\r\nLocation: /%zz" + canary + "\r\nContent-Length: 0\r\n\r\n",
		"compression":  "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 11\r\n\r\n" + canary,
		"cut off body": "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + canary,
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, drop(answer))
			_, err := get(t, retryhttp.Options{Attempts: 2}, s.URL)
			requireHidden(t, err)
			want := 2
			if strings.HasPrefix(name, "redirect") {
				want = 1
			}
			require.Equal(t, want, s.requests())
		})
	}
}

func TestCallsThatCannotBeMade(t *testing.T) {
	s := serve(t, status(200))
	for name, call := range map[string]retryhttp.Call{
		"no URL":        {},
		"not parsed":    {URL: "http://x:" + canary + "/"},
		"escape":        {URL: "http://x/%zz" + canary},
		"scheme":        {URL: "ftp://" + canary},
		"no host":       {URL: "http:///" + canary},
		"method":        {URL: s.URL, Method: "GET " + canary},
		"header name":   {URL: s.URL, Header: http.Header{"A b": {canary}}},
		"header value":  {URL: s.URL, Header: http.Header{"A": {canary + "\n"}}},
		"two bodies":    {URL: s.URL, Method: http.MethodPut, Body: []byte(canary), Open: func() (io.ReadCloser, error) { return http.NoBody, nil }},
		"header return": {URL: s.URL, Header: http.Header{"A": {"ok", canary + "\r"}}},
	} {
		_, err := newClient(t, retryhttp.Options{}).Do(within(t), call)
		if name != "method" { // which is shown
			requireHidden(t, err)
		}
		var failed *retryhttp.Error
		require.ErrorAs(t, err, &failed, name)
		require.Empty(t, failed.Attempts, name)
	}
	require.Zero(t, s.requests())
	_, err := retryhttp.New(&retryhttp.Options{TLS: &tls.Config{}, Transport: http.DefaultTransport})
	require.ErrorContains(t, err, "both set")
}

// hops are servers that redirect to each other, and note the headers.
type hops struct {
	mu   sync.Mutex
	seen []http.Header
}

func (h *hops) to(where *string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.seen = append(h.seen, r.Header.Clone())
		h.mu.Unlock()
		if *where == "" {
			status(200)(w, r)
			return
		}
		w.Header().Set("Location", *where)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}

func TestRedirectsKeepCredentialsAtHome(t *testing.T) {
	var h hops
	var second, third, end string
	a2 := ""
	mux := http.NewServeMux()
	mux.HandleFunc("/1", h.to(&second))
	mux.HandleFunc("/2", h.to(&third))
	mux.HandleFunc("/3", h.to(&end))
	home := httptest.NewServer(mux)
	defer home.Close()
	abroad := httptest.NewServer(h.to(&a2))
	defer abroad.Close()

	second = "/2" // same server
	third = abroad.URL + "/away"
	a2 = home.URL + "/3" // and back: not trusted any more
	call := retryhttp.Call{URL: home.URL + "/1?token=" + canary, Header: http.Header{
		"Authorization": {"Bearer " + canary}, "X-Vault-Token": {canary}, "Cookie": {"c=" + canary}, "Accept": {"application/json"},
	}}
	resp, err := newClient(t, retryhttp.Options{}).Do(within(t), call)
	require.NoError(t, err)
	require.Equal(t, 200, resp.Status)
	require.Len(t, h.seen, 4)
	for i, header := range h.seen {
		require.Equal(t, "application/json", header.Get("Accept"), i)
		require.Empty(t, header.Get("Referer"), i)
		for _, name := range []string{"Authorization", "X-Vault-Token", "Cookie"} {
			require.Equal(t, i < 2, header.Get(name) != "", "%d %s", i, name)
		}
		require.Equal(t, i < 2, strings.Contains(fmt.Sprint(header), canary), i)
	}
	require.Len(t, call.Header, 4, "the caller's headers stay")
}

func TestRedirectsThatAreNotFollowed(t *testing.T) {
	target := serve(t, status(200))
	redirect := status(307, "Location", target.URL)
	secure := httptest.NewTLSServer(redirect)
	defer secure.Close()
	for name, c := range map[string]struct {
		o    retryhttp.Options
		call retryhttp.Call
	}{
		"POST":     {call: retryhttp.Call{Method: http.MethodPost, URL: serve(t, redirect).URL, Body: []byte(canary)}},
		"PUT":      {call: retryhttp.Call{Method: http.MethodPut, URL: serve(t, redirect).URL, Body: []byte(canary)}},
		"off":      {o: retryhttp.Options{MaxRedirects: -1}, call: retryhttp.Call{URL: serve(t, redirect).URL}},
		"to http":  {o: retryhttp.Options{Transport: secure.Client().Transport}, call: retryhttp.Call{URL: secure.URL}},
		"to other": {call: retryhttp.Call{URL: serve(t, status(307, "Location", "ftp://127.0.0.1/")).URL}},
		"endless":  {call: retryhttp.Call{URL: serve(t, status(307, "Location", "/")).URL}},
	} {
		resp, err := newClient(t, c.o).Do(within(t), c.call)
		require.NoError(t, err, name)
		require.Equal(t, 307, resp.Status, name)
		require.Len(t, resp.Attempts, 1, name)
	}
	require.Zero(t, target.requests())
}

func TestNothingIsLeftBehind(t *testing.T) {
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	handlers := map[string]http.HandlerFunc{
		"/ok": status(200), "/503": status(503), "/drop": drop("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), "/hang": hang,
		"/huge": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) },
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handlers[r.URL.Path](w, r) }))
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if state == http.StateClosed || state == http.StateHijacked {
			delete(open, c)
		} else {
			open[c] = true
		}
	}
	s.Start()
	defer s.Close()
	before := runtime.NumGoroutine()
	client, err := retryhttp.New(&retryhttp.Options{
		FirstWait: time.Millisecond, Attempts: 2, MaxBody: 1000, AttemptTimeout: 200 * time.Millisecond,
	})
	require.NoError(t, err)
	for range 3 {
		for path := range handlers {
			_, err := client.Do(within(t), retryhttp.Call{URL: s.URL + path})
			require.Equal(t, path != "/ok" && path != "/503", err != nil, "%s: %v", path, err)
		}
	}
	_, err = client.Do(within(t), retryhttp.Call{URL: s.URL + "/ok"})
	require.NoError(t, err)
	mu.Lock()
	require.NotEmpty(t, open, "a connection is kept")
	mu.Unlock()
	client.Close()
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(open) == 0
	}, 20*time.Second, time.Millisecond, "connections are open")
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, // Eventually's own
		20*time.Second, time.Millisecond, "goroutines run on")
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	var mu sync.Mutex
	conns := 0
	s := httptest.NewUnstartedServer(status(503))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if state == http.StateNew {
			conns++
		}
	}
	s.Start()
	defer s.Close()
	client := newClient(t, retryhttp.Options{})
	for range 3 {
		_, err := client.Do(within(t), retryhttp.Call{URL: s.URL})
		require.NoError(t, err)
	}
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, 1, conns)
}

func TestErrorWrapsItsCause(t *testing.T) {
	cause := errors.New("cause")
	err := error(&retryhttp.Error{Method: "GET", Server: "https://x", Err: cause})
	require.ErrorIs(t, err, cause)
	require.EqualError(t, err, "GET https://x: cause")
}
