package monitor

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
)

var errDown = errors.New("connection refused")

// knob is a check that does as it is told, and notes when it was started.
type knob struct {
	mu      sync.Mutex
	status  Status
	err     error
	do      func(ctx context.Context) // if not nil, before it returns
	starts  []time.Time
	current int
	most    int // calls at once
}

func (k *knob) Check(ctx context.Context) Result {
	k.mu.Lock()
	k.starts = append(k.starts, time.Now())
	k.current++
	k.most = max(k.most, k.current)
	do := k.do
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		k.current--
		k.mu.Unlock()
	}()
	if do != nil {
		do(ctx)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.status == Fail && k.err == nil {
		return Result{Status: Fail, Err: errDown}
	}
	return Result{Status: k.status, Err: k.err}
}

func (k *knob) set(s Status) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.status = s
}

func (k *knob) does(do func(context.Context)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.do = do
}

func (k *knob) started() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.starts)
}

func passing() *knob { return &knob{status: Pass} }

// recorder is a sink that keeps everything.
type recorder struct {
	mu  sync.Mutex
	all []Transition
}

func (r *recorder) Send(_ context.Context, ts []Transition) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, ts...)
	return nil
}

// take returns what came since, and forgets it.
func (r *recorder) take() []Transition {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

// kinds is a short form: "check kind", with the status after a change, and what
// withheld an alert.
func (r *recorder) kinds() []string {
	out := []string{}
	for _, t := range r.take() {
		text := strings.TrimSpace(t.Check + " " + string(t.Kind))
		switch t.Kind {
		case StatusChanged:
			text += fmt.Sprintf(" %v>%v", t.From, t.To)
		case AlertWithheld:
			text += fmt.Sprintf(" %s %s", t.Cause, t.By)
		}
		out = append(out, text)
	}
	return out
}

func definition(name string, c Check) Definition {
	return Definition{Name: name, Check: c, Interval: 10 * time.Second, Timeout: 5 * time.Second}
}

func newMonitor(t *testing.T, opts Options, checks ...Definition) (*Monitor, *recorder) {
	t.Helper()
	r := &recorder{}
	opts.Feeds = append(opts.Feeds, Feed{Name: "recorder", Sink: r, Queue: 1 << 16})
	m, err := New(envconfig.Development(), checks, &opts)
	require.NoError(t, err)
	return m, r
}

// inBubble runs a test with a monitor that runs. What Run returned is checked to
// be nil after the test, unless it takes it from the channel.
func inBubble(t *testing.T, opts Options, checks []Definition, test func(m *Monitor, r *recorder, stop func() error)) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMonitor(t, opts, checks...)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- m.Run(ctx) }()
		stopped := false
		stop := func() error {
			stopped = true
			cancel()
			return <-result
		}
		synctest.Wait()
		test(m, r, stop)
		if !stopped {
			require.NoError(t, stop())
		}
		cancel()
	})
}

// advance lets the time of the bubble pass, and all that happens by then.
func advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func stateOf(t *testing.T, m *Monitor, check string) *State {
	t.Helper()
	s, err := m.State(check)
	require.NoError(t, err)
	return s
}

// goroutines counts those that stay.
func goroutines() int {
	synctest.Wait()
	var unused runtime.MemStats
	runtime.ReadMemStats(&unused) // stops the world, after which what has just ended is not counted
	return runtime.NumGoroutine()
}

// gate holds those that wait until it is opened, in any bubble.
type gate struct {
	once sync.Once
	mu   sync.Mutex
	cond *sync.Cond
	open bool
}

func (g *gate) wait() {
	g.once.Do(func() { g.cond = sync.NewCond(&g.mu) })
	g.mu.Lock()
	defer g.mu.Unlock()
	for !g.open {
		g.cond.Wait()
	}
}

func (g *gate) release() {
	g.once.Do(func() { g.cond = sync.NewCond(&g.mu) })
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = true
	g.cond.Broadcast()
}
