//go:build unix

package health

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	peer "github.com/alexliesenfeld/health"
	hellofresh "github.com/hellofresh/health-go/v5"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/monitor"
)

// checkFunc is a check in the shape that all of them take.
type checkFunc func(context.Context) error

func checkName(i int) string { return fmt.Sprint("check-", i) }

// startOurs runs a monitor until stop. Each check runs first within 100 ms.
func startOurs(tb testing.TB, interval, timeout time.Duration, checks []checkFunc) (m *monitor.Monitor, stop func()) {
	tb.Helper()
	defs := make([]monitor.Definition, len(checks))
	for i, c := range checks {
		defs[i] = monitor.Definition{Name: checkName(i), Check: monitor.ErrorFunc(c), Interval: interval, Timeout: timeout, FailAfter: 1, Critical: true}
	}
	m, err := monitor.New(envconfig.Development(), defs, &monitor.Options{Grace: -1, StartWithin: 100 * time.Millisecond})
	require.NoError(tb, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	return m, func() {
		cancel()
		<-ended // an error where checks hang
	}
}

// newHellofresh has no schedule: Measure runs every check.
func newHellofresh(tb testing.TB, timeout time.Duration, checks []checkFunc) *hellofresh.Health {
	tb.Helper()
	h, err := hellofresh.New()
	require.NoError(tb, err)
	for i, c := range checks {
		require.NoError(tb, h.Register(hellofresh.Config{Name: checkName(i), Timeout: timeout, Check: hellofresh.CheckFunc(c)}))
	}
	return h
}

// newPeer runs every check when it is asked, as long as the cache lets it.
func newPeer(cache, timeout time.Duration, checks []checkFunc) peer.Checker {
	opts := []peer.CheckerOption{peer.WithDisabledAutostart(), peer.WithCacheDuration(cache)}
	for i, c := range checks {
		opts = append(opts, peer.WithCheck(peer.Check{Name: checkName(i), Timeout: timeout, Check: c}))
	}
	return peer.NewChecker(opts...)
}

// startPeer runs every check on a schedule until stop, with the phases spread.
func startPeer(interval, timeout time.Duration, checks []checkFunc) (c peer.Checker, stop func()) {
	var opts []peer.CheckerOption
	for i, f := range checks {
		delay := 1 + interval*time.Duration(i)/time.Duration(len(checks))
		opts = append(opts, peer.WithPeriodicCheck(interval, delay, peer.Check{Name: checkName(i), Timeout: timeout, Check: f}))
	}
	c = peer.NewChecker(opts...)
	return c, c.Stop
}

// nowhere is a response that nobody reads.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}
