package retryhttp

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCeilingDoublesUpToTheMost(t *testing.T) {
	var got []time.Duration
	for n := 1; n <= 7; n++ {
		got = append(got, ceiling(n, 100, 1000))
	}
	require.Equal(t, []time.Duration{100, 200, 400, 800, 1000, 1000, 1000}, got)
	require.Equal(t, time.Duration(1<<62), ceiling(1000, 1<<40, 1<<62), "no overflow")
	require.Zero(t, ceiling(5, 0, time.Second))
	require.Equal(t, time.Duration(50), ceiling(1, 100, 50))
}

func TestBackoffIsSpreadFromZero(t *testing.T) {
	const samples = 10_000
	var low, high int
	for range samples {
		wait := backoff(3, 100, 1_000_000)
		require.GreaterOrEqual(t, wait, time.Duration(0))
		require.LessOrEqual(t, wait, time.Duration(400))
		switch {
		case wait < 100:
			low++
		case wait >= 300:
			high++
		}
	}
	// A quarter each: 20 standard deviations are 866.
	require.InDelta(t, samples/4, low, 866)
	require.InDelta(t, samples/4, high, 866)
}

func TestRetryAfterForms(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "999999999999": farAway, "99999999999999999999999": farAway,
		"Sun, 01 Mar 2026 12:00:30 GMT":  30 * time.Second,
		"Sunday, 01-Mar-26 12:00:30 GMT": 30 * time.Second,
		"Sun Mar  1 12:00:30 2026":       30 * time.Second,
		"Sun, 01 Mar 2026 11:00:00 GMT":  0,
		"-1":                             -1, "1.5": -1, "soon": -1, "": -1, "1s": -1,
	} {
		got, ok := retryAfter(http.Header{"Retry-After": {text}}, now)
		require.Equal(t, want >= 0, ok, text)
		if ok {
			require.Equal(t, want, got, text)
		}
	}
	skewed := http.Header{"Retry-After": {"Sun, 01 Mar 2026 15:00:30 GMT"}, "Date": {"Sun, 01 Mar 2026 15:00:00 GMT"}}
	got, ok := retryAfter(skewed, now)
	require.True(t, ok)
	require.Equal(t, 30*time.Second, got, "by the clock of the server")
}

func TestDefaults(t *testing.T) {
	o := Options{}.withDefaults()
	require.Equal(t, 4, o.Attempts)
	require.Equal(t, time.Minute, o.MaxRetryAfter)
	require.Equal(t, int64(8<<20), o.MaxBody)
	off := Options{Attempts: -1, FirstWait: -1, MaxRetryAfter: -1, AttemptTimeout: -1, MaxRedirects: -1}.withDefaults()
	require.Equal(t, 1, off.Attempts)
	require.Zero(t, off.FirstWait)
	require.Zero(t, off.MaxRetryAfter)
	require.Zero(t, off.AttemptTimeout)
	require.Zero(t, off.MaxRedirects)
}
