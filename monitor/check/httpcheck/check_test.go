package httpcheck_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/httpcheck"
	"github.com/masaruk/devops/secrets"
)

const canary = "canary-51ce"

func TestPasses(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "application/json" || !r.Close {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = io.WriteString(w, `{"status":"ok"}`)
	})
	r := run(t, s.URL+"/health", httpcheck.Options{Header: http.Header{"accept": {"application/json"}}, Contains: "ok"})
	require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
	require.NoError(t, r.Err)
	require.Empty(t, r.Detail)
	require.Equal(t, "latency s,status 1,size By", names(r))
	require.Equal(t, 15.0, value(t, r, "size"))
	require.Equal(t, 200.0, value(t, r, "status"))
	require.Positive(t, value(t, r, "latency"))
	require.EqualValues(t, 1, s.requests.Load())
}

// A name that does not exist, asked at an address that does.
func TestAddress(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) })
	o := httpcheck.Options{Address: strings.TrimPrefix(s.URL, "http://"), Contains: "api.example.invalid"}
	require.Equal(t, monitor.Pass, run(t, "http://api.example.invalid/", o).Status)
	o.Attempts = 2
	require.Equal(t, monitor.Pass, run(t, "http://api.example.invalid/", o).Status)
}

func TestStatus(t *testing.T) {
	t.Parallel()
	s := serve(t, say(503, "down: password="+canary))
	r := run(t, s.URL+"/x?token="+canary, httpcheck.Options{})
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "status 503", r.Detail, "strangers get no body")
	require.ErrorContains(t, r.Err, "GET "+s.URL+"/x?...: status 503, want 200")
	require.Equal(t, 503.0, value(t, r, "status"))
	require.EqualValues(t, 1, s.requests.Load(), "one attempt is one result")
	require.Equal(t, monitor.Pass, run(t, s.URL, httpcheck.Options{Status: []int{200, 503}}).Status)

	s = serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) })
	require.Equal(t, "status 302", run(t, s.URL, httpcheck.Options{}).Detail, "no redirect is followed")
	require.EqualValues(t, 1, s.requests.Load())
	r = run(t, s.URL, httpcheck.Options{Attempts: 2, Status: []int{302}})
	require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
	require.EqualValues(t, 2, s.requests.Load())
}

// Servers that say 200 and lie.
func TestLies(t *testing.T) {
	t.Parallel()
	page := "<html>502 Bad Gateway " + strings.Repeat("x", 1000)
	for _, test := range []struct {
		body   string
		o      httpcheck.Options
		detail string
		text   string
	}{
		{page, httpcheck.Options{Contains: "ready"}, "not the expected body", `the body does not contain "ready": "<html>502 Bad Gateway xxx`},
		{page, httpcheck.Options{Matches: "^ok"}, "not the expected body", `does not match "^ok"`},
		{page, httpcheck.Options{Rejects: "(?i)bad gateway"}, "not the expected body", `the body matches`},
		{page, httpcheck.Options{JSON: map[string]string{"/status": "ok"}}, "not the expected body", "the body is not JSON"},
		{`{"status":"ok"} trailing`, httpcheck.Options{JSON: map[string]string{"/status": "ok"}}, "not the expected body", "the body is not JSON"},
		{`{"status":"degraded"}`, httpcheck.Options{JSON: map[string]string{"/status": "ok"}}, "not the expected body", `the body has "degraded" at "/status", want "ok"`},
		{"", httpcheck.Options{JSON: map[string]string{"": ""}}, "not the expected body", "the body is not JSON"},
		{"ok", httpcheck.Options{WantHeader: map[string]string{"X-Release": ""}}, "a header is missing", "there is no header X-Release"},
		{"ok", httpcheck.Options{WantHeader: map[string]string{"x-node": "b"}}, "a header is wrong", `header x-node is "a", want "b"`},
		{"ok", httpcheck.Options{Contains: "no", WantHeader: map[string]string{"x-node": "b"}}, "not the expected body; a header is wrong", ""},
	} {
		s := serve(t, say(200, test.body, "X-Node", "a"))
		for _, attempts := range []int{1, 3} {
			test.o.Attempts = attempts
			r := run(t, s.URL, test.o)
			require.Equal(t, monitor.Fail, r.Status, "%+v", test)
			require.Equal(t, test.detail, r.Detail)
			require.ErrorContains(t, r.Err, test.text)
			require.Less(t, len(r.Err.Error()), 500)
		}
		require.EqualValues(t, 2, s.requests.Load(), "what is wrong with an answer is not tried again")
	}
}

