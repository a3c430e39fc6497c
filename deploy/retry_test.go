package deploy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPausesGrowToABound(t *testing.T) {
	pauses := func(r Retry) (all []time.Duration) {
		for n := 2; n < 9; n++ {
			all = append(all, r.pause(n)/time.Second)
		}
		return all
	}
	require.Equal(t, []time.Duration{0, 0, 0, 0, 0, 0, 0}, pauses(Retry{}))
	require.Equal(t, []time.Duration{1, 2, 4, 8, 10, 10, 10}, pauses(Retry{Wait: time.Second}))
	require.Equal(t, []time.Duration{1, 2, 4, 8, 16, 30, 30}, pauses(Retry{Wait: time.Second, MaxWait: 30 * time.Second}))
	require.Equal(t, []time.Duration{3, 3, 3, 3, 3, 3, 3}, pauses(Retry{Wait: 3 * time.Second, MaxWait: 3 * time.Second}))
	long := Retry{Wait: time.Hour, MaxWait: 1<<63 - 1}
	require.Positive(t, long.pause(1000), "it does not overflow")
}

func TestJitterTakesUpToHalfOff(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 200 {
		d := jittered(10)
		require.LessOrEqual(t, d, time.Duration(10))
		require.Greater(t, d, time.Duration(5))
		seen[d] = true
	}
	require.Len(t, seen, 5)
	require.Zero(t, jittered(0))
}
