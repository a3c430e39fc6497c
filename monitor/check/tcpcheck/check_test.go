package tcpcheck_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/tcpcheck"
)

// listen accepts on network and calls serve for each connection, which it closes
// then.
func listen(t *testing.T, network, address string, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen(network, address)
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

func loopback(t *testing.T, serve func(net.Conn)) string {
	return listen(t, "tcp", "127.0.0.1:0", serve)
}

func run(t *testing.T, address string, opts *tcpcheck.Options) monitor.Result {
	t.Helper()
	c, err := tcpcheck.New(address, opts)
	require.NoError(t, err)
	return c.Check(t.Context())
}

func names(r monitor.Result) string {
	var all []string
	for _, m := range r.Measurements {
		all = append(all, m.Name+" "+m.Unit)
	}
	return strings.Join(all, ",")
}

// pong answers "PING\r\n".
func pong(conn net.Conn) {
	asked := make([]byte, 6)
	if _, err := io.ReadFull(conn, asked); err == nil && string(asked) == "PING\r\n" {
		_, _ = io.WriteString(conn, "+PONG\r\n")
	}
	_, _ = io.Copy(io.Discard, conn) // until the check has closed it
}

func TestPasses(t *testing.T) {
	t.Parallel()
	address := loopback(t, pong)
	for range 2 { // the server serves one at a time: the first run has closed its connection
		r := run(t, address, &tcpcheck.Options{Send: "PING\r\n", Expect: "+PONG"})
		require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
		require.NoError(t, r.Err)
		require.Empty(t, r.Detail)
		require.Equal(t, "connect s,total s", names(r))
	}
	require.Equal(t, monitor.Pass, run(t, address, nil).Status)
}

// An answer that is longer than what comes at once.
func TestAnswerInPieces(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789abcdef", 256<<10)
	address := loopback(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "greeting "+long) })
	r := run(t, address, &tcpcheck.Options{Expect: long, MaxAnswer: 5 << 20, Timeout: time.Minute})
	require.Equal(t, monitor.Pass, r.Status, "%s", r.Detail)
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	listen(t, "unix", path, pong)
	require.Equal(t, monitor.Pass, run(t, path, &tcpcheck.Options{Network: "unix", Send: "PING\r\n", Expect: "+PONG"}).Status)
	r := run(t, path+"x", &tcpcheck.Options{Network: "unix"})
	require.Equal(t, "no connection", r.Detail)
	require.ErrorIs(t, r.Err, syscall.ENOENT)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	const nobody = "127.0.0.1:1"
	r := run(t, nobody, nil)
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "no connection", r.Detail)
	require.ErrorIs(t, r.Err, syscall.ECONNREFUSED)
	require.ErrorContains(t, r.Err, nobody)
	require.Empty(t, r.Measurements)
}

// A program that hangs: the system completes connections that nobody accepts.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	require.Equal(t, monitor.Pass, run(t, l.Addr().String(), nil).Status, "nothing shows it without Expect")
	r := run(t, l.Addr().String(), &tcpcheck.Options{Send: "secret-password", Expect: "+PONG", Timeout: 50 * time.Millisecond})
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "no answer", r.Detail)
	require.ErrorIs(t, r.Err, context.DeadlineExceeded)
	require.ErrorContains(t, r.Err, "not done within 50ms")
	require.NotContains(t, fmt.Sprintf("%+v %v", r, r.Err), "secret-password")
	require.Equal(t, "connect s", names(r))
}

func TestWrongAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		serve  func(net.Conn)
		detail string
		text   string
		send   string
	}{
		"another service": {func(conn net.Conn) { _, _ = io.WriteString(conn, "SSH-2.0-x\r\n") }, "not the expected answer", `11 bytes came: "SSH-2.0-x\r\n"`, ""},
		"closes at once":  {func(net.Conn) {}, "no answer", "EOF", ""},
		"resets": {func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1)) // so that the connection stands first
			_ = conn.(*net.TCPConn).SetLinger(0)
		}, "no answer", "reset", "x"},
		"says half and hangs": {func(conn net.Conn) {
			_, _ = io.WriteString(conn, "+PO")
			_, _ = io.Copy(io.Discard, conn)
		}, "not the expected answer", "not done within", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := tcpcheck.Options{Send: test.send, Expect: "+PONG", Timeout: time.Minute}
			if strings.HasPrefix(test.text, "not done") {
				o.Timeout = 500 * time.Millisecond
			}
			r := run(t, loopback(t, test.serve), &o)
			require.Equal(t, monitor.Fail, r.Status)
			require.Equal(t, test.detail, r.Detail, "%v", r.Err)
			require.ErrorContains(t, r.Err, test.text)
		})
	}
}

func TestEndlessAnswerIsCapped(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	address := loopback(t, func(conn net.Conn) {
		_, err := io.Copy(conn, endless{})
		ended <- err
	})
	r := run(t, address, &tcpcheck.Options{Expect: "+PONG", MaxAnswer: 100_000})
	require.Equal(t, "not the expected answer", r.Detail)
	require.ErrorContains(t, r.Err, "100000 bytes came")
	require.Less(t, len(r.Err.Error()), 600)
	require.Error(t, <-ended, "the connection is closed, not read to the end")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestLatency(t *testing.T) {
	t.Parallel()
	address := loopback(t, pong)
	r := run(t, address, &tcpcheck.Options{WarnLatency: 1, FailLatency: time.Hour})
	require.Equal(t, monitor.Warn, r.Status)
	require.Equal(t, "slow", r.Detail)
	r = run(t, address, &tcpcheck.Options{WarnLatency: 1, FailLatency: 2})
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "too slow", r.Detail)
	require.ErrorContains(t, r.Err, "more than 2ns")
}

func TestStopped(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c, err := tcpcheck.New(l.Addr().String(), &tcpcheck.Options{Expect: "x", Timeout: time.Hour})
	require.NoError(t, err)
	why := errors.New("the program ends")
	ctx, stop := context.WithCancelCause(t.Context())
	go func() {
		conn, err := l.Accept()
		if err == nil {
			defer conn.Close()
		}
		stop(why)
	}()
	require.ErrorIs(t, c.Check(ctx).Err, why)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for text, test := range map[string]struct {
		address string
		o       tcpcheck.Options
	}{
		"not of the form host:port":     {"example.com", tcpcheck.Options{}},
		`address "example.com:"`:        {"example.com:", tcpcheck.Options{}},
		"the path of the socket":        {"", tcpcheck.Options{Network: "unix"}},
		`Network "udp" is none of`:      {"a:1", tcpcheck.Options{Network: "udp"}},
		"is negative":                   {"a:1", tcpcheck.Options{Timeout: -1}},
		"is above FailLatency 1s":       {"a:1", tcpcheck.Options{WarnLatency: 2 * time.Second, FailLatency: time.Second}},
		"has 4 bytes, and MaxAnswer is": {"a:1", tcpcheck.Options{Expect: "long", MaxAnswer: 3}},
	} {
		_, err := tcpcheck.New(test.address, &test.o)
		require.ErrorContains(t, err, text)
	}
}
