//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package switchover

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// refused runs a server that must not come up.
func refused(t *testing.T, socket string, opts Options) error {
	t.Helper()
	s, err := New(socket, &opts)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err = s.Run(ctx)
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "it served")
	return err
}

func TestSecondSwitchoverIsToldOfTheFirst(t *testing.T) {
	socket := socketPath(t)
	r := start(t, socket, Options{})
	before := status(t, r.Client)
	err := refused(t, socket, Options{})
	require.ErrorIs(t, err, ErrServing)
	require.ErrorContains(t, err, "pid "+strconv.Itoa(os.Getpid()))
	require.ErrorContains(t, err, r.addr)
	require.ErrorContains(t, err, "NewClient")
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, os.Getpid(), e.PID)
	require.Equal(t, before, status(t, r.Client))
}

func TestPublicAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	socket := socketPath(t)
	err = refused(t, socket, Options{Listen: l.Addr().String()})
	require.ErrorContains(t, err, l.Addr().String())
	require.ErrorContains(t, err, "address already in use")
	for _, name := range []string{socket, filepath.Join(filepath.Dir(socket), "state.json")} {
		_, err := os.Stat(name)
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
	// The place was left: the same process may try again.
	start(t, socket, Options{})
}

func TestStateThatCannotBeBelievedIsLeftAlone(t *testing.T) {
	whole := `{"version": 1, "addr": "127.0.0.1:1", "live": {"name": "v1", "addr": "127.0.0.1:2"}, "written": "2026-01-02T03:04:05Z"}`
	_, err := parseState([]byte(whole))
	require.NoError(t, err)
	for want, content := range map[string]string{
		"not whole JSON":    whole[:40],
		"version is 2":      strings.Replace(whole, `"version": 1`, `"version": 2`, 1),
		"version is 0":      `{}`,
		"unknown field":     strings.Replace(whole, `"live"`, `"alive"`, 1),
		"invalid character": whole + "x",
		"want host:port":    strings.Replace(whole, "127.0.0.1:2", "nowhere", 1),
		"not whole":         "\x00\x00\x00\x00",
	} {
		t.Run(want, func(t *testing.T) {
			socket := socketPath(t)
			state := filepath.Join(filepath.Dir(socket), "state.json")
			require.NoError(t, os.WriteFile(state, []byte(content), 0o600))
			err := refused(t, socket, Options{})
			require.ErrorIs(t, err, ErrState)
			require.ErrorContains(t, err, want)
			require.ErrorContains(t, err, state)
			raw, err := os.ReadFile(state)
			require.NoError(t, err)
			require.Equal(t, content, string(raw))
			_, err = os.Stat(socket)
			require.ErrorIs(t, err, fs.ErrNotExist)
		})
	}
}

func TestGoldenStateIsReadable(t *testing.T) {
	st, err := readState(filepath.Join("testdata", "state-v1.json"))
	require.NoError(t, err)
	require.Equal(t, state{
		Version: 1, Addr: "127.0.0.1:8080", Live: Backend{Name: "v3", Addr: "127.0.0.1:4003"},
		Written: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}, st)
}

func FuzzParseState(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("testdata", "state-v1.json"))
	require.NoError(f, err)
	f.Add(golden)
	f.Add(golden[:len(golden)/2])
	f.Fuzz(func(t *testing.T, raw []byte) {
		st, err := parseState(raw)
		if err == nil && st.Live != (Backend{}) {
			require.NoError(t, st.Live.Validate())
		}
	})
}

func TestStateFolderThatCannotBeWritten(t *testing.T) {
	socket := socketPath(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, state := range []string{filepath.Join(t.TempDir(), "missing", "state.json"), filepath.Join(file, "state.json")} {
		err := refused(t, socket, Options{State: state})
		require.ErrorContains(t, err, state)
	}
	if runtime.GOOS == "linux" { // proc takes no files, not even from root
		err := refused(t, socket, Options{State: "/proc/state.json"})
		require.ErrorContains(t, err, "state cannot be stored")
	}
	_, err := os.Stat(socket)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// A swap that cannot be stored is not made.
func TestSwapThatCannotBeStored(t *testing.T) {
	dir := t.TempDir()
	states := filepath.Join(dir, "states")
	require.NoError(t, os.Mkdir(states, 0o700))
	r := start(t, socketPath(t), Options{State: filepath.Join(states, "state.json")})
	v1 := backend(t, "v1", nil)
	swap(t, r.Client, v1)
	require.NoError(t, os.RemoveAll(states))
	_, err := r.Swap(t.Context(), SwapRequest{To: backend(t, "v2", nil), Interval: time.Millisecond})
	require.ErrorContains(t, err, "state cannot be stored")
	require.Equal(t, v1, status(t, r.Client).Live)
	require.Equal(t, "v1", get(t, r.addr).release)
}

func TestSocketIsPrivate(t *testing.T) {
	socket := socketPath(t)
	dir := filepath.Dir(socket)
	require.NoError(t, os.Chmod(dir, 0o755))
	err := refused(t, socket, Options{})
	require.ErrorContains(t, err, "mode 0755")
	require.ErrorContains(t, err, dir)

	deeper := filepath.Join(dir, "made", "s")
	start(t, deeper, Options{})
	for path, want := range map[string]fs.FileMode{filepath.Dir(deeper): 0o700, deeper: 0o600} {
		fi, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, want, fi.Mode().Perm(), path)
	}
}

func TestSocketPathThatIsSomethingElse(t *testing.T) {
	socket := socketPath(t)
	require.NoError(t, os.WriteFile(socket, []byte("mine"), 0o600))
	require.ErrorContains(t, refused(t, socket, Options{}), "not a socket")
	raw, err := os.ReadFile(socket)
	require.NoError(t, err)
	require.Equal(t, "mine", string(raw))

	_, err = New("/"+strings.Repeat("long/", 30)+"s", nil)
	require.ErrorContains(t, err, "shorter folder")
	_, err = New("", nil)
	require.ErrorContains(t, err, "empty")
	_, err = New(socket, &Options{Listen: "8080"})
	require.ErrorContains(t, err, "want host:port")
}

func TestClientFindsNobody(t *testing.T) {
	c, err := NewClient(socketPath(t))
	require.NoError(t, err)
	_, err = c.Status(t.Context())
	require.ErrorIs(t, err, ErrNotServing)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	_, err = c.Await(ctx)
	require.ErrorIs(t, err, cause)
}

func TestKilledSwitchoverGoesOnWhereItWas(t *testing.T) {
	socket, addr := socketPath(t), freeAddr(t)
	first := startProcess(t, "switchover", "SOCKET="+socket, "LISTEN="+addr)
	c, err := NewClient(socket)
	require.NoError(t, err)
	require.Equal(t, first.Process.Pid, status(t, c).PID)
	v1 := backend(t, "v1", nil)
	swap(t, c, v1)
	require.Equal(t, "v1", get(t, addr).release)
	first.kill(t)
	_, err = os.Stat(socket)
	require.NoError(t, err, "the dead one should have left its socket")
	_, err = c.Status(t.Context())
	require.ErrorIs(t, err, ErrNotServing)

	second := startProcess(t, "switchover", "SOCKET="+socket, "LISTEN="+addr)
	st := status(t, c)
	require.Equal(t, second.Process.Pid, st.PID)
	require.Equal(t, v1, st.Live)
	require.Equal(t, "v1", get(t, addr).release)

	_, err = c.Stop(t.Context())
	require.NoError(t, err)
	_, err = os.Stat(socket)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, second.await(t))
}

