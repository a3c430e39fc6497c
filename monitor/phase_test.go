package monitor

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The times of a check are a promise: they stay the same in every version.
func TestPhasesAreTheSameForEver(t *testing.T) {
	for name, want := range map[string]time.Duration{
		"postgres": 5967565790,
		"web":      26481577385,
	} {
		require.Equal(t, want, newCadence(name, 30*time.Second, time.Unix(12345, 678)).phase, name)
	}
}

func TestPhasesSpreadSimilarNames(t *testing.T) {
	const checks, slots = 10_000, 100
	var full [slots]int
	for i := range checks {
		c := newCadence(fmt.Sprintf("check-%d", i), time.Second, time.Time{})
		full[c.phase/(time.Second/slots)]++
	}
	for slot, n := range full {
		require.InDelta(t, checks/slots, n, 50, "slot %d", slot) // five standard deviations
	}
}

func TestTicksAreOnTheBeatWhateverTheStart(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		interval := shortestInterval + time.Duration(rnd.Int64N(int64(longestInterval)))
		start := time.Unix(0, rnd.Int64N(4e18)-1e18)
		c := newCadence(fmt.Sprint(rnd.Uint64()), interval, start)
		at := time.Duration(rnd.Int64N(int64(100 * 365 * 24 * time.Hour)))
		tick := c.after(at)
		require.Greater(t, tick, at)
		require.LessOrEqual(t, tick-at, interval)
		onBeat := (c.start%int64(interval) + int64(tick)%int64(interval) - int64(c.phase)) % int64(interval)
		require.Zero(t, onBeat, "seed %d", seed)

		late := time.Duration(rnd.Int64N(int64(5 * interval)))
		next, missed := c.next(tick, tick+late)
		require.Equal(t, late/interval, time.Duration(missed))
		require.Equal(t, tick+time.Duration(missed+1)*interval, next)

		first := c.first("x", at, 5*time.Second)
		require.GreaterOrEqual(t, first, at)
		require.LessOrEqual(t, first, min(tick, at+5*time.Second))
		next, missed = c.next(first, first)
		require.Zero(t, missed)
		require.Zero(t, (next-tick)%interval, "the second run is on the beat")
		require.GreaterOrEqual(t, next-first, interval/2)
	}
}
