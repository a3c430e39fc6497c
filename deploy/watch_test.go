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

func TestWatchFailsOnItsConditionsAndOnCountsThatGoBack(t *testing.T) {
	full := deploy.Check("queue", "1", func(context.Context) error { return errors.New("queue is full") })
	_, err := watch(t, &deploy.Watch{For: time.Minute, Counts: traffic(10, 0), Conditions: deploy.Conditions{full}})
	require.ErrorContains(t, err, "queue is full")
	n := 10
	back := func(context.Context) (deploy.Counts, error) { n--; return deploy.Counts{Requests: n}, nil }
	_, err = watch(t, &deploy.Watch{For: time.Minute, Counts: back})
	require.ErrorContains(t, err, "the counts went back")
}

func TestWatchOfConditions(t *testing.T) {
	const held, undone, done = deploy.Held, deploy.Undone, deploy.Succeeded
	for _, c := range []struct {
		name    string
		watch   deploy.Watch
		letters string
		want    deploy.Outcome
		took    time.Duration
		reason  string
	}{
		{"without counts", deploy.Watch{For: 10 * time.Second}, "p", done, 10 * time.Second, ""},
		{"one fails", deploy.Watch{For: 10 * time.Second}, "pppf", undone, 3 * time.Second, "watch: after 3s: 1 failed, at most 0 tolerated; last: series: it is unwell"},
		{"one cannot tell", deploy.Watch{For: 10 * time.Second}, "pppi", held, 3 * time.Second, "watch: after 3s: 1 inconclusive, at most 0 tolerated"},
		{"looks are tolerated apart from requests", deploy.Watch{For: 10 * time.Second, MaxFailed: 100, Counts: traffic(10, 0)}, "pf", undone, time.Second, "1 failed, at most 0"},
		{"requests are tolerated apart from looks", deploy.Watch{For: 10 * time.Second, Limits: &deploy.Limits{MaxFailed: 100}, Counts: traffic(10, 5*time.Second)}, "pf", undone, 6 * time.Second, "requests failed, tolerated are 0"},
		{"bad traffic does not wait for a person", deploy.Watch{For: 10 * time.Second, Counts: traffic(10, 5*time.Second)}, "ppppppi", undone, 6 * time.Second, "requests failed"},
		{"a row is no reason to end early", deploy.Watch{For: 10 * time.Second, Limits: &deploy.Limits{Successes: 2}}, "pppppf", undone, 5 * time.Second, "1 failed"},
		{"a row at the end", deploy.Watch{For: 10 * time.Second, Limits: &deploy.Limits{Successes: 3, MaxFailed: 1}}, "pppppppppfp", done, 12 * time.Second, ""},
		{"no row at the end", deploy.Watch{For: 10 * time.Second, Limits: &deploy.Limits{Successes: 99}}, "p", undone, 20 * time.Second, "21 good in a row, 99 wanted"},
		{"too few looks", deploy.Watch{For: 10 * time.Second, Limits: &deploy.Limits{MinResults: 15}}, "p", done, 14 * time.Second, ""},
		{"looks that cannot tell", deploy.Watch{For: 10 * time.Second, Limits: &deploy.Limits{MinResults: 15, MaxInconclusive: -1}}, "pi", held, 20 * time.Second, "1 results, at least 15 wanted: no evidence is no pass, and 20 were inconclusive"},
		{"the end is no look that could not be made", deploy.Watch{For: 10 * time.Second}, "ppppppppppep", done, 11 * time.Second, ""},
		{"and not at last either", deploy.Watch{For: 10 * time.Second, Limits: &deploy.Limits{MaxErrors: -1}}, "ppe", undone, 20 * time.Second, "the last look series: no figures: cannot be measured"},
		{"initial delay", deploy.Watch{For: 10 * time.Second, InitialDelay: time.Minute}, "p", done, 70 * time.Second, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			looked := 0
			w := c.watch
			w.Conditions = deploy.Conditions{series(c.letters, &looked)}
			outcome, took, err := judged(t, &w)
			require.Equal(t, c.want, outcome, "%v", err)
			require.Equal(t, c.took, took)
			if c.reason != "" {
				require.ErrorContains(t, err, c.reason)
			}
		})
	}
}

// TestWatchCountsFromTheEndOfItsInitialDelay, whatever failed before.
func TestWatchCountsFromTheEndOfItsInitialDelay(t *testing.T) {
	warmsUp := func(context.Context) (deploy.Counts, error) { // a request a second, of which the first 30 fail
		n := int(time.Since(epoch).Seconds())
		return deploy.Counts{Requests: n, Failed: min(n, 30)}, nil
	}
	_, err := watch(t, &deploy.Watch{For: 10 * time.Second, Counts: warmsUp})
	require.ErrorContains(t, err, "requests failed, tolerated are 0")
	took, err := watch(t, &deploy.Watch{For: 10 * time.Second, InitialDelay: time.Minute, MinRequests: 10, Counts: warmsUp})
	require.NoError(t, err)
	require.Equal(t, 70*time.Second, took)
	took, err = watch(t, &deploy.Watch{For: 10 * time.Second, InitialDelay: time.Minute, MinRequests: 12, Counts: warmsUp})
	require.NoError(t, err)
	require.Equal(t, 72*time.Second, took, "those of the delay are no evidence either")
}

// epoch is when the time of a bubble begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// TestAWatchThatCannotTellIsHeld, by its conditions or its counts.
func TestAWatchThatCannotTellIsHeld(t *testing.T) {
	cannotTell := func(context.Context) error { return deploy.ErrInconclusive }
	outcome, _, err := judged(t, &deploy.Watch{For: time.Minute, Conditions: deploy.Conditions{deploy.Check("queue", "1", cannotTell)}})
	require.Equal(t, deploy.Held, outcome)
	require.ErrorContains(t, err, "last: queue: inconclusive")
	outcome, _, err = judged(t, &deploy.Watch{For: time.Minute, Counts: func(ctx context.Context) (deploy.Counts, error) { return deploy.Counts{}, cannotTell(ctx) }})
	require.Equal(t, deploy.Held, outcome)
	require.ErrorContains(t, err, "the requests cannot be counted: inconclusive")
}
