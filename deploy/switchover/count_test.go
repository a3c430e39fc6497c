//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package switchover

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEachEndingIsCountedOnce(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nX-Release: v1\r\n"
	cases := map[string]struct {
		backend func(t *testing.T) Backend
		request string
		status  int // 0: no whole answer
		want    Tally
	}{
		"good":           {answering(200), "GET / HTTP/1.1", 200, Tally{Requests: 1}},
		"head":           {answering(200), "HEAD / HTTP/1.1", 200, Tally{Requests: 1}},
		"no content":     {answering(204), "GET / HTTP/1.1", 204, Tally{Requests: 1}},
		"not found":      {answering(404), "GET / HTTP/1.1", 404, Tally{Requests: 1}},
		"error":          {answering(500), "GET / HTTP/1.1", 500, Tally{Requests: 1, Failed: 1}},
		"overload":       {answering(503), "POST / HTTP/1.1", 503, Tally{Requests: 1, Failed: 1}},
		"dead":           {deadBackend, "GET / HTTP/1.1", 502, Tally{Requests: 1, Failed: 1}},
		"hangs up":       {rawly(""), "POST / HTTP/1.1", 502, Tally{Requests: 1, Failed: 1}},
		"speaks no http": {rawly("hello\r\n"), "GET / HTTP/1.1", 502, Tally{Requests: 1, Failed: 1}},
		"truncated":      {rawly(head + "Content-Length: 9\r\n\r\nhel"), "GET / HTTP/1.1", 0, Tally{Requests: 1, Failed: 1}},
		"broken chunks":  {rawly(head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), "GET / HTTP/1.1", 0, Tally{Requests: 1, Failed: 1}},
		"no upgrade":     {rawly("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"), "GET / HTTP/1.1", 502, Tally{Requests: 1, Failed: 1}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := start(t, socketPath(t), Options{})
			_, err := r.Swap(t.Context(), SwapRequest{To: c.backend(t), Proven: true})
			require.NoError(t, err)
			for probe := range 2 {
				text := c.request + "\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n"
				if probe == 1 {
					text += ProbeHeader + ": 1\r\n"
				}
				g := request(t, r.addr, text+"\r\n")
				if strings.HasPrefix(c.request, "HEAD") {
					g.err = nil
				}
				if c.status == 0 {
					require.Error(t, g.err)
				} else {
					require.NoError(t, g.err)
					require.Equal(t, c.status, g.status)
					require.Equal(t, "v1", g.release)
				}
			}
			counts := settled(t, r.Client).Counts
			require.Len(t, counts, 1)
			require.Equal(t, c.want, numbers(counts["v1"].Tally))
			require.Equal(t, c.want, numbers(counts["v1"].Probes))
			require.Equal(t, c.want.Failed == 0, counts["v1"].FirstFailure.IsZero())
			require.False(t, counts["v1"].LastAnswer.IsZero())
		})
	}
}

func answering(status int) func(t *testing.T) Backend {
	return func(t *testing.T) Backend {
		return backend(t, "v1", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
}

func rawly(answer string) func(t *testing.T) Backend {
	return func(t *testing.T) Backend { return rawBackend(t, "v1", answer) }
}

func deadBackend(t *testing.T) Backend { return Backend{Name: "v1", Addr: freeAddr(t)} }

func TestRequestWithoutBackendIsRefusedAndCountedUnderNoName(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	require.Equal(t, http.StatusServiceUnavailable, get(t, r.addr).status)
	counts := settled(t, r.Client).Counts
	require.Equal(t, map[string]Tally{"": {Requests: 1, Failed: 1}}, map[string]Tally{"": numbers(counts[""].Tally)})
}

func TestClientThatGoesAwayIsNoFailure(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}
	cases := map[string]struct {
		handler http.HandlerFunc
		request string
		read    bool
	}{
		"before the answer": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", false},
		"in the answer":     {endless, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
		"in its own request": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
		}, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := start(t, socketPath(t), Options{})
			arrived := make(chan struct{}, 1)
			swap(t, r.Client, backend(t, "v1", func(w http.ResponseWriter, req *http.Request) {
				arrived <- struct{}{}
				c.handler(w, req)
			}))
			conn, err := net.Dial("tcp", r.addr)
			require.NoError(t, err)
			_, err = io.WriteString(conn, c.request)
			require.NoError(t, err)
			<-arrived
			if c.read {
				_, err = io.ReadFull(conn, make([]byte, 1<<20))
				require.NoError(t, err)
			}
			require.NoError(t, conn.Close())
			eventually(t, func() bool { return status(t, r.Client).Counts["v1"].Aborted == 1 })
			require.Equal(t, Tally{Aborted: 1}, numbers(settled(t, r.Client).Counts["v1"].Tally))
		})
	}
}

