//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package switchover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSwapsUnderLoadLoseNothingAndCountWhatClientsCount(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	hold := func(name string, chunked bool) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
			if chunked {
				w.WriteHeader(http.StatusOK)
				_ = http.NewResponseController(w).Flush()
			}
			fmt.Fprintln(w, name)
		}
	}
	backends := []Backend{
		backend(t, "v1", hold("v1", false)), backend(t, "v2", hold("v2", true)), backend(t, "v3", hold("v3", false)),
	}
	swap(t, r.Client, backends[0])
	load := startLoad(t, r.addr, 4)
	swaps, total := exhaustive(60, 20), uint64(exhaustive(30000, 2000))
	for i := range swaps {
		to := backends[(i+1)%len(backends)]
		before := load.answersOf(to.Name)
		res := swap(t, r.Client, to)
		require.Equal(t, backends[i%len(backends)], res.From)
		require.Zero(t, res.Cut)
		require.True(t, res.Drained)
		eventually(t, func() bool { return load.answersOf(to.Name) > before })
	}
	require.Eventually(t, func() bool { return load.sent() >= total }, 5*time.Minute, 10*time.Millisecond)
	load.end()
	requireSame(t, load, settled(t, r.Client))
	t.Logf("%d requests, %d swaps", load.sent(), swaps)
}

// requireSame says that nothing was lost and that both sides counted alike.
func requireSame(t *testing.T, l *load, st Status) {
	t.Helper()
	require.Empty(t, l.lost)
	require.Empty(t, l.wrong)
	require.Empty(t, l.bad)
	sum := uint64(0)
	for name, c := range st.Counts {
		require.Equal(t, l.answers[name], c.Requests, "requests of %q", name)
		require.Zero(t, c.Failed, "failed of %q", name)
		require.Zero(t, c.Aborted, "aborted of %q", name)
		sum += c.Requests
	}
	require.Equal(t, l.sent(), sum)
}

func TestGateRefusesAndLeavesTheOldBackend(t *testing.T) {
	hung, err := net.Listen("tcp", "127.0.0.1:0") // accepts, says nothing
	require.NoError(t, err)
	defer hung.Close()
	raw := func(answer string) Backend { return rawBackend(t, "v2", answer) }
	lying := backend(t, "v1-again", nil)
	lying.Name = "v2"
	cases := map[string]struct {
		to   Backend
		want string
	}{
		"dead":       {Backend{Name: "v2", Addr: freeAddr(t)}, "refused"},
		"hung":       {Backend{Name: "v2", Addr: hung.Addr().String()}, "no answer"},
		"lying":      {lying, `X-Release is "v1-again", want "v2"`},
		"unhealthy":  {raw("HTTP/1.1 503 Service Unavailable\r\nX-Release: v2\r\nContent-Length: 0\r\n\r\n"), "status 503, want 200"},
		"redirects":  {raw("HTTP/1.1 302 Found\r\nX-Release: v2\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"), "status 302, want 200"},
		"breaks off": {raw("HTTP/1.1 200 OK\r\nX-Release: v2\r\nContent-Length: 9\r\n\r\nhel"), "no complete answer"},
		"no http":    {raw("SSH-2.0-OpenSSH_9.2\r\n"), "not HTTP"},
	}
	r := start(t, socketPath(t), Options{})
	v1 := backend(t, "v1", nil)
	swap(t, r.Client, v1)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := r.Swap(t.Context(), SwapRequest{To: c.to, Interval: time.Millisecond, ProbeTimeout: 50 * time.Millisecond, Timeout: 200 * time.Millisecond})
			require.ErrorIs(t, err, ErrUnhealthy)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, c.to.Addr)
			st := status(t, r.Client)
			require.Equal(t, v1, st.Live)
			require.Empty(t, st.Draining)
			require.Equal(t, "v1", get(t, r.addr).release)
		})
	}
}

