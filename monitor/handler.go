package monitor

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// wedgedAfter is how long the renderer may be silent, besides RenderEvery,
// before what it showed last is not believed any more.
const wedgedAfter = 30 * time.Second

const healthType = "application/health+json"

// HandlerOptions adjusts [NewHandler]. The zero value has the defaults below.
type HandlerOptions struct {
	// Private tells who sees errors, owners and counts in /health; nil means that
	// nobody does. It is called in the goroutine of the request.
	Private func(*http.Request) bool
	// MaxAge is how long caches may keep the public /health; 0 means 1 second,
	// negative that they ask each time. It is rounded up to seconds.
	MaxAge time.Duration
}

// Handler serves what a monitor knows:
//
//	/livez             200 while the program answers at all; no check is asked
//	/readyz            200 while the service may get requests, 503 otherwise
//	/startupz          503 until the service was ready once, 200 from then on
//	/readyz/<check>    one critical check, also below /startupz
//	/health            all checks as application/health+json; 503 if Status is Fail
//
// The first three follow the conventions of Kubernetes: "ok" or the list of
// critical checks, never with a reason; ?verbose gives the list in any case,
// ?exclude=<check> leaves one out. /health has a strong ETag. Only GET and HEAD
// are allowed. Everything is rendered beforehand: a request costs the same
// whatever the number of checks, but for the bytes that are sent.
type Handler struct {
	monitor *Monitor
	opts    HandlerOptions
	public  string // Cache-Control
}

var _ http.Handler = (*Handler)(nil)

// NewHandler serves what m knows. Use http.StripPrefix for another place. The
// error says that m is nil.
func NewHandler(m *Monitor, opts *HandlerOptions) (*Handler, error) {
	if m == nil {
		return nil, &Error{Op: "new handler", Err: errors.New("the monitor is nil")}
	}
	h := &Handler{monitor: m}
	if opts != nil {
		h.opts = *opts
	}
	if h.opts.Private != nil && !m.private.Swap(true) {
		m.render()
	}
	h.public = "no-cache"
	if age := orDefault(h.opts.MaxAge, time.Second); age > 0 {
		h.public = "public, max-age=" + strconv.FormatInt(int64((age+time.Second-1)/time.Second), 10)
	}
	return h, nil
}

// ServeHTTP serves the paths listed at [Handler], and 404 for others.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	endpoint, check, single := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	probes := endpoint == "readyz" || endpoint == "startupz"
	switch {
	case !probes && (single || endpoint != "livez" && endpoint != "health"):
		http.NotFound(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are allowed", http.StatusMethodNotAllowed)
	case single:
		h.one(w, r, endpoint, check)
	case endpoint == "livez":
		h.tell(w, r, &probe{name: "livez", good: true}, nil)
	case endpoint == "readyz":
		h.tell(w, r, &h.monitor.Snapshot().pages.ready, h.monitor.closedFor())
	case endpoint == "startupz":
		h.startup(w, r)
	default:
		h.health(w, r)
	}
}

func (h *Handler) startup(w http.ResponseWriter, r *http.Request) {
	s := h.monitor.Snapshot()
	var closed []string
	if !s.Started {
		closed = h.monitor.closedFor()
		if len(s.pages.startup.checks) == 0 || s.pages.startup.good {
			closed = append(closed, "startup")
		}
	}
	h.tell(w, r, &s.pages.startup, closed)
}

// closedFor names what keeps the service from being ready besides checks.
func (m *Monitor) closedFor() []string {
	switch {
	case m.draining.Load():
		return []string{"shutdown"}
	case !m.alive():
		return []string{"monitor"}
	}
	return nil
}

// alive tells whether the monitor runs and its renderer has been heard lately.
func (m *Monitor) alive() bool {
	beat := time.Duration(m.beat.Load())
	return beat > 0 && m.now()-beat < wedgedAfter+m.opts.RenderEvery
}

// tell answers as Kubernetes' own endpoints do. closed names what is bad besides
// the checks.
func (h *Handler) tell(w http.ResponseWriter, r *http.Request, p *probe, closed []string) {
	var query url.Values
	if r.URL.RawQuery != "" {
		query = r.URL.Query()
	}
	good, unknown := p.good, []string(nil)
	if excluded := query["exclude"]; len(excluded) > 0 {
		good, unknown = p.without(excluded)
	}
	good = good && len(closed) == 0
	if good && !query.Has("verbose") {
		plain(w, r, http.StatusOK, []byte("ok"))
		return
	}
	var b bytes.Buffer
	if len(closed) == 0 {
		b.WriteString(line("ping", true))
	}
	for _, name := range closed {
		b.WriteString(line(name, false))
	}
	b.Write(p.text)
	if len(unknown) > 0 {
		fmt.Fprintf(&b, "warn: some checks cannot be excluded: no matches for %q\n", unknown)
	}
	code, verdict := http.StatusOK, "passed"
	if !good {
		code, verdict = http.StatusServiceUnavailable, "failed"
	}
	fmt.Fprintf(&b, "%s check %s\n", p.name, verdict)
	plain(w, r, code, b.Bytes())
}

// one answers for a single critical check.
func (h *Handler) one(w http.ResponseWriter, r *http.Request, endpoint, check string) {
	p := &h.monitor.Snapshot().pages.ready
	if endpoint == "startupz" {
		p = &h.monitor.Snapshot().pages.startup
	}
	good, known := p.checks[check]
	switch {
	case !known:
		http.NotFound(w, r)
	case good:
		plain(w, r, http.StatusOK, []byte("ok"))
	default:
		plain(w, r, http.StatusServiceUnavailable, []byte(line(check, false)))
	}
}

func plain(w http.ResponseWriter, r *http.Request, code int, body []byte) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	send(w, r, code, body)
}

func send(w http.ResponseWriter, r *http.Request, code int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client has gone
	}
}

func (h *Handler) health(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	if !h.monitor.alive() {
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Type", healthType)
		send(w, r, http.StatusServiceUnavailable, []byte(`{"status":"fail","output":"the monitor does not run"}`+"\n"))
		return
	}
	s := h.monitor.Snapshot()
	p, caching := &s.pages.public, h.public
	if h.opts.Private != nil && h.opts.Private(r) {
		p, caching = &s.pages.private, "private, no-cache"
	}
	header.Set("Cache-Control", caching)
	header.Set("ETag", p.etag)
	code := http.StatusOK
	if s.Status == Fail {
		code = http.StatusServiceUnavailable
	}
	if code == http.StatusOK && matches(r.Header.Values("If-None-Match"), p.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", healthType)
	send(w, r, code, p.body)
}

// matches tells whether a list of entity tags has this one, compared weakly
// (RFC 9110, section 13.1.2).
func matches(lists []string, etag string) bool {
	for _, list := range lists {
		for tag := range strings.SplitSeq(list, ",") {
			tag = strings.TrimSpace(tag)
			if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
				return true
			}
		}
	}
	return false
}
