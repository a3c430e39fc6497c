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
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	whole := err == nil && len(body) < maxBody
	reuse = whole
	if want := h.status(); res.Status != want {
		return fmt.Errorf("status %d, want %d%s", res.Status, want, h.begin(body))
	}
	if got := answer.Header.Get(h.Header); h.Header != "" && got != h.Want {
		return fmt.Errorf("header %s is %q, want %q", h.Header, got, h.Want)
	}
	if err != nil {
		return &stageError{"no complete answer", err}
	}
	if h.Body != nil {
		if err := h.Body(body, whole); err != nil {
			return fmt.Errorf("%w%s", err, h.begin(body))
		}
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

// begin is the beginning of a body on one line, as the end of a sentence.
func (h *HTTP) begin(body []byte) string {
	text := h.clean(string(body))
	text = strings.Join(strings.Fields(text[:min(len(text), maxShown)]), " ")
	if text == "" {
		return ""
	}
	return fmt.Sprintf(": %q", text)
}

func (h *HTTP) clean(text string) string {
	if h.Clean == nil {
		return text
	}
	return h.Clean(text)
}
