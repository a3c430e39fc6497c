package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/masaruk/devops/deploy"
)

// AnnouncerOptions configure an [Announcer]. The zero value is the default.
type AnnouncerOptions struct {
	// Outcomes are those that are announced; nil is all of them.
	Outcomes []deploy.Outcome
	// Title and Text are templates as in [Send], without outputs.
	Title, Text string
	// Change is what the runs release; events do not tell.
	Change *deploy.Change
	// Timeout bounds each channel; zero is 30 seconds.
	Timeout time.Duration
}

// Announcer tells how runs end. Its goroutines, one for each announcement, end
// within Timeout.
type Announcer struct {
	to    []Channel
	opts  AnnouncerOptions
	texts texts

	mu      sync.Mutex
	runs    map[deploy.RunID]deploy.RunStarted
	pending int
	idle    chan struct{} // closed when nothing is pending
	errs    []error
}

// NewAnnouncer returns an Announcer that tells the channels; nil options mean
// the defaults.
func NewAnnouncer(to []Channel, opts *AnnouncerOptions) (*Announcer, error) {
	a := &Announcer{to: slices.Clone(to), runs: map[deploy.RunID]deploy.RunStarted{}, idle: closed()}
	if opts != nil {
		a.opts = *opts
	}
	var err error
	if a.texts, err = parse(a.opts.Title, a.opts.Text); err == nil {
		err = validateChannels(to)
	}
	if err == nil && a.opts.Timeout < 0 {
		err = errors.New("field Timeout is negative")
	}
	if err != nil {
		return nil, fmt.Errorf("notify.NewAnnouncer: %w", err)
	}
	return a, nil
}

func closed() chan struct{} {
	ch := make(chan struct{})
	close(ch)
	return ch
}

// Handle is for [deploy.Options.Handle]. It returns at once; the announcement
// goes on, also after Run of the runner has returned. Runs of several services
// that go on at the same time need an Announcer each.
func (a *Announcer) Handle(e deploy.Event) {
	switch e := e.(type) {
	case deploy.RunStarted:
		a.mu.Lock()
		a.runs[e.Run] = e
		a.mu.Unlock()
	case deploy.RunFinished:
		a.mu.Lock()
		defer a.mu.Unlock()
		began, known := a.runs[e.Run]
		delete(a.runs, e.Run)
		if len(a.opts.Outcomes) > 0 && !slices.Contains(a.opts.Outcomes, e.Outcome) {
			return
		}
		f := Facts{Run: e.Run, Outcome: e.Outcome, Duration: e.Duration.Round(time.Millisecond), Change: a.opts.Change}
		if known {
			f.Service, f.Environment = began.Service, began.Environment
		}
		if e.Err != nil {
			f.Reason = e.Err.Error()
		}
		if a.pending++; a.pending == 1 {
			a.idle = make(chan struct{})
		}
		go a.announce(f, e.Time) // a run can be held twice
	}
}

// announce tells every channel.
func (a *Announcer) announce(f Facts, ended time.Time) {
	n, err := a.texts.note(nil, f, ended.UTC().Format(time.RFC3339Nano))
	errs := []error{err}
	if err == nil {
		errs = deliver(context.Background(), a.to, n, orDefault(a.opts.Timeout))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := errors.Join(errs...); err != nil {
		a.errs = append(a.errs, fmt.Errorf("run %s, %s: %w", f.Run, f.Outcome, err))
	}
	if a.pending--; a.pending == 0 {
		close(a.idle)
	}
}

// Wait returns when everything that has been handled is sent, or ctx ends, and
// returns what failed since the last call. Call it after Run of the runner: a
// program that ends before takes the announcement with it.
func (a *Announcer) Wait(ctx context.Context) error {
	a.mu.Lock()
	idle := a.idle
	a.mu.Unlock()
	var ended error
	select {
	case <-idle:
	case <-ctx.Done():
		ended = context.Cause(ctx)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	err := errors.Join(append(a.errs, ended)...)
	a.errs = nil
	return err
}