// A client that closes as soon as it has its answer has had it.
func TestAnswerThatWasReadToItsEndIsNotAborted(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	const size = 100 << 10
	swap(t, r.Client, backend(t, "v1", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		_, _ = w.Write(make([]byte, size))
	}))
	const n = 200
	for range n {
		g := request(t, r.addr, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		require.NoError(t, g.err)
		require.Len(t, g.body, size)
	}
	require.Equal(t, Tally{Requests: n}, numbers(settled(t, r.Client).Counts["v1"].Tally))
}

func TestTimesBeginAgainWithEachSwap(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	v1, v2 := backend(t, "v1", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }), backend(t, "v2", nil)
	swap(t, r.Client, v1)
	get(t, r.addr)
	first := settled(t, r.Client).Counts["v1"].FirstFailure
	require.False(t, first.IsZero())
	swap(t, r.Client, v2)
	require.Equal(t, first, status(t, r.Client).Counts["v1"].FirstFailure)
	swap(t, r.Client, v1)
	c := status(t, r.Client).Counts["v1"]
	require.True(t, c.FirstFailure.IsZero() && c.FirstAnswer.IsZero() && c.LastAnswer.IsZero())
	require.Equal(t, uint64(1), c.Failed, "numbers never fall")
	get(t, r.addr)
	require.True(t, settled(t, r.Client).Counts["v1"].FirstFailure.After(first))
}

func TestTallyAddKeepsTheOuterTimes(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	a := Tally{Requests: 3, Failed: 1, FirstAnswer: at(5), LastAnswer: at(9), FirstFailure: at(7)}
	a.add(Tally{Requests: 2, Failed: 2, Aborted: 1, FirstAnswer: at(4), LastAnswer: at(8), FirstFailure: at(6)})
	require.Equal(t, Tally{Requests: 5, Failed: 3, Aborted: 1, FirstAnswer: at(4), LastAnswer: at(9), FirstFailure: at(6)}, a)
	var zero Tally
	zero.add(a)
	require.Equal(t, a, zero)
	a.add(Tally{})
	require.Equal(t, zero, a)
}

func TestBrokenRequestIsNoFailure(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	swap(t, r.Client, backend(t, "v1", func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
	}))
	g := request(t, r.addr, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nno number\r\n")
	require.Equal(t, http.StatusBadRequest, g.status)
	require.Equal(t, Tally{Aborted: 1}, numbers(settled(t, r.Client).Counts["v1"].Tally))
}

// What is not in flight any more is counted.
func TestNothingInFlightMeansEverythingCounted(t *testing.T) {
	rt := &route{account: &account{}, idle: make(chan struct{}, 1)}
	turn, ack := make(chan uint64), make(chan struct{})
	go func() {
		defer close(turn)
		for i := range uint64(exhaustive(300000, 50000)) {
			rt.inFlight.Add(1)
			x := &exchange{route: rt, ctx: context.Background(), whole: true, status: 200}
			turn <- i + 1
			x.end()
			<-ack
		}
	}()
	missed := 0
	for n := range turn {
		for rt.inFlight.Load() > 0 {
			runtime.Gosched()
		}
		if rt.account.read().Requests != n {
			missed++
		}
		ack <- struct{}{}
	}
	require.Zero(t, missed)
}
