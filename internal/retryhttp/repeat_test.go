package retryhttp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/retryhttp"
)

func TestRepeatsUntilAnAnswerComes(t *testing.T) {
	s := serve(t, status(503), status(500), drop("HTTP/1.1 2"), status(200))
	var seen []retryhttp.Attempt
	resp, err := get(t, retryhttp.Options{Handle: func(a retryhttp.Attempt) { seen = append(seen, a) }}, s.URL)
	require.NoError(t, err)
	require.Equal(t, 200, resp.Status)
	require.Equal(t, "status 200", string(resp.Body))
	require.Equal(t, []int{503, 500, 0, 200}, statuses(resp.Attempts))
	require.Equal(t, seen, resp.Attempts)
	for i, a := range resp.Attempts {
		require.Equal(t, i+1, a.Number)
		require.Equal(t, i < 3, a.Again)
		require.Equal(t, i == 2, a.Err != nil)
		require.Positive(t, a.Took)
		require.Equal(t, s.URL, a.Server)
	}
}

func TestWhichAnswersAreRepeated(t *testing.T) {
	for code, want := range map[int]int{
		200: 1, 204: 1, 304: 1, 400: 1, 401: 1, 403: 1, 404: 1, 409: 1, 501: 1, 505: 1,
		408: 2, 425: 2, 429: 2, 500: 2, 502: 2, 503: 2, 504: 2, 599: 2,
	} {
		s := serve(t, status(code))
		resp, err := get(t, retryhttp.Options{Attempts: 2}, s.URL)
		require.NoError(t, err, code)
		require.Equal(t, code, resp.Status, "the last answer is the answer")
		require.Equal(t, want, s.requests(), code)
	}
}

func TestCallsThatAreNotIdempotentAreSentOnce(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPatch, "LINK"} {
		for name, failure := range map[string]http.HandlerFunc{"status": status(503), "throttled": status(429, "Retry-After", "0"), "dropped": drop("")} {
			s := serve(t, failure)
			resp, err := newClient(t, retryhttp.Options{}).Do(within(t), retryhttp.Call{Method: method, URL: s.URL, Body: []byte("x")})
			require.Equal(t, name == "dropped", err != nil)
			require.Equal(t, name != "dropped", resp != nil)
			require.Equal(t, 1, s.requests(), "%s %s", method, name)
		}
	}
}

// net/http repeats what fails on a connection that it had kept, but not this.
func TestCallOnAKeptConnectionIsSentOnce(t *testing.T) {
	s := serve(t, status(200), drop(""))
	client := newClient(t, retryhttp.Options{})
	_, err := client.Do(within(t), retryhttp.Call{URL: s.URL})
	require.NoError(t, err)
	_, err = client.Do(within(t), retryhttp.Call{Method: http.MethodPost, URL: s.URL, Body: []byte("x")})
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, 2, s.requests())
}

func TestCallsMayDeclareThemselvesRepeatable(t *testing.T) {
	for name, call := range map[string]retryhttp.Call{
		"declared": {Method: http.MethodPost, Repeatable: true},
		"by key":   {Method: http.MethodPost, Header: http.Header{"Idempotency-Key": {"k1"}}},
		"by X-key": {Method: http.MethodPost, Header: http.Header{"X-Idempotency-Key": {"k1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			var keys []string
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				keys = append(keys, r.Header.Get("Idempotency-Key"))
				status(503)(w, r)
			})
			call.URL = s.URL
			_, err := newClient(t, retryhttp.Options{Attempts: 3}).Do(within(t), call)
			require.NoError(t, err)
			key := call.Header.Get("Idempotency-Key")
			require.Equal(t, []string{key, key, key}, keys)
		})
	}
}

func TestAgainDecides(t *testing.T) {
	s := serve(t, status(503))
	call := retryhttp.Call{URL: s.URL, Again: func(a retryhttp.Attempt) bool { return a.Status == 429 }}
	_, err := newClient(t, retryhttp.Options{}).Do(within(t), call)
	require.NoError(t, err)
	require.Equal(t, 1, s.requests())

	s = serve(t, status(412), status(200))
	call = retryhttp.Call{URL: s.URL, Again: func(a retryhttp.Attempt) bool { return a.Status == 412 }}
	resp, err := newClient(t, retryhttp.Options{}).Do(within(t), call)
	require.NoError(t, err)
	require.Equal(t, []int{412, 200}, statuses(resp.Attempts))

	s = serve(t, status(503))
	call = retryhttp.Call{Method: http.MethodPost, URL: s.URL, Again: func(retryhttp.Attempt) bool { return true }}
	_, err = newClient(t, retryhttp.Options{}).Do(within(t), call)
	require.NoError(t, err)
	require.Equal(t, 1, s.requests(), "Again makes no call repeatable")
}

type closer struct {
	io.Reader
	closed func()
}

