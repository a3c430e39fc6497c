//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package switchover

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gated is a backend whose answers to anything but probes wait for the gate.
type gated struct {
	Backend
	arrived chan struct{}
	open    chan struct{}
}

func gatedBackend(t *testing.T, name string) *gated {
	g := &gated{arrived: make(chan struct{}, 100), open: make(chan struct{})}
	g.Backend = backend(t, name, func(w http.ResponseWriter, r *http.Request) {
		g.arrived <- struct{}{}
		select {
		case <-g.open:
			fmt.Fprintln(w, name)
		case <-r.Context().Done():
		}
	})
	return g
}

func TestSlowRequestSurvivesTheSwap(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	old, next := gatedBackend(t, "v1"), backend(t, "v2", nil)
	swap(t, r.Client, old.Backend)
	slow := make(chan got, 1)
	go func() { slow <- get(t, r.addr) }()
	<-old.arrived

	res, err := r.Swap(t.Context(), SwapRequest{To: next, Interval: time.Millisecond, NoWait: true})
	require.NoError(t, err)
	require.False(t, res.Drained)
	st := status(t, r.Client)
	require.Equal(t, next, st.Live)
	require.Len(t, st.Draining, 1)
	require.Equal(t, old.Backend, st.Draining[0].Backend)
	require.Equal(t, 1, st.Draining[0].InFlight)
	require.Equal(t, "v2", get(t, r.addr).release, "a new request went to the old backend")
	require.Empty(t, old.arrived)

	// The same request again waits for the drain.
	again := make(chan SwapResult, 1)
	go func() {
		res, err := r.Swap(t.Context(), SwapRequest{To: next})
		require.NoError(t, err)
		again <- res
	}()
	select {
	case <-again:
		t.Fatal("swap returned before the old backend drained")
	case <-time.After(50 * time.Millisecond):
	}
	close(old.open)
	require.Equal(t, got{status: 200, release: "v1", body: "v1\n", close: true}, <-slow)
	res = <-again
	require.True(t, res.Drained)
	require.Zero(t, res.Cut)
	require.Empty(t, status(t, r.Client).Draining)
}

func TestDrainThatRunsOutCutsAndCounts(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	old, next := gatedBackend(t, "v1"), backend(t, "v2", nil)
	swap(t, r.Client, old.Backend)
	slow := make(chan got, 2)
	for range 2 {
		go func() { slow <- get(t, r.addr) }()
		<-old.arrived
	}
	res, err := r.Swap(t.Context(), SwapRequest{To: next, Interval: time.Millisecond, Drain: 30 * time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, 2, res.Cut)
	require.True(t, res.Drained)
	require.Equal(t, uint64(2), res.Counts.Failed)
	for range 2 {
		g := <-slow
		require.Equal(t, http.StatusGatewayTimeout, g.status)
		require.Equal(t, "v1", g.release, "the answer does not name the release it was for")
	}
}

func TestCutEndsAnswersThatHaveBegun(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	begun := make(chan struct{})
	old := backend(t, "v1", func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprintln(w, "first")
		_ = http.NewResponseController(w).Flush()
		close(begun)
		<-req.Context().Done()
	})
	swap(t, r.Client, old)
	slow := make(chan got, 1)
	go func() { slow <- get(t, r.addr) }()
	<-begun
	res, err := r.Swap(t.Context(), SwapRequest{To: backend(t, "v2", nil), Interval: time.Millisecond, Drain: -1})
	require.NoError(t, err)
	require.Equal(t, 1, res.Cut)
	g := <-slow
	require.Error(t, g.err, "the client took a cut answer for a whole one")
	c := settled(t, r.Client).Counts["v1"]
	require.Equal(t, Tally{Requests: 1, Failed: 1}, numbers(c.Tally))
}

// numbers leaves the times out.
func numbers(t Tally) Tally { return Tally{Requests: t.Requests, Failed: t.Failed, Aborted: t.Aborted} }

