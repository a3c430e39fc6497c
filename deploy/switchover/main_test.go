//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package switchover

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds every wait for a condition on a busy machine.
const patience = 20 * time.Second

// TestMain makes the test binary one of the processes that tests start.
func TestMain(m *testing.M) {
	switch os.Getenv("SWITCHOVER_ROLE") {
	case "":
		os.Exit(m.Run())
	case "switchover":
		os.Exit(report(serveRole()))
	case "backend":
		os.Exit(report(backendRole()))
	case "deployer":
		os.Exit(report(deployerRole()))
	}
	os.Exit(2)
}

func report(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serveRole() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s, err := New(os.Getenv("SOCKET"), &Options{
		Listen: os.Getenv("LISTEN"), TakeOver: os.Getenv("TAKEOVER") != "",
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

func backendRole() error {
	name := os.Getenv("RELEASE")
	return http.ListenAndServe(os.Getenv("ADDR"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Release", name)
		fmt.Fprintln(w, name)
	}))
}

func deployerRole() error {
	c, err := NewClient(os.Getenv("SOCKET"))
	if err != nil {
		return err
	}
	_, err = c.Swap(context.Background(), SwapRequest{To: Backend{Name: os.Getenv("RELEASE"), Addr: os.Getenv("ADDR")}, Timeout: patience})
	return err
}

// process is a test binary in another role.
type process struct {
	*exec.Cmd
	ended chan error
}

func startProcess(t *testing.T, role string, env ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	var log strings.Builder
	p := &process{Cmd: exec.Command(exe), ended: make(chan error, 1)}
	p.Env = append(env, "SWITCHOVER_ROLE="+role, "GOCOVERDIR="+t.TempDir())
	p.Stderr = &log
	require.NoError(t, p.Start())
	done := make(chan struct{})
	go func() {
		p.ended <- p.Wait()
		close(done)
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-done
		if t.Failed() {
			t.Logf("%s (pid %d):\n%s", role, p.Process.Pid, log.String())
		}
	})
	return p
}

// kill ends the process as a power cut would and waits until it is gone.
func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.Process.Kill())
	p.await(t)
}

func (p *process) await(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(patience):
		t.Fatalf("process %d did not end", p.Process.Pid)
		return nil
	}
}

// socketPath returns a path short enough for a socket, in a private folder.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sw")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "socket")
}

// running is a server that runs in this process.
type running struct {
	*Client
	server *Server
	socket string
	addr   string
	end    context.CancelFunc
	ended  chan error
}

func start(t *testing.T, socket string, opts Options) *running {
	t.Helper()
	ready := make(chan Status, 1)
	opts.Ready = func(st Status) { ready <- st }
	s, err := New(socket, &opts)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{server: s, socket: socket, end: cancel, ended: make(chan error, 1)}
	done := make(chan struct{})
	go func() {
		r.ended <- s.Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	select {
	case st := <-ready:
		r.addr = st.Addr
	case err := <-r.ended:
		require.NoError(t, err, "Run ended early")
	case <-time.After(patience):
		t.Fatal("server did not become ready")
	}
	r.Client, err = NewClient(socket)
	require.NoError(t, err)
	return r
}

func (r *running) await(t *testing.T) {
	t.Helper()
	select {
	case err := <-r.ended:
		require.NoError(t, err)
	case <-time.After(patience):
		t.Fatal("server did not end")
	}
}

func status(t *testing.T, c *Client) Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	st, err := c.Await(ctx)
	require.NoError(t, err)
	return st
}

// settled returns the status once nothing is in flight.
func settled(t *testing.T, c *Client) Status {
	t.Helper()
	var st Status
	eventually(t, func() bool {
		st = status(t, c)
		return st.InFlight == 0
	})
	return st
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	require.Eventually(t, f, patience, 2*time.Millisecond)
}

// backend is a release that runs in this process: it names itself, answers
// its health path, and gives the rest to the handler.
func backend(t testing.TB, name string, h http.HandlerFunc) Backend {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Release", name)
		if h == nil || r.URL.Path == "/healthz" {
			fmt.Fprintln(w, name)
			return
		}
		h(w, r)
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return Backend{Name: name, Addr: l.Addr().String()}
}

// rawBackend answers each connection's first request with the text, and hangs
// up.
func rawBackend(t *testing.T, name, answer string) Backend {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.WriteString(c, answer)
				}
			}()
		}
	}()
	return Backend{Name: name, Addr: l.Addr().String()}
}

func swap(t *testing.T, c *Client, to Backend) SwapResult {
	t.Helper()
	res, err := c.Swap(t.Context(), SwapRequest{To: to, Interval: time.Millisecond})
	require.NoError(t, err)
	return res
}

// freeAddr returns a loopback address that nothing listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}