func (c *closer) Close() error { c.closed(); return nil }

func TestBodyIsSentWholeEachTime(t *testing.T) {
	text := strings.Repeat("body ", 10_000)
	var mu sync.Mutex
	opened, closed := 0, 0
	open := func() (io.ReadCloser, error) {
		mu.Lock()
		defer mu.Unlock()
		opened++
		return &closer{strings.NewReader(text), func() { mu.Lock(); closed++; mu.Unlock() }}, nil
	}
	for name, call := range map[string]retryhttp.Call{
		"bytes":          {Body: []byte(text)},
		"opened":         {Open: open, Length: int64(len(text))},
		"opened, no end": {Open: open},
	} {
		t.Run(name, func(t *testing.T) {
			opened, closed = 0, 0
			var lengths []int64
			read := func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil || string(body) != text {
					t.Errorf("%d bytes came: %v", len(body), err)
				}
				lengths = append(lengths, r.ContentLength)
				status(503)(w, r)
			}
			s := serve(t, read)
			call.Method, call.URL = http.MethodPut, s.URL
			_, err := newClient(t, retryhttp.Options{Attempts: 3}).Do(within(t), call)
			require.NoError(t, err)
			want := int64(len(text))
			if call.Open != nil {
				want = cmp(call.Length, -1)
				mu.Lock()
				require.Equal(t, 3, opened)
				require.Equal(t, 3, closed)
				mu.Unlock()
			}
			require.Equal(t, []int64{want, want, want}, lengths)
		})
	}
}

func cmp(v, otherwise int64) int64 {
	if v == 0 {
		return otherwise
	}
	return v
}

func TestBodyThatCannotBeOpened(t *testing.T) {
	s := serve(t, status(200))
	call := retryhttp.Call{Method: http.MethodPut, URL: s.URL, Open: func() (io.ReadCloser, error) { return nil, os.ErrPermission }}
	_, err := newClient(t, retryhttp.Options{}).Do(within(t), call)
	require.ErrorIs(t, err, os.ErrPermission)
	require.Zero(t, s.requests())
}

func TestRetryAfterIsWaitedFor(t *testing.T) {
	sent := time.Now().Add(-time.Hour) // a clock that is wrong
	for name, header := range map[string][]string{
		"seconds": {"Retry-After", "1"},
		"date":    {"Retry-After", sent.Add(time.Second).UTC().Format(http.TimeFormat), "Date", sent.UTC().Format(http.TimeFormat)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, status(429, header...), status(200))
			resp, err := get(t, retryhttp.Options{}, s.URL)
			require.NoError(t, err)
			require.Equal(t, []int{429, 200}, statuses(resp.Attempts))
			require.Equal(t, time.Second, resp.Attempts[0].Wait)
			require.GreaterOrEqual(t, s.times[1].Sub(s.times[0]), 900*time.Millisecond)
		})
	}
}

func TestRetryAfterThatIsTooLongEndsTheCall(t *testing.T) {
	for name, o := range map[string]retryhttp.Options{
		"cap":      {MaxRetryAfter: 29 * time.Second},
		"deadline": {Timeout: 29 * time.Second},
		"none":     {MaxRetryAfter: -1},
	} {
		s := serve(t, status(429, "Retry-After", "30"))
		resp, err := get(t, o, s.URL)
		require.NoError(t, err, name)
		require.Equal(t, []int{429}, statuses(resp.Attempts), name)
		require.False(t, resp.Attempts[0].Again, name)
	}
}

func TestHangingAttemptIsRepeated(t *testing.T) {
	for name, hanging := range map[string]http.HandlerFunc{
		"before the answer": hang,
		"in the body": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("begins"))
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, hanging, status(200))
			resp, err := get(t, retryhttp.Options{AttemptTimeout: time.Second}, s.URL)
			require.NoError(t, err)
			require.Len(t, resp.Attempts, 2)
			require.ErrorIs(t, resp.Attempts[0].Err, os.ErrDeadlineExceeded)
			require.NotErrorIs(t, resp.Attempts[0].Err, context.DeadlineExceeded)
			require.Equal(t, "status 200", string(resp.Body))
		})
	}
}

func TestTimeoutOfTheWholeCall(t *testing.T) {
	s := serve(t, hang)
	_, err := get(t, retryhttp.Options{Timeout: 200 * time.Millisecond}, s.URL)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "200ms")
	require.Equal(t, 1, s.requests())
}

