package probe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/probe"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, release string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"X-Release": {release}}, Body: io.NopCloser(strings.NewReader(""))}
}

// hung answers nothing before the request is given up.
func hung(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

func start(t *testing.T, ctx context.Context, h *probe.HTTP, o probe.Options) *probe.Prober {
	p, err := probe.New(h.Probe, &o)
	require.NoError(t, err)
	p.Start(ctx)
	return p
}

func TestProberKeepsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		h := &probe.HTTP{URL: "http://service/", Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			time.Sleep(70 * time.Millisecond) // in the bubble
			if i := n.Add(1); i >= 4 && i <= 6 {
				return answer(500, "v2"), nil
			}
			return answer(200, "v1"), nil
		})}
		began := time.Now()
		p := start(t, t.Context(), h, probe.Options{Interval: 100 * time.Millisecond, Keep: 2})
		p.Start(t.Context()) // changes nothing
		time.Sleep(950 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, 9, p.Counts().Requests, "those that have ended")
		c := p.Stop()
		require.Equal(t, 10, c.Requests, "one each 100 ms, the first at once; Stop waits for the last")
		require.Equal(t, 7, c.Passed)
		require.Equal(t, 3, c.Failed)
		require.Zero(t, c.Inconclusive+c.Skipped)
		require.Equal(t, map[string]probe.ReleaseCounts{"v1": {Requests: 7}, "v2": {Requests: 3, Failed: 3}}, c.Releases)
		require.Equal(t, 300*time.Millisecond, c.FirstFailure.Sub(began), "when the request was sent")
		require.Contains(t, c.FirstReason, "status 500, want 200")
		require.Len(t, c.Failures, 2)
		require.Equal(t, 500*time.Millisecond, c.Failures[1].Started.Sub(began), "the last ones are kept")
		require.Equal(t, c, p.Stop(), "stopping again")
		p.Start(t.Context())
		time.Sleep(time.Second)
		require.Equal(t, c, p.Counts(), "starting after the end does nothing")
	})
}

func TestProberCountsAHungServerAtTheSameRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &probe.HTTP{URL: "http://service/", Timeout: time.Second, Transport: roundTrip(hung)}
		p := start(t, t.Context(), h, probe.Options{Interval: 100 * time.Millisecond})
		time.Sleep(5*time.Second + 50*time.Millisecond)
		synctest.Wait()
		require.Equal(t, 41, p.Counts().Failed)
		c := p.Stop()
		require.Equal(t, 51, c.Failed)
		require.Zero(t, c.Skipped)
		require.Contains(t, c.FirstReason, "no answer within 1s")
		require.Len(t, c.Failures, 10)
	})
}

func TestProberDoesNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		h := &probe.HTTP{URL: "http://service/", Timeout: time.Second, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			return hung(r)
		})}
		p := start(t, t.Context(), h, probe.Options{Interval: 100 * time.Millisecond, MaxInFlight: 3})
		time.Sleep(950 * time.Millisecond)
		c := p.Stop()
		require.EqualValues(t, 3, most.Load())
		require.Equal(t, 3, c.Requests)
		require.Equal(t, 7, c.Skipped)
	})
}

func TestProberEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		h := &probe.HTTP{URL: "http://service/", Transport: roundTrip(hung)}
		p := start(t, ctx, h, probe.Options{Interval: 100 * time.Millisecond})
		time.Sleep(250 * time.Millisecond)
		cancel()
		synctest.Wait()
		c := p.Counts()
		require.Equal(t, 3, c.Inconclusive, "what was broken off is no failure")
		require.Zero(t, c.Failed)
		require.True(t, c.FirstFailure.IsZero())
		time.Sleep(time.Second)
		require.Equal(t, c, p.Stop())
	})
}

func TestProberStopBeforeStart(t *testing.T) {
	p, err := probe.New((&probe.HTTP{}).Probe, nil)
	require.NoError(t, err)
	require.Zero(t, p.Stop())
	p.Start(t.Context())
	require.Zero(t, p.Stop())
}

func TestProberOptions(t *testing.T) {
	_, err := probe.New(nil, nil)
	require.Error(t, err)
	for _, o := range []probe.Options{{Interval: -1}, {MaxInFlight: -1}} {
		_, err := probe.New((&probe.HTTP{}).Probe, &o)
		require.Error(t, err)
	}
}

// A watch that tolerates two failures learns of the third as soon as it is
// there, and the handler sees results one at a time that are counted already.
func TestProberFeedsAWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		h := &probe.HTTP{URL: "http://service/", Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			if n.Add(1) > 5 {
				return nil, errors.New("gone")
			}
			return answer(200, "v1"), nil
		})}
		watch := &probe.Evaluator{Limits: probe.Limits{MaxFailed: 2}}
		bad := make(chan string, 1)
		began, seen := time.Now(), 0
		var p *probe.Prober
		ready := make(chan struct{})
		p, err := probe.New(h.Probe, &probe.Options{Interval: 100 * time.Millisecond, Handle: func(r probe.Result) {
			<-ready
			if seen++; p.Counts().Requests < seen {
				panic("a result is handled before it is counted")
			}
			if watch.Add(r) == probe.Failed {
				select {
				case bad <- watch.Reason():
				default:
				}
			}
		}})
		require.NoError(t, err)
		p.Start(t.Context())
		close(ready)
		reason := <-bad
		require.Equal(t, 700*time.Millisecond, time.Since(began), "with the third failure, the eighth result")
		require.Contains(t, reason, "3 failed, at most 2 tolerated; last: GET http://service/: no answer: gone")
		p.Stop()
	})
}

func TestProberBoundsTheReleasesItCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		p, err := probe.New(func(context.Context) probe.Result {
			return probe.Result{Outcome: probe.Pass, Release: fmt.Sprint(n.Add(1))}
		}, &probe.Options{Interval: time.Millisecond})
		require.NoError(t, err)
		p.Start(t.Context())
		time.Sleep(499*time.Millisecond + 500*time.Microsecond)
		c := p.Stop()
		require.Len(t, c.Releases, 101)
		require.Equal(t, 400, c.Releases[probe.OtherReleases].Requests)
	})
}

func TestCountsAreACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &probe.HTTP{URL: "http://service/", Transport: roundTrip(func(*http.Request) (*http.Response, error) { return answer(500, "v1"), nil })}
		p := start(t, t.Context(), h, probe.Options{})
		time.Sleep(time.Second)
		c := p.Stop()
		c.Releases["v1"], c.Failures[0] = probe.ReleaseCounts{}, probe.Result{}
		require.NotZero(t, p.Counts().Releases["v1"])
		require.NotZero(t, p.Counts().Failures[0])
	})
}
