package promsink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/masaruk/devops/monitor"
)

const (
	scrapesAtOnce = 4
	scrapeLimit   = 10 * time.Second
)

// Options adjusts [New]. The zero value has the defaults below.
type Options struct {
	// MaxChecks is how many checks are exported at most; 0 means 1000.
	MaxChecks int
	// MaxMeasurements is how many different measurements of a check are exported
	// at most; 0 means 32, negative that none are.
	MaxMeasurements int
	// Collectors are served by the handler too, such as those of the package
	// collectors for Go and the process.
	Collectors []prometheus.Collector
}

// Sink is a [monitor.Sink] and a [prometheus.Collector]. Make one with [New].
type Sink struct {
	registry *prometheus.Registry
	monitor  atomic.Pointer[monitor.Monitor]
	bounds   *bounds

	transitions *prometheus.CounterVec
	durations   *prometheus.HistogramVec
	lateness    prometheus.Histogram

	mu      sync.Mutex
	lastSeq uint64
}

var (
	_ monitor.Sink         = (*Sink)(nil)
	_ prometheus.Collector = (*Sink)(nil)
)

// New is a sink with a registry of its own. It fails if the options do not make
// sense, or if two collectors export the same.
func New(opts *Options) (*Sink, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.MaxChecks < 0 {
		return nil, fmt.Errorf("promsink: MaxChecks is %d and must be above 0", o.MaxChecks)
	}
	if o.MaxChecks == 0 {
		o.MaxChecks = 1000
	}
	if o.MaxMeasurements == 0 {
		o.MaxMeasurements = 32
	}
	s := &Sink{registry: prometheus.NewRegistry(), bounds: newBounds(o.MaxChecks, max(0, o.MaxMeasurements))}
	s.makeOwn()
	for i, c := range append([]prometheus.Collector{s}, o.Collectors...) {
		if c == nil {
			return nil, fmt.Errorf("promsink: Collectors[%d] is nil", i-1)
		}
		if err := s.registry.Register(c); err != nil {
			return nil, fmt.Errorf("promsink: register Collectors[%d], a %T: %w", i-1, c, err)
		}
	}
	return s, nil
}

// makeOwn makes the metrics that come through the feed.
func (s *Sink) makeOwn() {
	s.transitions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "monitor_transitions_total", Help: "Transitions that came through the feed, by kind.",
	}, []string{"kind"})
	s.durations = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "monitor_run_duration_seconds", Help: "How long runs of checks took, by their result.",
		Buckets: []float64{.001, .005, .025, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"status"})
	s.lateness = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "monitor_run_lateness_seconds", Help: "How long after their time runs of checks started.",
		Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5},
	})
}

// Watch makes m the monitor whose state is exported; before, there are only the
// metrics that come through the feed. It fails on nil and on a second monitor.
func (s *Sink) Watch(m *monitor.Monitor) error {
	if m == nil {
		return errors.New("promsink: watch: the monitor is nil")
	}
	if !s.monitor.CompareAndSwap(nil, m) {
		return errors.New("promsink: watch: the sink watches a monitor already; make a sink for each")
	}
	return nil
}

// Send counts. It never fails.
func (s *Sink) Send(_ context.Context, ts []monitor.Transition) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range ts {
		if t.Kind == monitor.RunFinished {
			s.durations.WithLabelValues(t.Result.Status.String()).Observe(max(0, t.Run.Duration).Seconds())
			s.lateness.Observe(max(0, t.Run.Late).Seconds())
			continue
		}
		if t.Seq > 0 && t.Seq <= s.lastSeq {
			continue // it comes again
		}
		s.lastSeq = max(s.lastSeq, t.Seq)
		s.transitions.WithLabelValues(kindLabel(t.Kind)).Inc()
	}
	return nil
}

// kindLabel keeps kinds that this package does not know from making up labels.
func kindLabel(k monitor.Kind) string {
	switch k {
	case monitor.StatusChanged, monitor.AlertOpened, monitor.AlertResolved, monitor.AlertWithheld,
		monitor.StuckStarted, monitor.StuckEnded, monitor.StaleStarted, monitor.StaleEnded,
		monitor.FlappingStarted, monitor.FlappingEnded, monitor.MaintenanceStarted, monitor.MaintenanceEnded,
		monitor.CheckAdded, monitor.CheckRemoved:
		return string(k)
	}
	return "other"
}

// Handler serves the metrics of the sink and of Options.Collectors.
func (s *Sink) Handler() http.Handler {
	serve := promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: scrapesAtOnce, Timeout: scrapeLimit,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are allowed", http.StatusMethodNotAllowed)
			return
		}
		serve.ServeHTTP(w, r)
	})
}
