package deploy_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

// watch runs w as the only step of a plan in a bubble of virtual time.
func watch(t *testing.T, w *deploy.Watch) (took time.Duration, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err = newRunner(t, newMemLog(), nil).Run(t.Context(), "r1", plan(deploy.Step{Name: "watch", InFlight: deploy.Repeat, Do: w}))
		took = time.Since(start)
	})
	return took, err
}

// traffic answers a look every time with what has come since the start.
func traffic(perSecond int, failAfter time.Duration) func(context.Context) (deploy.Counts, error) {
	var start time.Time
	return func(context.Context) (deploy.Counts, error) {
		if start.IsZero() {
			start = time.Now()
		}
		past := time.Since(start)
		c := deploy.Counts{Requests: int(past.Seconds() * float64(perSecond))}
		if failAfter > 0 && past > failAfter {
			c.Failed = c.Requests - int(failAfter.Seconds()*float64(perSecond))
		}
		return c, nil
	}
}

func TestWatchPassesOnGoodTraffic(t *testing.T) {
	took, err := watch(t, &deploy.Watch{For: 10 * time.Second, MinRequests: 100, Counts: traffic(10, 0)})
	require.NoError(t, err)
	require.Equal(t, 10*time.Second, took)
}

func TestWatchFailsWithinAnIntervalOfTheFirstError(t *testing.T) {
	took, err := watch(t, &deploy.Watch{For: time.Minute, Interval: 100 * time.Millisecond, Counts: traffic(1000, 7*time.Second)})
	require.ErrorContains(t, err, "requests failed, tolerated are 0")
	require.LessOrEqual(t, took, 7*time.Second+100*time.Millisecond)
}

func TestWatchToleratesWhatItIsToldTo(t *testing.T) {
	_, err := watch(t, &deploy.Watch{For: 10 * time.Second, MaxFailed: 10, Counts: traffic(10, 9*time.Second)})
	require.NoError(t, err)
	_, err = watch(t, &deploy.Watch{For: 10 * time.Second, MaxFailed: 9, Counts: traffic(10, 9*time.Second)})
	require.ErrorContains(t, err, "10 of 100 requests failed, tolerated are 9")
}

func TestWatchWithoutEvidenceFails(t *testing.T) {
	none := func(context.Context) (deploy.Counts, error) { return deploy.Counts{}, nil }
	took, err := watch(t, &deploy.Watch{For: 10 * time.Second, Counts: none})
	require.ErrorContains(t, err, "no evidence: 0 requests in 20s, needed are 1")
	require.Equal(t, 20*time.Second, took, "it waits as long again for requests")

	took, err = watch(t, &deploy.Watch{For: 10 * time.Second, MinRequests: 150, Counts: traffic(10, 0)})
	require.NoError(t, err)
	require.Equal(t, 15*time.Second, took)

	_, err = watch(t, &deploy.Watch{For: time.Second})
	require.ErrorContains(t, err, "nobody counts requests")
}

func TestWatchFailsWhenItCannotLook(t *testing.T) {
	looks := 0
	blind := func(context.Context) (deploy.Counts, error) {
		if looks++; looks%6 == 5 { // four in a row are gone over, a fifth is not
			return deploy.Counts{Requests: looks}, nil
		}
		return deploy.Counts{}, errors.New("socket is gone")
	}
	_, err := watch(t, &deploy.Watch{For: time.Minute, Counts: blind})
	require.ErrorContains(t, err, "the requests cannot be counted: socket is gone")
	require.Equal(t, 10, looks)
}

func TestWatchFailsOnItsCheckAndOnCountsThatGoBack(t *testing.T) {
	_, err := watch(t, &deploy.Watch{For: time.Minute, Counts: traffic(10, 0), Check: func(context.Context) error { return errors.New("queue is full") }})
	require.ErrorContains(t, err, "queue is full")
	n := 10
	back := func(context.Context) (deploy.Counts, error) { n--; return deploy.Counts{Requests: n}, nil }
	_, err = watch(t, &deploy.Watch{For: time.Minute, Counts: back})
	require.ErrorContains(t, err, "the counts went back")
}
