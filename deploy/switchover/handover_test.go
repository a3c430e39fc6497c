//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package switchover

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHandoversUnderLoadLoseNothingAndCarryTheCounts(t *testing.T) {
	socket, addr := socketPath(t), freeAddr(t)
	old := startProcess(t, "switchover", "SOCKET="+socket, "LISTEN="+addr)
	c, err := NewClient(socket)
	require.NoError(t, err)
	since := status(t, c).Since
	backends := []Backend{backend(t, "v1", nil), backend(t, "v2", nil)}
	swap(t, c, backends[0])
	load := startLoad(t, addr, 4)
	for i := range exhaustive(8, 3) {
		sent := load.sent()
		eventually(t, func() bool { return load.sent() > sent+50 })
		next := startProcess(t, "switchover", "SOCKET="+socket, "LISTEN="+addr, "TAKEOVER=1")
		eventually(t, func() bool {
			st, err := c.Status(t.Context())
			return err == nil && st.PID == next.Process.Pid
		})
		// A swap right away has to reach the old process, too.
		eventually(t, func() bool {
			_, err := c.Swap(t.Context(), SwapRequest{To: backends[(i+1)%2], Interval: time.Millisecond})
			return err == nil
		})
		require.NoError(t, old.await(t))
		old = next
	}
	load.end()
	st := settled(t, c)
	requireSame(t, load, st)
	require.True(t, since.Equal(st.Since), "counting began again")
	require.Zero(t, st.Handing)
	names, err := filepath.Glob(socket + "*") // no private socket is left
	require.NoError(t, err)
	require.Equal(t, []string{socket, socket + ".lock"}, names)
}

// kept is a client connection that is used again and again.
func kept(t *testing.T, addr string) *worker {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return &worker{conn: c}
}

const keepRequest = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"

func TestRequestInFlightSurvivesTheHandover(t *testing.T) {
	old := start(t, socketPath(t), Options{})
	v1 := gatedBackend(t, "v1")
	swap(t, old.Client, v1.Backend)
	slow := make(chan got, 1)
	w := kept(t, old.addr)
	go func() { slow <- w.raw(keepRequest) }()
	<-v1.arrived

	next := start(t, old.socket, Options{TakeOver: true})
	require.Equal(t, old.addr, next.addr)
	st := status(t, next.Client)
	require.Equal(t, os.Getpid(), st.Handing)
	require.Equal(t, 1, st.InFlight)
	require.Equal(t, v1.Backend, st.Live)
	select {
	case <-old.ended:
		t.Fatal("the old one left with a request in flight")
	case <-time.After(50 * time.Millisecond):
	}
	close(v1.open)
	require.Equal(t, got{status: 200, release: "v1", body: "v1\n", close: true}, <-slow)
	old.await(t)
	st = settled(t, next.Client)
	require.Equal(t, Tally{Requests: 1}, numbers(st.Counts["v1"].Tally))
}

// A connection that stayed with the old process follows the new one's swaps.
func TestOldProcessFollowsSwaps(t *testing.T) {
	old := start(t, socketPath(t), Options{})
	v1, v2 := gatedBackend(t, "v1"), backend(t, "v2", nil)
	swap(t, old.Client, v1.Backend)
	idle, busy := kept(t, old.addr), kept(t, old.addr)
	slow := make(chan got, 1)
	go func() { slow <- busy.raw(keepRequest) }()
	<-v1.arrived
	eventually(t, func() bool { return status(t, old.Client).Connections == 2 })

	next := start(t, old.socket, Options{TakeOver: true, State: filepath.Join(filepath.Dir(old.socket), "next.json")})
	res, err := next.Swap(t.Context(), SwapRequest{To: v2, Proven: true, NoWait: true})
	require.NoError(t, err)
	require.Equal(t, v1.Backend, res.From)
	g := idle.raw(keepRequest)
	require.NoError(t, g.err)
	require.Equal(t, "v2", g.release, "the old process sent a request to the old backend after the swap")
	require.True(t, g.close)

	// The drain of the old backend is waited for in both processes.
	st := status(t, next.Client)
	require.Len(t, st.Draining, 1)
	require.Equal(t, 1, st.Draining[0].InFlight)
	again := make(chan SwapResult, 1)
	go func() {
		res, err := next.Swap(t.Context(), SwapRequest{To: v2})
		require.NoError(t, err)
		again <- res
	}()
	select {
	case <-again:
		t.Fatal("swap returned before the old process drained")
	case <-time.After(50 * time.Millisecond):
	}
	close(v1.open)
	require.Equal(t, "v1", (<-slow).release)
	require.True(t, (<-again).Drained)
	old.await(t)
	raw, err := readState(next.server.opts.State)
	require.NoError(t, err)
	require.Equal(t, v2, raw.Live)
	raw, err = readState(old.server.opts.State)
	require.NoError(t, err)
	require.Equal(t, v1.Backend, raw.Live, "the old process wrote state after it let go")
	counts := settled(t, next.Client).Counts
	require.Equal(t, uint64(1), counts["v1"].Requests)
	require.Equal(t, uint64(1), counts["v2"].Requests)
}

