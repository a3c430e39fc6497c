//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package switchover

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"
)

// load is an outside client: its own HTTP over plain connections, so nothing
// is ever sent twice behind its back.
type load struct {
	addr string
	stop chan struct{}
	wg   sync.WaitGroup

	mu       sync.Mutex
	answers  map[string]uint64 // by X-Release
	bad      map[string]uint64 // status >= 500, by X-Release
	lost     []error           // no whole answer
	wrong    []string          // the body did not name the release of the header
	latency  []time.Duration
	requests uint64
}

// startLoad begins to send requests from workers of every kind: GET and POST,
// connection kept and not kept.
func startLoad(t *testing.T, addr string, workers int) *load {
	l := &load{addr: addr, stop: make(chan struct{}), answers: map[string]uint64{}, bad: map[string]uint64{}}
	for i := range workers {
		w := &worker{load: l, post: i%2 == 1, keep: i%4 < 2}
		l.wg.Go(w.run)
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) end() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.wg.Wait()
}

func (l *load) sent() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requests
}

func (l *load) answersOf(name string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answers[name]
}

type worker struct {
	load *load
	post bool
	keep bool
	conn net.Conn
	r    *bufio.Reader
}

func (w *worker) run() {
	for {
		select {
		case <-w.load.stop:
			w.hangUp()
			return
		default:
			start := time.Now()
			release, status, body, err := w.exchange()
			w.load.note(release, status, body, err, time.Since(start))
		}
	}
}

func (w *worker) hangUp() {
	if w.conn != nil {
		_ = w.conn.Close()
		w.conn = nil
	}
}

// exchange sends one request, once.
func (w *worker) exchange() (release string, status int, body string, err error) {
	defer func() {
		if err != nil {
			w.hangUp()
		}
	}()
	if w.conn == nil {
		if w.conn, err = net.Dial("tcp", w.load.addr); err != nil {
			return "", 0, "", err
		}
		w.r = bufio.NewReader(w.conn)
	}
	_ = w.conn.SetDeadline(time.Now().Add(patience))
	req := "GET /x?a=1;b HTTP/1.1\r\nHost: example.test\r\n"
	payload := ""
	if w.post {
		payload = "hello"
		req = fmt.Sprintf("POST /x HTTP/1.1\r\nHost: example.test\r\nContent-Length: %d\r\n", len(payload))
	}
	if !w.keep {
		req += "Connection: close\r\n"
	}
	if _, err = io.WriteString(w.conn, req+"\r\n"+payload); err != nil {
		return "", 0, "", err
	}
	res, err := http.ReadResponse(w.r, nil)
	if err != nil {
		return "", 0, "", err
	}
	raw, err := io.ReadAll(res.Body)
	if err == nil && res.Close {
		w.hangUp()
	}
	return res.Header.Get("X-Release"), res.StatusCode, string(raw), err
}

func (l *load) note(release string, status int, body string, err error, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	if err != nil {
		l.lost = append(l.lost, err)
		return
	}
	l.latency = append(l.latency, took)
	l.answers[release]++
	if status >= 500 {
		l.bad[release]++
	} else if body != release+"\n" {
		l.wrong = append(l.wrong, fmt.Sprintf("X-Release %q, body %q", release, body))
	}
}

// exhaustive gives the number for the whole test, and a smaller one for every
// day.
func exhaustive(all, some int) int {
	if os.Getenv("DEVOPS_EXHAUSTIVE") != "" {
		return all
	}
	return some
}

// raw sends the text on the worker's connection and reads one answer.
func (w *worker) raw(text string) got {
	_ = w.conn.SetDeadline(time.Now().Add(patience))
	if w.r == nil {
		w.r = bufio.NewReader(w.conn)
	}
	if _, err := io.WriteString(w.conn, text); err != nil {
		return got{err: err}
	}
	res, err := http.ReadResponse(w.r, nil)
	if err != nil {
		return got{err: err}
	}
	raw, err := io.ReadAll(res.Body)
	return got{status: res.StatusCode, release: res.Header.Get("X-Release"), body: string(raw), close: res.Close, err: err}
}
