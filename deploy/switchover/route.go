package switchover

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"
)

// errCut is the cause with which exchanges end when a drain runs out.
var errCut = &detailed{state: context.Canceled, text: "drain time is over"}

// upstreamIdle is how long a connection to a backend may lie unused. It must
// stay below the keep-alive timeout of every backend (Node closes after 5 s):
// a request on a connection that the backend is just closing is lost, and a
// POST cannot be sent again.
const upstreamIdle = time.Second

// route is a backend with what it takes to send it requests. It is live, or
// draining, or neither, and may become live again while it drains.
type route struct {
	Backend
	proxy     *httputil.ReverseProxy
	transport *http.Transport
	account   *account

	inFlight atomic.Int64
	idle     chan struct{} // has a token after inFlight fell to zero

	cut   context.Context // ends when a drain of this route runs out
	end   context.CancelFunc
	nCut  atomic.Int64
	since time.Time
}

func (s *Server) newRoute(b Backend) *route {
	rt := &route{Backend: b, account: s.ledger.account(b.Name), idle: make(chan struct{}, 1)}
	rt.cut, rt.end = context.WithCancel(context.Background())
	rt.transport = &http.Transport{
		DialContext:           (&net.Dialer{Timeout: s.opts.DialTimeout}).DialContext,
		MaxIdleConnsPerHost:   1024,
		IdleConnTimeout:       upstreamIdle,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
	}
	rt.proxy = &httputil.ReverseProxy{
		Transport:      rt.transport,
		Rewrite:        func(p *httputil.ProxyRequest) { rewrite(p, b.Addr, s.opts.TrustForwarded) },
		FlushInterval:  -1,
		BufferPool:     &s.buffers,
		ModifyResponse: observe,
		ErrorHandler:   s.badGateway,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	return rt
}

// rewrite points the request at the backend and tells it about the client.
func rewrite(p *httputil.ProxyRequest, addr string, trust bool) {
	p.Out.URL.Scheme = "http"
	p.Out.URL.Host = addr
	// The proxy reads no query, so the backend gets it as it was sent.
	p.Out.URL.RawQuery = p.In.URL.RawQuery
	if !trust {
		p.SetXForwarded()
		return
	}
	p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
	p.SetXForwarded()
	for _, name := range []string{"X-Forwarded-Proto", "X-Forwarded-Host"} {
		if v := p.In.Header[name]; len(v) > 0 {
			p.Out.Header[name] = v
		}
	}
}

// release gives back what acquire took.
func (rt *route) release() {
	if rt.inFlight.Add(-1) == 0 {
		select {
		case rt.idle <- struct{}{}:
		default:
		}
	}
}

// acquire returns the live route with one more exchange in flight on it, or
// nil. Whoever swaps the pointer first and then finds nothing in flight on
// the old route knows that it stays so: an exchange that read the pointer
// before the swap is either counted by then, or reads the pointer again and
// turns away.
func (s *Server) acquire() *route {
	for {
		rt := s.live.Load()
		if rt == nil {
			return nil
		}
		rt.inFlight.Add(1)
		if s.live.Load() == rt {
			return rt
		}
		rt.release()
	}
}

// buffers is the pool that answers are copied through.
type buffers struct{ pool sync.Pool }

// Get implements [httputil.BufferPool].
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

// Put implements [httputil.BufferPool].
func (b *buffers) Put(p []byte) { b.pool.Put(&p) }