func TestCutDoesNotWaitForAClientThatDoesNotRead(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	full := make(chan struct{}, 1)
	old := backend(t, "v1", func(w http.ResponseWriter, req *http.Request) {
		chunk := make([]byte, 1<<20)
		for req.Context().Err() == nil {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
			if _, err := w.Write(chunk); err != nil {
				full <- struct{}{}
				<-req.Context().Done()
			}
		}
	})
	swap(t, r.Client, old)
	c, err := net.Dial("tcp", r.addr)
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	require.NoError(t, err)
	<-full
	res, err := r.Swap(t.Context(), SwapRequest{To: backend(t, "v2", nil), Interval: time.Millisecond, Drain: -1})
	require.NoError(t, err)
	require.Equal(t, 1, res.Cut)
	eventually(t, func() bool { return status(t, r.Client).Connections == 0 })
}

func TestUndoDuringTheDrainTakesTheOldBackendBack(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	old, next := gatedBackend(t, "v1"), backend(t, "v2", nil)
	swap(t, r.Client, old.Backend)
	slow := make(chan got, 1)
	go func() { slow <- get(t, r.addr) }()
	<-old.arrived
	first := make(chan SwapResult, 1)
	go func() {
		res, err := r.Swap(t.Context(), SwapRequest{To: next, Interval: time.Millisecond, Drain: 100 * time.Millisecond})
		require.NoError(t, err)
		first <- res
	}()
	eventually(t, func() bool { return status(t, r.Client).Live == next })
	res, err := r.Swap(t.Context(), SwapRequest{To: old.Backend, From: &next, Proven: true})
	require.NoError(t, err)
	require.True(t, res.Drained)
	back := <-first
	require.False(t, back.Drained, "the drain of a backend that has the traffic was reported as done")
	// The slow request is in flight on a live backend now: nothing cuts it.
	require.Never(t, func() bool { return len(slow) > 0 }, 200*time.Millisecond, 10*time.Millisecond)
	close(old.open)
	require.Equal(t, 200, (<-slow).status)
}

func TestUpgradedConnectionIsInFlightUntilTheDrainEndsIt(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	old := backend(t, "v1", func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_ = rw.Flush()
		_, _ = io.Copy(c, rw)
	})
	swap(t, r.Client, old)
	c, err := net.Dial("tcp", r.addr)
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	require.NoError(t, err)
	br := bufio.NewReader(c)
	res, err := http.ReadResponse(br, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
	echo := func(s string) {
		_, err := io.WriteString(c, s)
		require.NoError(t, err)
		line, err := br.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, s, line)
	}
	echo("before\n")
	_, err = r.Swap(t.Context(), SwapRequest{To: backend(t, "v2", nil), Interval: time.Millisecond, Drain: 300 * time.Millisecond, NoWait: true})
	require.NoError(t, err)
	echo("after\n")
	again, err := r.Swap(t.Context(), SwapRequest{To: status(t, r.Client).Live})
	require.NoError(t, err)
	require.Equal(t, 1, again.Cut)
	_, err = br.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, Tally{Requests: 1}, numbers(settled(t, r.Client).Counts["v1"].Tally))
}

// Whoever acquired a route before it drained is waited for; nobody acquires
// it later.
func TestNobodyAcquiresARouteThatHasDrained(t *testing.T) {
	var s Server
	fresh := func() *route { return &route{idle: make(chan struct{}, 1)} }
	s.live.Store(fresh())
	var wrong atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			rt := s.acquire()
			wrong.Add(rt.nCut.Load()) // 1 marks a route that has drained
			rt.release()
		}
	})
	for range exhaustive(500000, 50000) {
		old := s.live.Swap(fresh())
		for old.inFlight.Load() > 0 {
			runtime.Gosched()
		}
		old.nCut.Store(1)
	}
	close(stop)
	wg.Wait()
	require.Zero(t, wrong.Load())
}
