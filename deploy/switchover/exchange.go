package switchover

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/masaruk/devops/internal/probe"
)

// ProbeHeader marks the requests of a prober, with the value "1": they are
// counted apart from the traffic.
const ProbeHeader = probe.Header

type exchangeKey struct{}

// exchange is one request and its answer. It is the ResponseWriter that the
// reverse proxy writes to, and sees how the exchange ends.
type exchange struct {
	http.ResponseWriter
	server *Server
	route  *route
	probe  bool
	client context.Context // ends when the client goes away
	ctx    context.Context // ends also when the drain runs out

	status    int
	whole     bool // the backend's answer was read to its end
	broken    bool // the backend did not give a whole answer
	gone      bool // the client did not take the answer
	upgraded  bool
	badUpload atomic.Bool // the request's body ended early

	mu   sync.Mutex // orders the cut against the end of the handler
	over bool
}

// serve sends a public request to the live backend.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	probe := r.Header.Get(ProbeHeader) == "1"
	rt := s.acquire()
	if rt == nil {
		s.noBackend(w, probe)
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	x := &exchange{ResponseWriter: w, server: s, route: rt, probe: probe, client: r.Context()}
	x.ctx = context.WithValue(ctx, exchangeKey{}, x)
	stop := context.AfterFunc(rt.cut, func() {
		cancel(errCut)
		x.hurry()
	})
	defer func() {
		stop()
		x.end()
		cancel(nil)
	}()
	r = r.WithContext(x.ctx)
	if r.Body != nil && r.ContentLength != 0 {
		r.Body = &upload{ReadCloser: r.Body, x: x}
	}
	rt.proxy.ServeHTTP(x, r)
}

// noBackend answers while there is nothing to route to.
func (s *Server) noBackend(w http.ResponseWriter, probe bool) {
	defer s.ledger.account("").count(probe, failed)
	if s.closing.Load() {
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("Retry-After", "1")
	http.Error(w, "no backend is live", http.StatusServiceUnavailable)
}

// end counts the exchange, once, and then lets go of the route: whoever sees
// nothing in flight sees every count.
func (x *exchange) end() {
	x.mu.Lock()
	x.over = true
	x.mu.Unlock()
	x.route.account.count(x.probe, x.outcome())
	x.route.release()
}

func (x *exchange) outcome() outcome {
	cut := context.Cause(x.ctx) == error(errCut)
	switch {
	case x.upgraded:
		if cut {
			x.route.nCut.Add(1)
		}
		return answered
	case x.whole && !x.gone:
		if x.status >= 500 {
			return failed
		}
		return answered
	case cut:
		x.route.nCut.Add(1)
		return failed
	case x.broken:
		return failed
	default:
		return aborted
	}
}

// hurry bounds how long a client that does not read can hold up a cut.
func (x *exchange) hurry() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.over {
		_ = http.NewResponseController(x.ResponseWriter).SetWriteDeadline(time.Now().Add(time.Second))
	}
}

// clientGone says whether an error was the client's doing.
func (x *exchange) clientGone() bool { return x.badUpload.Load() || x.client.Err() != nil }

// Unwrap lets [http.ResponseController] flush and hijack.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// WriteHeader notes the status, and ends the client's connection with this
// answer when the process no longer accepts new ones.
func (x *exchange) WriteHeader(status int) {
	if status >= 200 {
		x.status = status
		if x.server.closing.Load() {
			x.Header().Set("Connection", "close")
		}
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write notes a client that does not take the answer.
func (x *exchange) Write(p []byte) (int, error) {
	n, err := x.ResponseWriter.Write(p)
	if err != nil {
		x.gone = true
	}
	return n, err
}

// observe has the end of the backend's answer watched.
func observe(res *http.Response) error {
	x, ok := res.Request.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return errors.New("request without an exchange")
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		x.upgraded = true
		return nil
	}
	res.Body = &answer{ReadCloser: res.Body, x: x}
	return nil
}

// badGateway answers for a backend that did not.
func (s *Server) badGateway(w http.ResponseWriter, r *http.Request, err error) {
	x, ok := w.(*exchange)
	if !ok {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	x.upgraded = false
	status, text := http.StatusBadGateway, "backend did not answer"
	switch {
	case context.Cause(x.ctx) == error(errCut):
		status, text = http.StatusGatewayTimeout, "backend was taken out of service before it answered"
	case x.clientGone():
		status, text = http.StatusBadRequest, "request ended early"
	default:
		x.broken = true
		s.log.Warn("backend did not answer", "backend", x.route.Name, "addr", x.route.Addr,
			"method", r.Method, "error", err)
	}
	// The answer names the release that should have given it, so that a
	// client's count by release agrees with ours.
	w.Header().Set(s.opts.ReleaseHeader, x.route.Name)
	http.Error(w, text, status)
}

// answer is the body of a backend's answer.
type answer struct {
	io.ReadCloser
	x *exchange
}

// Read notes how the answer ends. The transport reports the end of an answer
// of known length together with its last byte, so a client that closes as
// soon as it has that byte is not taken for one that went away.
func (a *answer) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	switch {
	case err == nil:
	case err == io.EOF:
		a.x.whole = true
	case a.x.clientGone():
	default:
		a.x.broken = true
	}
	return n, err
}

// upload is the body of a client's request.
type upload struct {
	io.ReadCloser
	x *exchange
}

// Read notes a client that does not send all it announced.
func (u *upload) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		u.x.badUpload.Store(true)
	}
	return n, err
}
