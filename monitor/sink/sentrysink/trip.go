package sentrysink

import (
	"context"
	"net/http"
	"sync"
)

// trip is the transport of sentry-go's client: it gives a request the context
// that sentry-go does not pass on, and notes what came of it, of which sentry-go
// tells nothing.
type trip struct {
	base http.RoundTripper

	mu  sync.Mutex
	ctx context.Context // of the one request under way
	got answer
}

// answer is what came of a request. The zero answer is that there was none.
type answer struct {
	status int
	why    string // as Sentry explains it
	err    error
}

func (t *trip) begin(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ctx, t.got = ctx, answer{}
}

func (t *trip) end() answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ctx = nil
	return t.got
}

// RoundTrip sends the request.
func (t *trip) RoundTrip(r *http.Request) (*http.Response, error) {
	t.mu.Lock()
	ctx := t.ctx
	t.mu.Unlock()
	if ctx != nil {
		r = r.WithContext(ctx)
	}
	res, err := t.base.RoundTrip(r)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.got = answer{err: err}
	if err == nil {
		t.got = answer{status: res.StatusCode, why: res.Header.Get("X-Sentry-Error")}
	}
	return res, err
}
