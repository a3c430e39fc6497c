package testenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/masaruk/devops/internal/testenv/internal/guard"
)

// Server is a running private server, whatever its kind. It is safe for
// concurrent use.
type Server struct {
	name  string
	guard *guarded
}

// Dir returns the server's own folder; it goes with the server.
func (s *Server) Dir() string { return s.guard.dir }

// PID returns the process id of the server's main process.
func (s *Server) PID() int {
	pid, _ := s.guard.current()
	return pid
}

// Log returns the last 64 KiB of what the server wrote to its log.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return fmt.Sprintf("no log: %v", err)
	}
	return string(tail(text, 64<<10))
}

func (s *Server) logFile() string { return filepath.Join(s.Dir(), "log") }

// Kill sends sig to the server's main process and does not wait. It fails
// with an error when the process has ended.
func (s *Server) Kill(sig syscall.Signal) error {
	if err := s.guard.signal(context.Background(), sig); err != nil {
		return fmt.Errorf("%s: send %v: %w", s.name, sig, err)
	}
	return nil
}

// Gone returns a channel that is closed once the main process has ended.
func (s *Server) Gone() <-chan struct{} {
	_, gone := s.guard.current()
	return gone
}

// Close ends the server with every process that it started, removes its
// folder, and returns when nothing is left. Later calls return the same.
func (s *Server) Close() error {
	if err := s.guard.Close(); err != nil {
		return fmt.Errorf("close %s: %w", s.name, err)
	}
	return nil
}

// newServer makes the folder of a server that is not running yet, once
// everything it needs is there.
func newServer(ctx context.Context, name string) (*Server, error) {
	if err := requirePresent(name); err != nil {
		return nil, err
	}
	g, err := newGuarded(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Server{name: name, guard: g}, nil
}

// launch starts the server and returns when it is up. Ready asks whether it is up, and must be
// convinced by nothing but this very server: another one may have taken the
// port. The error wraps syscall.EADDRINUSE where that has happened.
func (s *Server) launch(ctx context.Context, spec guard.Server, ready func(context.Context) error) error {
	spec.Log = s.logFile()
	if err := s.guard.start(ctx, spec); err != nil {
		return fmt.Errorf("%s: start: %w", s.name, err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.whileAlive(ctx, ready)
		if err == nil {
			return nil
		}
		select {
		case <-s.Gone():
			if clashed(s.Log()) {
				return fmt.Errorf("%s: %w", s.name, syscall.EADDRINUSE)
			}
			return fmt.Errorf("%s ended before it was ready; its log:\n%s", s.name, s.Log())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %w; its log:\n%s", s.name, context.Cause(ctx), err, s.Log())
		case <-tick.C:
		}
	}
}

// whileAlive calls f with a context that ends with the server: whoever else
// has its port may accept a connection and never answer.
func (s *Server) whileAlive(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	gone := s.Gone()
	go func() {
		defer cancel()
		select {
		case <-gone:
		case <-ctx.Done():
		}
	}()
	return f(ctx)
}

// clashed reports whether the last lines of a log say that the port is taken.
func clashed(log string) bool {
	end := strings.ToLower(string(tail([]byte(log), 2<<10)))
	return strings.Contains(end, "address already in use")
}

// onFreePort calls start with free ports of host until one of them was still
// free when the server came to it.
func onFreePort(host string, start func(port int) error) error {
	const tries = 10
	var err error
	for range tries {
		var port int
		if port, err = freePort(host); err != nil {
			return err
		}
		if err = start(port); !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return fmt.Errorf("no port stayed free in %d tries: %w", tries, err)
}

func freePort(host string) (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
