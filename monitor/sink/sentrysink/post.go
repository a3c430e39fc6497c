package sentrysink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/getsentry/sentry-go"
)

// Reasons for which Sentry wants to know that something was not sent
// (develop.sentry.dev, SDK, client reports).
const (
	reasonOverflow = "queue_overflow"
	reasonPaused   = "ratelimit_backoff"
	reasonNetwork  = "network_error"
	reasonRefused  = "send_error"
)

// post sends events to one project, one at a time, and counts.
type post struct {
	client *sentry.Client
	trip   *trip
	report reporter
	mask   mask
	turn   chan struct{} // has a value while nobody sends

	mu      sync.Mutex
	counts  Stats
	failing map[sentry.EventID]bool // of the batch that failed last: whether it was sent all the same
	why     string                  // it failed
	closed  bool
}

func newPost(dsn *sentry.Dsn, o sentry.ClientOptions, base http.RoundTripper, m mask) (*post, error) {
	if base == nil {
		if own, ok := http.DefaultTransport.(*http.Transport); ok {
			base = own.Clone()
		} else {
			base = http.DefaultTransport // somebody replaced it
		}
	}
	p := &post{trip: &trip{base: base}, mask: m, turn: make(chan struct{}, 1)}
	p.turn <- struct{}{}
	p.report = newReporter(dsn, base)
	o.HTTPClient = &http.Client{Transport: p.trip, CheckRedirect: noRedirect}
	o.Transport = sentry.NewHTTPSyncTransport()
	client, err := sentry.NewClient(o)
	if err != nil {
		return nil, errors.New("sentry-go refuses the options") // its error may show the DSN
	}
	p.client = client
	return p, nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

var errClosed = errors.New("the sink is closed")

// begin waits for the turn to send.
func (p *post) begin(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-p.turn:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		p.end()
		return errClosed
	}
	return nil
}

func (p *post) end() { p.turn <- struct{}{} }

// all sends a batch, but for those of its events that were sent when it failed
// before.
func (p *post) all(ctx context.Context, events []*sentry.Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := p.begin(ctx); err != nil {
		return err
	}
	defer p.end()
	before := p.again(events)
	for _, e := range events {
		if before[e.EventID] {
			continue
		}
		if err := p.deliver(ctx, e); err != nil {
			p.fail(events, before, err)
			return err
		}
		before[e.EventID] = true
	}
	p.fail(nil, nil, nil)
	p.sendReport(ctx)
	return nil
}

// again returns which of the events were sent, if they are of the batch that
// failed last. If they are not, that batch was given up.
func (p *post) again(events []*sentry.Event) map[sentry.EventID]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range events {
		if _, ok := p.failing[e.EventID]; ok {
			return p.failing
		}
	}
	p.giveUp()
	return map[sentry.EventID]bool{}
}

// giveUp counts what of the batch that failed last was not sent.
func (p *post) giveUp() {
	for _, sent := range p.failing {
		if !sent {
			p.counts.DroppedEvents++
			p.report.add(p.why, categoryEvent)
		}
	}
	p.failing = nil
}

// fail remembers a batch that failed; nil forgets it.
func (p *post) fail(events []*sentry.Event, sent map[sentry.EventID]bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failing, p.why = nil, reasonOf(err)
	if len(events) > 0 {
		p.failing = map[sentry.EventID]bool{}
	}
	for _, e := range events {
		p.failing[e.EventID] = sent[e.EventID]
	}
}

// one sends an event that is in no batch.
func (p *post) one(ctx context.Context, e *sentry.Event) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	defer p.end()
	if err := p.deliver(ctx, e); err != nil {
		return err
	}
	p.sendReport(ctx)
	return nil
}

// drop counts an event or check-in that is in no batch and was given up.
func (p *post) drop(e *sentry.Event, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.CheckIn != nil {
		p.counts.DroppedCheckIns++
		p.report.add(why, categoryCheckIn)
		return
	}
	p.counts.DroppedEvents++
	p.report.add(why, categoryEvent)
}

// deliver sends one event, in the caller's turn.
func (p *post) deliver(ctx context.Context, e *sentry.Event) error {
	p.trip.begin(ctx)
	id := p.client.CaptureEvent(e, &sentry.EventHint{}, nil)
	err := p.outcome(ctx, p.trip.end(), id != nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.LastError = ""
	switch {
	case err != nil:
		p.counts.LastError = err.Error()
	case e.CheckIn != nil:
		p.counts.CheckIns++
	default:
		p.counts.Events++
	}
	return err
}

// outcome is what came of an attempt. What the program's own processors of events
// drop counts as sent.
func (p *post) outcome(ctx context.Context, a answer, captured bool) error {
	switch {
	case !captured || a.status/100 == 2:
		return nil
	case a.err != nil && ctx.Err() != nil:
		return &sendError{reasonNetwork, fmt.Errorf("send: %w", context.Cause(ctx))}
	case a.err != nil:
		return &sendError{reasonNetwork, errors.New("send: " + p.mask.line(a.err.Error(), longestTag))}
	case a.status == http.StatusTooManyRequests:
		return &sendError{reasonPaused, errors.New("Sentry takes no more for now (status 429)")}
	case a.status == 0:
		return &sendError{reasonPaused, errors.New("the pause that Sentry asked for is not over")}
	}
	text := fmt.Sprintf("Sentry answered with status %d", a.status)
	if why := p.mask.line(a.why, longestTag); why != "" {
		text += ": " + why
	}
	return &sendError{reasonRefused, errors.New(text)}
}

// sendError is why an event was not sent.
type sendError struct {
	reason string
	err    error
}

func (e *sendError) Error() string { return e.err.Error() }
func (e *sendError) Unwrap() error { return e.err }

func reasonOf(err error) string {
	if e, ok := errors.AsType[*sendError](err); ok {
		return e.reason
	}
	return reasonNetwork
}

// sendReport tells Sentry what was given up, in the caller's turn. What cannot be
// told now is told next time.
func (p *post) sendReport(ctx context.Context) {
	p.mu.Lock()
	counts := p.report.take()
	p.mu.Unlock()
	if len(counts) == 0 || p.report.send(ctx, counts) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report.putBack(counts)
}

func (p *post) stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// close gives up what failed last and tells Sentry, as far as ctx allows.
func (p *post) close(ctx context.Context) {
	if err := p.begin(ctx); err == nil {
		p.mu.Lock()
		p.giveUp()
		p.mu.Unlock()
		p.sendReport(ctx)
		p.end()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		p.client.Close()
	}
	if idle, ok := p.trip.base.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}
