package probe

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// ask sends req and judges the answer. It fills in res what it learnt.
func (h *HTTP) ask(req *http.Request, res *Result) error {
	conn, done, err := h.connect(req)
	if err != nil {
		return &stageError{"no connection", err}
	}
	reuse := false
	defer func() { done(reuse) }()
	answer, err := conn.RoundTrip(req)
	if err != nil {
		return &stageError{"no answer", err}
	}
	defer answer.Body.Close()
	res.Status, res.Release = answer.StatusCode, clip(answer.Header.Get(h.releaseHeader()), 100)
	body, rest, err := read(answer.Body)
	reuse = err == nil && !rest
	if want := h.status(); res.Status != want {
		return wrongStatus(res.Status, want, body)
	}
	if got := answer.Header.Get(h.Header); h.Header != "" && got != h.Want {
		return fmt.Errorf("header %s is %.100q, want %.100q", h.Header, got, h.Want)
	}
	if err != nil {
		return &stageError{"no complete answer", err}
	}
	return nil
}

func (h *HTTP) status() int {
	if h.Status == 0 {
		return http.StatusOK
	}
	return h.Status
}

func (h *HTTP) releaseHeader() string {
	if h.ReleaseHeader == "" {
		return "X-Release"
	}
	return h.ReleaseHeader
}

// maxShown is how much of a body a reason shows at most.
const maxShown = 200

func wrongStatus(got, want int, body []byte) error {
	text := strings.Join(strings.Fields(string(body)), " ")
	if text == "" {
		return fmt.Errorf("status %d, want %d", got, want)
	}
	return fmt.Errorf("status %d, want %d: %q", got, want, text)
}

// read reads up to maxBody bytes. It returns the first of them, and whether
// there may be more.
func read(r io.Reader) (begin []byte, rest bool, err error) {
	all, err := io.ReadAll(io.LimitReader(r, maxBody))
	return all[:min(len(all), maxShown)], len(all) == maxBody, err
}