func TestJSONPointers(t *testing.T) {
	t.Parallel()
	s := serve(t, say(200, `{"a":{"b":[1,{"c":"x"}]},"":"empty","m~n":true,"s/t":1.50,"n":null,"o":{"z":1,"a":"<"}}`))
	for pointer, test := range map[string]struct{ want, text string }{
		"/a/b/0":    {"1", ""},
		"/a/b/1/c":  {"x", ""},
		"/":         {"empty", ""},
		"/m~0n":     {"true", ""},
		"/s~1t":     {"1.50", ""},
		"/o":        {`{"a":"<","z":1}`, ""},
		"/n":        {"null", ""},
		"/a":        {"", ""},
		"/a/b/2":    {"", "has no /"},
		"/a/b/01":   {"", "has no /"},
		"/a/b/-":    {"", "has no /"},
		"/a/b/0/x":  {"", "has no /"},
		"/absent":   {"", "has no /"},
		"/a/b/1/c ": {"", "has no /"},
	} {
		r := run(t, s.URL, httpcheck.Options{JSON: map[string]string{pointer: test.want}})
		require.Equal(t, test.text == "", r.Status == monitor.Pass, "%s: %v", pointer, r.Err)
		if test.text != "" {
			require.ErrorContains(t, r.Err, test.text)
		}
	}
	r := run(t, s.URL, httpcheck.Options{JSON: map[string]string{"/n": ""}})
	require.ErrorContains(t, r.Err, `null at "/n"`)
}

func TestBroken(t *testing.T) {
	t.Parallel()
	hung, err := net.Listen("tcp", "127.0.0.1:0") // completes connections and never answers
	require.NoError(t, err)
	t.Cleanup(func() { _ = hung.Close() })
	talk := func(answer string, hang bool) string {
		return raw(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, answer)
			if hang {
				_, _ = io.Copy(io.Discard, conn)
			}
		})
	}
	for name, test := range map[string]struct {
		url     string
		timeout time.Duration
		detail  string
		text    string
	}{
		"half-open":       {"http://" + hung.Addr().String(), 100 * time.Millisecond, "no answer", "no answer within 100ms"},
		"refused":         {"http://127.0.0.1:1", time.Minute, "no answer", "connection refused"},
		"closes":          {talk("", false), time.Minute, "no answer", "connection closed by the server"},
		"no HTTP":         {talk("SSH-2.0-x\r\n\r\n", false), time.Minute, "no answer", "it is not HTTP"},
		"body cut off":    {talk("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", false), time.Minute, "no complete answer", "no complete answer: connection closed by the server"},
		"body that hangs": {talk("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", true), 200 * time.Millisecond, "no complete answer", "no complete answer within 200ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, test.url, httpcheck.Options{Timeout: test.timeout})
			require.Equal(t, monitor.Fail, r.Status)
			require.Equal(t, test.detail, r.Detail, "%v", r.Err)
			require.ErrorContains(t, r.Err, test.text)
			require.NotContains(t, r.Detail, "127.0.0.1")
			if name == "refused" {
				require.ErrorIs(t, r.Err, syscall.ECONNREFUSED)
			}
		})
	}
}

func TestHugeBody(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 2)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		var err error
		for piece := make([]byte, 32<<10); err == nil; {
			_, err = w.Write(piece)
		}
		ended <- err
	})
	for _, attempts := range []int{1, 2} {
		r := run(t, s.URL, httpcheck.Options{MaxBody: 100_000, Attempts: attempts})
		require.Equal(t, monitor.Fail, r.Status)
		require.Equal(t, "no complete answer", r.Detail)
		require.ErrorContains(t, r.Err, "no complete answer: the ")
		require.ErrorContains(t, r.Err, "larger than 100000 bytes")
		require.Error(t, <-ended, "the connection is closed, not read to the end")
	}
	require.EqualValues(t, 2, s.requests.Load())
	r := run(t, serve(t, say(503, strings.Repeat("x", 1000))).URL, httpcheck.Options{MaxBody: 999})
	require.Equal(t, "status 503", r.Detail)
	require.ErrorContains(t, r.Err, "status 503, want 200")
	exact := serve(t, say(200, strings.Repeat("x", 1000)))
	require.Equal(t, monitor.Pass, run(t, exact.URL, httpcheck.Options{MaxBody: 1000}).Status)
	require.Equal(t, monitor.Fail, run(t, exact.URL, httpcheck.Options{MaxBody: 999}).Status)
}

func TestLatency(t *testing.T) {
	t.Parallel()
	s := serve(t, say(200, "ok"))
	r := run(t, s.URL, httpcheck.Options{WarnLatency: 1, FailLatency: time.Hour})
	require.Equal(t, monitor.Warn, r.Status)
	require.Equal(t, "slow", r.Detail)
	r = run(t, s.URL, httpcheck.Options{FailLatency: 1})
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "too slow", r.Detail)
	require.ErrorContains(t, r.Err, "more than 1ns")
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	var s *server
	s = serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch s.requests.Load() {
		case 1:
			w.WriteHeader(503)
		case 2:
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "ok")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler) // after a status that passes
		default:
			_, _ = io.WriteString(w, "ok")
		}
	})
	r := run(t, s.URL, httpcheck.Options{Attempts: 4, Contains: "ok"})
	require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
	require.Equal(t, "attempt 1: status 503, attempt 2: no answer, attempt 3: status 200", r.Detail)
	require.Equal(t, 3.0, value(t, r, "attempts"))
	require.NoError(t, r.Err)

	down := serve(t, say(500, "broken"))
	r = run(t, down.URL, httpcheck.Options{Attempts: 2})
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "status 500; attempt 1: status 500, attempt 2: status 500", r.Detail)
	require.ErrorContains(t, r.Err, `status 500, want 200: "broken"`)
	require.EqualValues(t, 2, down.requests.Load())

	wrong := serve(t, say(503, "")) // a status that passes is not tried again
	require.Equal(t, monitor.Pass, run(t, wrong.URL, httpcheck.Options{Attempts: 3, Status: []int{503}}).Status)
	require.EqualValues(t, 1, wrong.requests.Load())
}

