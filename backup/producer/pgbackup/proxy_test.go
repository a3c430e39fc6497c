//go:build unix

package pgbackup_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/testenv"
)

// proxy stands between the producer and a server, knows the messages that the
// server sends, and does something before the one that it waits for.
type proxy struct {
	listener net.Listener
	server   string

	mu    sync.Mutex
	kinds []string // that went by, in the order of their first
	wait  string   // kind of message
	cut   bool     // then the connection is closed, otherwise nothing comes any more
	fired chan struct{}
	conns []net.Conn
	ended bool
	group sync.WaitGroup
}

func newProxy(t *testing.T, p *testenv.PostgresServer) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	x := &proxy{listener: l, server: fmt.Sprintf("%s:%d", p.Host, p.Port), fired: make(chan struct{})}
	x.group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			x.group.Go(func() { x.serve(conn) })
		}
	})
	t.Cleanup(x.close)
	return x
}

func (x *proxy) close() {
	_ = x.listener.Close()
	x.mu.Lock()
	x.ended = true
	for _, c := range x.conns {
		_ = c.Close()
	}
	x.mu.Unlock()
	x.group.Wait()
}

func (x *proxy) conninfo() string {
	host, port, _ := net.SplitHostPort(x.listener.Addr().String())
	return fmt.Sprintf("host=%s port=%s user=postgres dbname=postgres sslmode=disable", host, port)
}

// arm waits for a kind of message, from now on.
func (x *proxy) arm(kind string, cut bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.wait, x.cut, x.fired = kind, cut, make(chan struct{})
}

// keep notes connections that close ends.
func (x *proxy) keep(conns ...net.Conn) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.conns = append(x.conns, conns...)
	return !x.ended
}

func (x *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", x.server)
	if err != nil {
		return
	}
	defer server.Close()
	if !x.keep(client, server) {
		return
	}
	startup := make([]byte, 4)
	if _, err := io.ReadFull(client, startup); err != nil {
		return
	}
	startup = append(startup, make([]byte, binary.BigEndian.Uint32(startup)-4)...)
	if _, err := io.ReadFull(client, startup[4:]); err != nil {
		return
	}
	if _, err := server.Write(startup); err != nil {
		return
	}
	x.group.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close() // as the server would see it
	})
	x.forward(client, server, strings.Contains(string(startup), "replication\x00"))
}

// forward hands on what the server says, message by message.
func (x *proxy) forward(client, server net.Conn, replication bool) {
	from, phase := bufio.NewReaderSize(server, 64<<10), "sql"
	if replication {
		phase = "replication"
	}
	for {
		head, err := from.Peek(5)
		if err != nil {
			return
		}
		body := make([]byte, 1+binary.BigEndian.Uint32(head[1:]))
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		kind := phase + " " + string(body[0])
		if body[0] == 'd' && len(body) > 5 {
			kind += " " + string(body[5])
		}
		if !x.passes(kind) {
			_, _ = io.Copy(io.Discard, client) // until the client gives up, or close does
			return
		}
		switch body[0] {
		case 'H':
			phase = "copy"
		case 'c':
			phase = "end"
		}
		if x.closes(kind) {
			return
		}
		if _, err := client.Write(body); err != nil {
			return
		}
	}
}

// passes notes a kind of message, and tells whether it is handed on or the
// connection hangs from now on.
func (x *proxy) passes(kind string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !slices.Contains(x.kinds, kind) {
		x.kinds = append(x.kinds, kind)
	}
	return !x.reached(kind) || x.cut
}

func (x *proxy) closes(kind string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cut && x.reached(kind)
}

func (x *proxy) reached(kind string) bool {
	if kind != x.wait {
		return false
	}
	select {
	case <-x.fired:
	default:
		close(x.fired)
	}
	return true
}