func TestGateWantsSuccessesInARow(t *testing.T) {
	var n int
	flaky := backend(t, "v2", func(w http.ResponseWriter, _ *http.Request) {
		n++
		if n == 3 { // two good ones, then a bad one
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	r := start(t, socketPath(t), Options{})
	res, err := r.Swap(t.Context(), SwapRequest{To: flaky, Health: "/ready", Interval: time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, 6, res.Probes)
}

func TestSwapProvenAsksNobody(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	dead := Backend{Name: "v1", Addr: freeAddr(t)}
	res, err := r.Swap(t.Context(), SwapRequest{To: dead, Proven: true})
	require.NoError(t, err)
	require.Zero(t, res.Probes)
	require.Equal(t, dead, status(t, r.Client).Live)
}

func TestStaleDeployerCannotSwap(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	v1, v2, v3 := backend(t, "v1", nil), backend(t, "v2", nil), backend(t, "v3", nil)
	_, err := r.Swap(t.Context(), SwapRequest{To: v1, From: &Backend{}, Interval: time.Millisecond})
	require.NoError(t, err)
	swap(t, r.Client, v2)
	_, err = r.Swap(t.Context(), SwapRequest{To: v3, From: &v1, Interval: time.Millisecond})
	require.ErrorIs(t, err, ErrNotLive)
	require.ErrorContains(t, err, v2.String())
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, v2, e.Live)
	require.Equal(t, v2, status(t, r.Client).Live)
}

func TestSwapToTheLiveBackendIsDoneAlready(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	v1, v2 := backend(t, "v1", nil), backend(t, "v2", nil)
	swap(t, r.Client, v1)
	swap(t, r.Client, v2)
	// A deployer that was killed after its swap says the same again.
	res, err := r.Swap(t.Context(), SwapRequest{To: v2, From: &v1})
	require.NoError(t, err)
	require.True(t, res.Already)
	require.True(t, res.Drained)
}

func TestSecondSwapIsToldOfTheFirst(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	probed := make(chan struct{}, 100)
	never := backend(t, "v2", func(w http.ResponseWriter, _ *http.Request) {
		probed <- struct{}{}
		w.WriteHeader(http.StatusInternalServerError)
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := r.Swap(ctx, SwapRequest{To: never, Health: "/ready", Interval: time.Millisecond, Timeout: patience})
		first <- err
	}()
	<-probed
	v3 := backend(t, "v3", nil)
	_, err := r.Swap(t.Context(), SwapRequest{To: v3})
	require.ErrorIs(t, err, ErrBusy)
	// The first client goes away during its gate: the swap is called off.
	gone := errors.New("deployer was told to stop")
	cancel(gone)
	require.ErrorIs(t, <-first, gone)
	eventually(t, func() bool {
		_, err := r.Swap(t.Context(), SwapRequest{To: v3, Interval: time.Millisecond})
		return err == nil
	})
	require.Equal(t, v3, status(t, r.Client).Live)
}

func TestBadSwapRequestsAreRefused(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	ok := Backend{Name: "v1", Addr: "127.0.0.1:1"}
	for want, q := range map[string]SwapRequest{
		"name: empty":             {To: Backend{Addr: "127.0.0.1:1"}},
		"visible ASCII":           {To: Backend{Name: "v 1", Addr: "127.0.0.1:1"}},
		"want host:port":          {To: Backend{Name: "v1", Addr: "4000"}},
		"from 1 to 65535":         {To: Backend{Name: "v1", Addr: "127.0.0.1:http"}},
		"host is empty":           {To: Backend{Name: "v1", Addr: ":80"}},
		"want a path":             {To: ok, Health: "healthz"},
		"say Proven":              {To: ok, Successes: -1},
		"no gate without an end":  {To: ok, Timeout: -1},
		"interval, probe timeout": {To: ok, Interval: -1},
	} {
		_, err := r.Swap(t.Context(), q)
		require.ErrorContains(t, err, want)
	}
	require.Equal(t, Backend{}, status(t, r.Client).Live)
}

// got is one answer that a client saw.
type got struct {
	status  int
	release string
	body    string
	close   bool
	err     error
}

func get(t testing.TB, addr string) got {
	return request(t, addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
}

func request(t testing.TB, addr, text string) got {
	t.Helper()
	w := &worker{load: &load{addr: addr}}
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	w.conn = c
	defer w.hangUp()
	return w.raw(text)
}

func TestServiceCanBeTakenOutOfTraffic(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	v1 := gatedBackend(t, "v1")
	swap(t, r.Client, v1.Backend)
	slow := make(chan got, 1)
	go func() { slow <- get(t, r.addr) }()
	<-v1.arrived
	_, err := r.Swap(t.Context(), SwapRequest{From: &v1.Backend})
	require.ErrorContains(t, err, "name: empty")
	_, err = r.Swap(t.Context(), SwapRequest{From: &v1.Backend, Proven: true, NoWait: true})
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, get(t, r.addr).status)
	close(v1.open)
	require.Equal(t, 200, (<-slow).status)
	require.Equal(t, Backend{}, status(t, r.Client).Live)
	_, err = r.Stop(t.Context())
	require.NoError(t, err)
	r.await(t)
	require.Equal(t, Backend{}, status(t, start(t, r.socket, Options{}).Client).Live)
}