// A port that was left to the system is found again.
func TestFreePortIsKept(t *testing.T) {
	socket := socketPath(t)
	first := start(t, socket, Options{})
	_, err := first.Stop(t.Context())
	require.NoError(t, err)
	first.await(t)
	second := start(t, socket, Options{})
	require.Equal(t, first.addr, second.addr)
	_, err = second.Stop(t.Context())
	require.NoError(t, err)
	second.await(t)
	l, err := net.Listen("tcp", first.addr)
	require.NoError(t, err)
	defer l.Close()
	require.NotEqual(t, first.addr, start(t, socket, Options{}).addr)
}

func TestKilledDeployerLeavesTheOldBackend(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	v1, v3 := backend(t, "v1", nil), backend(t, "v3", nil)
	swap(t, r.Client, v1)
	probed := make(chan struct{}, 1000)
	never := rawHandler(t, func(w http.ResponseWriter, _ *http.Request) {
		probed <- struct{}{}
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	deployer := startProcess(t, "deployer", "SOCKET="+r.socket, "RELEASE=v2", "ADDR="+never)
	<-probed
	_, err := r.Swap(t.Context(), SwapRequest{To: v3})
	require.ErrorIs(t, err, ErrBusy)
	deployer.kill(t)
	// The gate of the dead deployer ends; the next one may go.
	eventually(t, func() bool {
		_, err := r.Swap(t.Context(), SwapRequest{To: v3, From: &v1, Interval: time.Millisecond})
		return err == nil
	})
	require.Equal(t, "v3", get(t, r.addr).release)
}

func TestKilledDeployerDoesNotStopTheDrain(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	old, next := gatedBackend(t, "v1"), backend(t, "v2", nil)
	swap(t, r.Client, old.Backend)
	slow := make(chan got, 1)
	go func() { slow <- get(t, r.addr) }()
	<-old.arrived
	deployer := startProcess(t, "deployer", "SOCKET="+r.socket, "RELEASE=v2", "ADDR="+next.Addr)
	eventually(t, func() bool { return status(t, r.Client).Live == next })
	deployer.kill(t)
	require.Len(t, status(t, r.Client).Draining, 1)
	close(old.open)
	require.Equal(t, "v1", (<-slow).release)
	eventually(t, func() bool { return len(status(t, r.Client).Draining) == 0 })
	require.Equal(t, "v2", get(t, r.addr).release)
}

// rawHandler serves h alone and returns its address.
func rawHandler(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return l.Addr().String()
}

func TestStopLetsRequestsEnd(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	old := gatedBackend(t, "v1")
	swap(t, r.Client, old.Backend)
	slow := make(chan got, 1)
	go func() { slow <- get(t, r.addr) }()
	<-old.arrived
	stopped := make(chan error, 1)
	go func() { _, err := r.Stop(t.Context()); stopped <- err }()
	eventually(t, func() bool {
		c, err := net.Dial("tcp", r.addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	require.Empty(t, stopped)
	close(old.open)
	require.Equal(t, 200, (<-slow).status)
	require.NoError(t, <-stopped)
	// Another may start in its place as soon as Stop has returned.
	require.Equal(t, old.Backend, status(t, start(t, r.socket, Options{}).Client).Live)
	r.await(t)
}

func TestStopCutsWhatDoesNotEnd(t *testing.T) {
	r := start(t, socketPath(t), Options{Drain: 30 * time.Millisecond})
	old := gatedBackend(t, "v1")
	swap(t, r.Client, old.Backend)
	slow := make(chan got, 1)
	go func() { slow <- get(t, r.addr) }()
	<-old.arrived
	r.end()
	r.await(t)
	require.Equal(t, http.StatusGatewayTimeout, (<-slow).status)
}

func TestRunIsForOneUse(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	require.ErrorContains(t, r.server.Run(t.Context()), "Run was called before")
}
