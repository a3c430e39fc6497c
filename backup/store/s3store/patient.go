package s3store

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// patient ends a request on which nothing moves. Its error is none of the
// context's of the caller, so that the client tries again.
type patient struct {
	next    s3.HTTPClient
	timeout time.Duration
}

// Do implements [s3.HTTPClient].
func (p *patient) Do(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	still := &stillness{timeout: p.timeout}
	still.timer = time.AfterFunc(p.timeout, func() {
		cancel(fmt.Errorf("the service stands still for %v: %w", p.timeout, context.DeadlineExceeded))
	})
	own := r.Clone(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		own.Body = &moving{ReadCloser: r.Body, still: still}
	}
	resp, err := p.next.Do(own)
	if err != nil {
		still.timer.Stop()
		cancel(nil)
		return nil, err
	}
	still.timer.Stop()
	resp.Body = &moving{resp.Body, still, ctx, cancel}
	return resp, nil
}

type stillness struct {
	timer   *time.Timer
	timeout time.Duration
}

// moved begins to wait anew. Once the timer has fired it changes nothing.
func (s *stillness) moved() {
	if s.timer.Stop() {
		s.timer.Reset(s.timeout)
	}
}

// moving is a body that shows when something moves. That of an answer ends the
// waiting when it is closed, and between two reads nobody waits for it.
type moving struct {
	io.ReadCloser
	still  *stillness
	ctx    context.Context
	cancel context.CancelCauseFunc // nil for the body of a request
}

func (m *moving) Read(p []byte) (int, error) {
	if m.cancel == nil {
		m.still.moved()
		return m.ReadCloser.Read(p)
	}
	m.still.timer.Reset(m.still.timeout)
	n, err := m.ReadCloser.Read(p)
	m.still.timer.Stop()
	if err != nil && err != io.EOF && m.ctx.Err() != nil {
		err = context.Cause(m.ctx)
	}
	return n, err
}

func (m *moving) Close() error {
	err := m.ReadCloser.Close()
	if m.cancel != nil {
		m.still.timer.Stop()
		m.cancel(nil)
	}
	return err
}
