package probe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Options configure a [Prober]. The zero value is the default.
type Options struct {
	// Interval is the time from the start of one probe to that of the next;
	// zero is 200 ms.
	Interval time.Duration
	// MaxInFlight is how many probes may be under way at once; zero is 64. A
	// probe that is due while so many are is skipped and counted as such. It
	// should be more than the time that a probe can take, in intervals.
	MaxInFlight int
	// Keep is how many of the last failures Counts keeps; zero is 10,
	// negative none.
	Keep int
	// Handle receives each result after it was counted, one at a time, on the
	// goroutine of the probe; nil drops them. It must not call Stop, and
	// while it runs the probe is under way still.
	Handle func(Result)
}

// Prober probes at a steady rate in the background, however long each probe
// takes, so that a service that hangs yields as many failures as the rate
// says, and counts what comes back. It is safe for concurrent use.
type Prober struct {
	target func(context.Context) Result
	opts   Options

	started sync.Once
	stop    func()
	stopped chan struct{} // closed by the first Stop
	wg      sync.WaitGroup
	slots   chan struct{}

	handling sync.Mutex // held while one result is counted and handled
	mu       sync.Mutex // guards counts
	counts   Counts
}

// New returns a Prober that calls target, such as the Probe method of an
// [HTTP]; nil options mean the defaults. Target is called from several
// goroutines at once, bounds its own time, and returns soon after its context
// ends.
func New(target func(context.Context) Result, opts *Options) (*Prober, error) {
	if target == nil {
		return nil, errors.New("probe.New: target is nil")
	}
	p := &Prober{target: target, stopped: make(chan struct{})}
	if opts != nil {
		p.opts = *opts
	}
	o := &p.opts
	if o.Interval < 0 || o.MaxInFlight < 0 {
		return nil, fmt.Errorf("probe.New: Interval %s or MaxInFlight %d is negative", o.Interval, o.MaxInFlight)
	}
	if o.Interval == 0 {
		o.Interval = 200 * time.Millisecond
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = 64
	}
	if o.Keep == 0 {
		o.Keep = 10
	}
	p.slots = make(chan struct{}, o.MaxInFlight)
	p.stop = sync.OnceFunc(func() { close(p.stopped) })
	return p, nil
}

// Start begins to probe, the first time at once, until ctx ends or Stop is
// called. Starting again does nothing. When ctx ends, the probes under way are
// broken off and count as inconclusive.
func (p *Prober) Start(ctx context.Context) {
	p.started.Do(func() { p.wg.Go(func() { p.run(ctx) }) })
}

// Stop starts no more probes, waits for those under way, which are not broken
// off, and returns the final counts. Stopping again returns them again.
func (p *Prober) Stop() Counts {
	p.stop()
	p.started.Do(func() {}) // a Start that comes too late does nothing
	p.wg.Wait()
	return p.Counts()
}

func (p *Prober) run(ctx context.Context) {
	tick := time.NewTicker(p.opts.Interval)
	defer tick.Stop()
	for {
		select {
		case <-p.stopped:
			return
		case <-ctx.Done():
			return
		default:
		}
		p.launch(ctx)
		select {
		case <-p.stopped:
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// launch starts one probe, or skips it where too many are under way.
func (p *Prober) launch(ctx context.Context) {
	select {
	case p.slots <- struct{}{}:
	default:
		p.mu.Lock()
		p.counts.Skipped++
		p.mu.Unlock()
		return
	}
	p.wg.Go(func() {
		defer func() { <-p.slots }()
		p.settle(p.target(ctx))
	})
}

func (p *Prober) settle(r Result) {
	p.handling.Lock()
	defer p.handling.Unlock()
	p.mu.Lock()
	p.counts.add(r, p.opts.Keep)
	p.mu.Unlock()
	if p.opts.Handle != nil {
		p.opts.Handle(r)
	}
}

// Counts returns what has been counted so far.
func (p *Prober) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts.clone()
}