func TestSuccessorThatDiesBeforeItServesChangesNothing(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	v1, v2 := backend(t, "v1", nil), backend(t, "v2", nil)
	swap(t, r.Client, v1)
	c, err := dialHandover(t.Context(), r.socket)
	require.NoError(t, err)
	dying, err := New(r.socket, nil)
	require.NoError(t, err)
	letter, err := dying.receivePlace(c)
	require.NoError(t, err)
	require.Equal(t, v1, letter.Status.Live)
	// It has the listeners and has said nothing: swaps have to wait.
	_, err = r.Swap(t.Context(), SwapRequest{To: v2, Proven: true})
	require.ErrorIs(t, err, ErrBusy)
	require.NoError(t, dying.release())
	require.NoError(t, c.Close())
	eventually(t, func() bool {
		_, err := r.Swap(t.Context(), SwapRequest{To: v2, Proven: true})
		return err == nil
	})
	require.Equal(t, "v2", get(t, r.addr).release)
	require.Zero(t, status(t, r.Client).Handing)
	_, err = os.Stat(letter.Socket)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, refused(t, r.socket, Options{}), ErrServing, "the lock was lost")
	// A living one may take over.
	next := start(t, r.socket, Options{TakeOver: true})
	r.await(t)
	require.Equal(t, v2, status(t, next.Client).Live)
}

func TestTakeOverThatIsRefusedChangesNothing(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	v1 := backend(t, "v1", nil)
	swap(t, r.Client, v1)
	other := freeAddr(t)
	err := refused(t, r.socket, Options{Listen: other, TakeOver: true})
	require.ErrorContains(t, err, other)
	require.ErrorContains(t, err, r.addr)
	eventually(t, func() bool { // the first has been noticed to be gone
		ok := r.server.swapping.TryLock()
		if ok {
			r.server.swapping.Unlock()
		}
		return ok
	})
	err = refused(t, r.socket, Options{TakeOver: true, State: filepath.Join(t.TempDir(), "missing", "s.json")})
	require.ErrorContains(t, err, "state cannot be stored")

	eventually(t, func() bool { return r.server.swapping.TryLock() }) // as a gate does
	err = refused(t, r.socket, Options{TakeOver: true})
	r.server.swapping.Unlock()
	require.ErrorIs(t, err, ErrBusy)
	require.ErrorContains(t, err, r.socket)
	require.Equal(t, "v1", get(t, r.addr).release)
	require.Equal(t, v1, status(t, r.Client).Live)
}

func TestTakeOverOfNobodyStarts(t *testing.T) {
	r := start(t, socketPath(t), Options{TakeOver: true})
	require.Equal(t, http.StatusServiceUnavailable, get(t, r.addr).status)
}

func TestIdleConnectionsHoldTheOldProcessNoLongerThanItsDrain(t *testing.T) {
	old := start(t, socketPath(t), Options{Drain: 50 * time.Millisecond})
	swap(t, old.Client, backend(t, "v1", nil))
	w := kept(t, old.addr)
	require.Equal(t, "v1", w.raw(keepRequest).release)
	next := start(t, old.socket, Options{TakeOver: true})
	old.await(t)
	require.Error(t, w.raw(keepRequest).err)
	require.Equal(t, uint64(1), settled(t, next.Client).Counts["v1"].Requests)
}

func TestOldProcessThatIsKilledTakesNothingWithIt(t *testing.T) {
	socket, addr := socketPath(t), freeAddr(t)
	old := startProcess(t, "switchover", "SOCKET="+socket, "LISTEN="+addr)
	c, err := NewClient(socket)
	require.NoError(t, err)
	status(t, c)
	swap(t, c, backend(t, "v1", nil))
	w := kept(t, addr)
	require.Equal(t, "v1", w.raw(keepRequest).release)
	require.Equal(t, "v1", get(t, addr).release)
	settled(t, c)
	next := start(t, socket, Options{Listen: addr, TakeOver: true})
	require.Equal(t, old.Process.Pid, status(t, next.Client).Handing)
	old.kill(t)
	eventually(t, func() bool { return status(t, next.Client).Handing == 0 })
	require.Equal(t, uint64(2), status(t, next.Client).Counts["v1"].Requests)
	require.Equal(t, "v1", get(t, addr).release)
	_, err = os.Stat(fmt.Sprintf("%s.%d", socket, old.Process.Pid))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestHandoverOfAnotherVersionIsRefused(t *testing.T) {
	dir := filepath.Dir(socketPath(t))
	l, err := listenControl(filepath.Join(dir, "other"))
	require.NoError(t, err)
	defer l.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	lock, err := lockPlace(filepath.Join(dir, "lock"))
	require.NoError(t, err)
	giver := &Server{place: place{public: tcp, control: l, lock: lock}}
	go func() {
		c, err := l.AcceptUnix()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, handoverHead)
		_ = giver.sendPlace(c, []byte("{\"version\": 2}\n"))
	}()
	s, err := New(filepath.Join(dir, "other"), nil)
	require.NoError(t, err)
	_, err = s.takeOver(t.Context())
	require.ErrorContains(t, err, "version 2, this build knows 1")
}
