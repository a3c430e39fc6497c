package probe

import (
	"net"
	"net/http"
)

// maxIdle bounds the connections that are kept.
const maxIdle = 64

// connect returns what answers req, and what to call when the answer has been
// read. Each request has a connection of its own meanwhile: http.Transport
// would silently repeat a request on another one when a kept connection
// breaks, and so hide a failure.
func (h *HTTP) connect(req *http.Request) (conn http.RoundTripper, done func(reuse bool), err error) {
	if h.Transport != nil {
		return h.Transport, func(bool) {}, nil
	}
	c := h.takeIdle()
	if c == nil {
		if c, err = h.dial(req); err != nil {
			return nil, nil, err
		}
	}
	return c, func(reuse bool) {
		if !reuse || !h.KeepAlive || !h.keep(c) {
			_ = c.Close() // the result stands, whatever closing says
		}
	}, nil
}

func (h *HTTP) dial(req *http.Request) (*http.ClientConn, error) {
	t := &http.Transport{TLSClientConfig: h.TLS, Protocols: &http.Protocols{}, DisableCompression: true}
	t.Protocols.SetHTTP1(true)
	port := req.URL.Port()
	if port == "" {
		port = req.URL.Scheme // net.Dialer knows the port of the name
	}
	return t.NewClientConn(req.Context(), req.URL.Scheme, net.JoinHostPort(req.URL.Hostname(), port))
}

// takeIdle returns a kept connection that the server has not closed, or nil.
func (h *HTTP) takeIdle() *http.ClientConn {
	h.mu.Lock()
	defer h.mu.Unlock()
	for n := len(h.idle); n > 0; n = len(h.idle) {
		c := h.idle[n-1]
		h.idle = h.idle[:n-1]
		if c.Err() == nil && c.Available() > 0 {
			return c
		}
		_ = c.Close() // it is of no use already
	}
	return nil
}

// keep puts c away for the next request, if there is room. Whether it can
// still serve one then, takeIdle looks at.
func (h *HTTP) keep(c *http.ClientConn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.idle) >= maxIdle {
		return false
	}
	h.idle = append(h.idle, c)
	return true
}
