//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package switchover

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// seen is what a backend got.
type seen struct {
	Method, URI, Host, Body string
	Header                  http.Header
}

func TestRequestArrivesAsItWasSent(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		_ = json.NewEncoder(w).Encode(seen{r.Method, r.RequestURI, r.Host, string(raw), r.Header})
	}
	const text = "PATCH /a%2Fb/../c?x=1;y=%zz&q HTTP/1.1\r\nHost: shop.example.test\r\nContent-Length: 2\r\n" +
		"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: outer.example.test\r\n" +
		"Connection: X-Hop\r\nX-Hop: gone\r\nX-End: stays\r\n\r\nhi"
	for name, trust := range map[string]bool{"from anybody": false, "from our proxy": true} {
		t.Run(name, func(t *testing.T) {
			r := start(t, socketPath(t), Options{TrustForwarded: trust})
			swap(t, r.Client, backend(t, "v1", echo))
			g := request(t, r.addr, text)
			require.Equal(t, 200, g.status)
			var s seen
			require.NoError(t, json.Unmarshal([]byte(g.body), &s))
			require.Equal(t, "PATCH", s.Method)
			require.Equal(t, "/a%2Fb/../c?x=1;y=%zz&q", s.URI)
			require.Equal(t, "shop.example.test", s.Host)
			require.Equal(t, "hi", s.Body)
			require.Equal(t, "stays", s.Header.Get("X-End"))
			require.Empty(t, s.Header.Get("X-Hop"))
			require.Empty(t, s.Header.Get("Accept-Encoding"), "the proxy asked for compression")
			want := []string{"127.0.0.1", "http", "shop.example.test"}
			if trust {
				want = []string{"203.0.113.9, 127.0.0.1", "https", "outer.example.test"}
			}
			require.Equal(t, want, []string{
				s.Header.Get("X-Forwarded-For"), s.Header.Get("X-Forwarded-Proto"), s.Header.Get("X-Forwarded-Host"),
			})
		})
	}
}

func TestAnswerIsStreamed(t *testing.T) {
	r := start(t, socketPath(t), Options{})
	next := make(chan struct{})
	swap(t, r.Client, backend(t, "v1", func(w http.ResponseWriter, _ *http.Request) {
		for i := range 3 {
			fmt.Fprintf(w, "event %d\n", i)
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	}))
	res, err := http.Get("http://" + r.addr)
	require.NoError(t, err)
	defer res.Body.Close()
	br := bufio.NewReader(res.Body)
	for i := range 3 {
		line, err := br.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("event %d\n", i), line)
		next <- struct{}{}
	}
	_, err = br.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

// A backend that hangs up on a kept connection gets no request twice that
// must not be repeated.
func TestPostIsSentOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	var posts atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				br := bufio.NewReader(c)
				for n := 0; ; n++ {
					req, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					if req.Method == http.MethodPost {
						posts.Add(1)
					}
					if n == 1 {
						return
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			}()
		}
	}()
	r := start(t, socketPath(t), Options{})
	_, err = r.Swap(t.Context(), SwapRequest{To: Backend{Name: "v1", Addr: l.Addr().String()}, Proven: true})
	require.NoError(t, err)
	require.Equal(t, 200, get(t, r.addr).status)
	g := request(t, r.addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
	require.Equal(t, http.StatusBadGateway, g.status)
	require.Equal(t, int64(1), posts.Load())
}