func TestEndOfTheContextIsItsCause(t *testing.T) {
	why := errors.New("the program stops")
	t.Run("before", func(t *testing.T) {
		ctx, end := context.WithCancelCause(t.Context())
		end(why)
		_, err := newClient(t, retryhttp.Options{}).Do(ctx, retryhttp.Call{URL: serve(t, status(200)).URL})
		require.ErrorIs(t, err, why)
	})
	t.Run("in an attempt", func(t *testing.T) {
		ctx, end := context.WithCancelCause(within(t))
		s := serve(t, func(w http.ResponseWriter, r *http.Request) { end(why); hang(w, r) })
		_, err := newClient(t, retryhttp.Options{}).Do(ctx, retryhttp.Call{URL: s.URL})
		require.ErrorIs(t, err, why)
		require.Equal(t, 1, s.requests())
	})
	t.Run("in a wait", func(t *testing.T) {
		ctx, end := context.WithCancelCause(within(t))
		s := serve(t, status(503, "Retry-After", "30"))
		client := newClient(t, retryhttp.Options{Handle: func(a retryhttp.Attempt) {
			if a.Again {
				end(why)
			}
		}})
		_, err := client.Do(ctx, retryhttp.Call{URL: s.URL})
		require.ErrorIs(t, err, why)
		var failed *retryhttp.Error
		require.ErrorAs(t, err, &failed)
		require.Equal(t, []int{503}, statuses(failed.Attempts))
	})
}

func TestAnswerCutOffIsRepeated(t *testing.T) {
	reset := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegins"))
		_ = conn.(*net.TCPConn).SetLinger(0) // RST
		_ = conn.Close()
	}
	cut := drop("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegins")
	for name, broken := range map[string]http.HandlerFunc{"cut": cut, "reset": reset} {
		s := serve(t, broken, broken, status(200))
		resp, err := get(t, retryhttp.Options{}, s.URL)
		require.NoError(t, err, name)
		require.Len(t, resp.Attempts, 3, name)
		require.Error(t, resp.Attempts[0].Err, name)
		require.Equal(t, "status 200", string(resp.Body), name)

		s = serve(t, broken)
		_, err = get(t, retryhttp.Options{Attempts: 2}, s.URL)
		require.Error(t, err, "half an answer is none")
		require.True(t, errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET), err)
		require.Equal(t, 2, s.requests())
	}
}

func TestHugeAnswerIsRefusedOnce(t *testing.T) {
	sent := make(chan int, 1)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n, err := 0, error(nil)
		for err == nil && n < 1<<28 {
			_, err = w.Write(make([]byte, 1<<12))
			n += 1 << 12
		}
		sent <- n
	})
	_, err := get(t, retryhttp.Options{MaxBody: 1000}, s.URL)
	require.ErrorContains(t, err, "larger than 1000 bytes")
	require.Equal(t, 1, s.requests())
	require.Less(t, <-sent, 1<<26, "the connection is closed, not read to its end")

	s = serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), 1000)) })
	resp, err := get(t, retryhttp.Options{MaxBody: 1000}, s.URL)
	require.NoError(t, err)
	require.Len(t, resp.Body, 1000)
}

func TestTLSFailureIsNotRepeated(t *testing.T) {
	s := &script{}
	s.Server = httptest.NewUnstartedServer(s.handler([]http.HandlerFunc{status(200)}))
	var handshakes int
	var mu sync.Mutex
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		handshakes++
		return nil, nil
	}}
	s.StartTLS()
	t.Cleanup(s.Close)

	_, err := get(t, retryhttp.Options{}, s.URL)
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
	var failed *retryhttp.Error
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Attempts, 1)
	mu.Lock()
	require.Equal(t, 1, handshakes)
	mu.Unlock()

	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	resp, err := get(t, retryhttp.Options{TLS: &tls.Config{RootCAs: roots}}, s.URL)
	require.NoError(t, err)
	require.Equal(t, 200, resp.Status)

	impossible := &tls.Config{MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS12}
	_, err = get(t, retryhttp.Options{TLS: impossible}, s.URL)
	require.ErrorContains(t, err, "tls: no supported versions")
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Attempts, 1)

	plain := serve(t, status(200))
	_, err = get(t, retryhttp.Options{}, strings.Replace(plain.URL, "http:", "https:", 1))
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Attempts, 1, err)
}

func TestServerThatIsNotThereIsAskedAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = get(t, retryhttp.Options{Attempts: 3}, "http://"+l.Addr().String())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.ErrorContains(t, err, "attempt 3")
}

func TestCallersDoNotDisturbEachOther(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("N") == "bad" {
			drop("")(w, r)
			return
		}
		_, _ = w.Write([]byte(r.Header.Get("N")))
	})
	client := newClient(t, retryhttp.Options{Attempts: 2})
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			n := strconv.Itoa(g)
			for range 10 {
				resp, err := client.Do(t.Context(), retryhttp.Call{URL: s.URL, Header: http.Header{"N": {n}}})
				if err != nil || string(resp.Body) != n {
					t.Errorf("caller %s: %v", n, err)
				}
				if _, err := client.Do(t.Context(), retryhttp.Call{URL: s.URL, Header: http.Header{"N": {"bad"}}}); err == nil {
					t.Error("no error")
				}
			}
		})
	}
	all.Wait()
}