func TestSecretsAreHidden(t *testing.T) {
	t.Parallel()
	var authorization []string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		authorization = append(authorization, r.Header.Get("Authorization"))
		w.WriteHeader(500)
	})
	withUser := strings.Replace(s.URL, "http://", "http://user:"+canary+"@", 1) + "/hook?key=" + canary
	for _, attempts := range []int{1, 2} {
		for _, o := range []httpcheck.Options{{}, {Authorization: secrets.New("Bearer " + canary)}} {
			o.Attempts = attempts
			c, err := httpcheck.New(withUser, &o)
			require.NoError(t, err)
			r := c.Check(t.Context())
			require.Equal(t, monitor.Fail, r.Status)
			for err := r.Err; err != nil; err = errors.Unwrap(err) {
				require.NotContains(t, fmt.Sprintf("%v %+v", err, err), canary)
			}
			require.NotContains(t, fmt.Sprintf("%+v %+v", r, c), canary)
		}
	}
	require.Equal(t, "Bearer "+canary, authorization[1])
	require.True(t, strings.HasPrefix(authorization[0], "Basic "))
	_, err := httpcheck.New("http://user:"+canary+"@bad host/%zz", nil)
	require.Error(t, err)
	require.NotContains(t, err.Error(), canary)
}

func TestStopped(t *testing.T) {
	t.Parallel()
	why := errors.New("the program ends")
	ctx, stop := context.WithCancelCause(t.Context())
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		stop(why)
		<-r.Context().Done()
	})
	c, err := httpcheck.New(s.URL, &httpcheck.Options{Timeout: time.Hour, RedirectFrom: s.URL})
	require.NoError(t, err)
	r := c.Check(ctx)
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "no answer", r.Detail)
	require.ErrorIs(t, r.Err, why)
	require.EqualValues(t, 1, s.requests.Load())
}

// For the race detector: one check, run from several goroutines.
func TestConcurrentRuns(t *testing.T) {
	t.Parallel()
	s := serve(t, say(200, `{"a":1}`, "X-Node", "a"))
	for _, attempts := range []int{1, 2} {
		c, err := httpcheck.New(s.URL, &httpcheck.Options{
			Attempts: attempts, Status: []int{204, 200}, JSON: map[string]string{"/a": "1"},
			WantHeader: map[string]string{"X-Node": "a"}, Header: http.Header{"Accept": {"*/*"}},
		})
		require.NoError(t, err)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if r := c.Check(t.Context()); r.Status != monitor.Pass {
					t.Errorf("%+v", r)
				}
			})
		}
		wg.Wait()
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	_, err := httpcheck.New("ftp://example.com", nil)
	require.EqualError(t, err, "httpcheck.New: the URL is not one with http or https and a host")
	_, err = httpcheck.New("http://example.com", &httpcheck.Options{
		Status: []int{20}, Matches: "(", Rejects: "[", JSON: map[string]string{"status": "ok"}, MaxBody: -1,
		Attempts: 11, Method: "POST", RedirectFrom: "https://example.com", HSTS: time.Hour, WarnLeft: 1,
		Address: "example.com", Header: http.Header{"Authorization": {canary}},
	})
	for _, text := range []string{
		"Options.Status: 20", "Options.Matches: error parsing regexp", "Options.Rejects: error parsing regexp",
		`pointer "status" does not begin with "/"`, "MaxBody or HSTS is negative", "Attempts 11 is none", `method "POST"`,
		"RedirectFrom is not an http URL", "Options.HSTS: browsers", "fractions below 1", `Address "example.com"`,
		"a secret in Authorization",
	} {
		require.ErrorContains(t, err, text)
	}
	require.NotContains(t, err.Error(), canary)
	for text, o := range map[string]httpcheck.Options{
		"WarnLatency 2s is above FailLatency 1s": {WarnLatency: 2 * time.Second, FailLatency: time.Second},
		"WarnLeft 0.05 is below FailLeft 0.1":    {WarnLeft: 0.05},
	} {
		_, err = httpcheck.New("https://example.com", &o)
		require.ErrorContains(t, err, text)
	}
	_, err = httpcheck.New("https://example.com", &httpcheck.Options{WarnLeft: -1, WarnLatency: time.Second})
	require.NoError(t, err)
}
