package switchover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Options are the choices of a [Server]. The zero value is usable.
type Options struct {
	// Listen is the public TCP address; empty is 127.0.0.1:0. With port 0 the
	// port in the state file is used again where there is one and it is free;
	// Status tells which it is.
	Listen string
	// State is the file that keeps what is routed to; empty is "state.json"
	// beside the socket.
	State string
	// TakeOver takes the listeners over from the switchover that serves on
	// the socket, which then drains and ends. Without it a live one is an
	// error. Where none is alive it changes nothing.
	TakeOver bool
	// Drain is how long requests in flight may take when the server stops,
	// and how long connections may stay with the old process after a
	// handover; zero is 30 s, negative cuts at once.
	Drain time.Duration
	// DialTimeout is how long connecting to a backend may take; zero is 5 s.
	DialTimeout time.Duration
	// IdleTimeout is how long a client connection may lie unused; zero is
	// 2 min.
	IdleTimeout time.Duration
	// ReleaseHeader is the response header by which a release names itself;
	// empty is X-Release.
	ReleaseHeader string
	// TrustForwarded keeps the X-Forwarded headers of requests, because they
	// come from a proxy of ours, such as the one that ends TLS. Otherwise
	// they are replaced.
	TrustForwarded bool
	// Ready, where not nil, is called once when the server accepts requests,
	// from Run, which goes on when it returns.
	Ready func(Status)
	// Logger gets what happens; nil discards it.
	Logger *slog.Logger
}

// Server is a switchover: it owns a public address and sends each request to
// the one live backend. Its Run may be called once.
type Server struct {
	socket string
	opts   Options
	log    *slog.Logger
	pid    int

	started atomic.Bool
	addr    string
	since   time.Time
	public  *http.Server
	control *http.Server
	place   place

	live        atomic.Pointer[route]
	ledger      ledger
	buffers     buffers
	connections atomic.Int64
	noConns     chan struct{} // has a token after connections fell to zero

	swapping   sync.Mutex // held while a gate, a swap or a handover is under way
	mu         sync.Mutex // guards draining and the change of live
	draining   []*drain
	background sync.WaitGroup

	predecessorMu sync.Mutex
	predecessor   *predecessor

	stopped       context.Context // ends when Run begins to end
	stop          context.CancelFunc
	closing       atomic.Bool   // answers end their connections
	cutNow        chan struct{} // closed when drains may wait no longer
	retired       atomic.Bool   // another process has the listeners
	handed        chan struct{} // closed when they were handed over
	drained       chan struct{} // closed when the public side has ended
	left          chan struct{} // closed when the place is free for another
	collected     chan struct{} // closed when the successor has the final counts
	collectedOnce sync.Once
}

// New returns a server that is driven over the unix socket at the given path.
// It does no I/O. The folder of the socket must be, or is made, 0700.
func New(socket string, opts *Options) (*Server, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	o.Listen = orDefault(o.Listen, "127.0.0.1:0")
	o.State = orDefault(o.State, filepath.Join(filepath.Dir(socket), "state.json"))
	o.Drain = orDefault(o.Drain, 30*time.Second)
	o.DialTimeout = orDefault(o.DialTimeout, 5*time.Second)
	o.IdleTimeout = orDefault(o.IdleTimeout, 2*time.Minute)
	o.ReleaseHeader = orDefault(o.ReleaseHeader, "X-Release")
	errs := []error{checkSocketPath(socket)}
	if _, _, err := net.SplitHostPort(o.Listen); err != nil {
		errs = append(errs, fmt.Errorf("listen: %.128q: want host:port", o.Listen))
	}
	if o.DialTimeout < 0 || o.IdleTimeout < 0 {
		errs = append(errs, errors.New("dial timeout, idle timeout: negative"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, &Error{Op: "new", Subject: socket, Err: err}
	}
	s := &Server{
		socket: socket, opts: o, log: o.Logger, pid: os.Getpid(),
		noConns: make(chan struct{}, 1), cutNow: make(chan struct{}), handed: make(chan struct{}),
		drained: make(chan struct{}), left: make(chan struct{}), collected: make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
	errorLog := slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)
	s.public = &http.Server{
		Handler: http.HandlerFunc(s.serve), ConnState: s.connState, ErrorLog: errorLog,
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: o.IdleTimeout,
	}
	s.control = &http.Server{Handler: s.controls(), ErrorLog: errorLog, ReadHeaderTimeout: 10 * time.Second}
	return s, nil
}

// maxSocketPath is what the smallest sockaddr_un takes, the zero byte and the
// suffix of a handover subtracted.
const maxSocketPath = 103 - len(".4194304")

func checkSocketPath(path string) error {
	if path == "" {
		return errors.New("socket: empty")
	}
	if len(path) > maxSocketPath {
		return fmt.Errorf("socket: path is %d bytes long, at most %d fit: choose a shorter folder", len(path), maxSocketPath)
	}
	return nil
}

// connState counts the client connections that net/http looks after.
func (s *Server) connState(_ net.Conn, st http.ConnState) {
	switch st {
	case http.StateNew:
		s.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		if s.connections.Add(-1) == 0 {
			select {
			case s.noConns <- struct{}{}:
			default:
			}
		}
	}
}

// untilStop returns a context that also ends when the server does.
func (s *Server) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	release := context.AfterFunc(s.stopped, func() { cancel(errStopping) })
	return ctx, func() { release(); cancel(nil) }
}

var errStopping = errors.New("switchover is stopping")
