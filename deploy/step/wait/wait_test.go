package wait_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/step/wait"
	"github.com/masaruk/devops/internal/actiontest"
)

// took runs a step in a bubble and returns how long that was.
func took(t *testing.T, b actiontest.Bench, s deploy.Step) (time.Duration, *actiontest.Trace) {
	t.Helper()
	start := time.Now()
	tr := b.Run(t, s)
	return time.Since(start), tr
}

func TestForWaitsAsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long, tr := took(t, actiontest.Bench{}, deploy.Step{Name: "s", Do: &wait.For{Duration: 7*time.Minute + time.Second}})
		require.NoError(t, tr.Err)
		require.Equal(t, 7*time.Minute+time.Second, long)
	})
}

func TestClockWaitsUntilItShowsTheTime(t *testing.T) {
	for want, do := range map[time.Duration]*wait.Clock{
		0:                {At: "00:00"}, // a bubble begins at 2000-01-01 00:00 UTC
		30 * time.Minute: {At: "19:30", TimeZone: "America/New_York"},
	} {
		synctest.Test(t, func(t *testing.T) {
			long, tr := took(t, actiontest.Bench{}, deploy.Step{Name: "s", Do: do})
			require.NoError(t, tr.Err)
			require.Equal(t, want, long)
		})
	}
}

// TestAWaitGoesOnFromItsBeginning interrupts a wait twice, and lets time pass
// in which no program runs.
func TestAWaitGoesOnFromItsBeginning(t *testing.T) {
	for name, w := range map[string]wait.Wait{
		"for":   &wait.For{Duration: 50 * time.Minute},
		"clock": &wait.Clock{At: "00:50"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				steps := wait.Steps("settle", w)
				b := actiontest.Bench{Log: t.TempDir(), Before: steps[:1]}
				for range 2 {
					ctx, cancel := context.WithTimeoutCause(t.Context(), 15*time.Minute, errors.New("killed"))
					b.Context = ctx
					tr := b.Run(t, steps[1])
					cancel()
					require.ErrorContains(t, tr.Err, "killed")
					time.Sleep(5 * time.Minute) // the bubble's clock
				}
				b.Context = nil
				tr := b.Run(t, steps[1])
				require.NoError(t, tr.Err)
				require.Equal(t, 50*time.Minute, time.Since(start))
			})
		})
	}
}

func TestAWaitThatIsOverEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := wait.Steps("night", &wait.Clock{At: "10:00"})
		b := actiontest.Bench{Log: t.TempDir(), Before: steps[:1]}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		b.Context = ctx
		require.Error(t, b.Run(t, steps[1]).Err)
		time.Sleep(12 * time.Hour) // the bubble's clock; it is after 10
		b.Context = nil
		long, tr := took(t, b, steps[1])
		require.NoError(t, tr.Err)
		require.Zero(t, long)
	})
}

func TestUntilAsksUntilItHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		do := wait.Until(time.Hour, deploy.Check("replica caught up", "1", func(context.Context) error {
			if asked++; asked < 100 {
				return errors.New("90 s behind")
			}
			return nil
		}))
		long, tr := took(t, actiontest.Bench{}, deploy.Step{Name: "s", InFlight: deploy.Repeat, Do: do})
		require.NoError(t, tr.Err)
		require.Equal(t, 99*time.Second, long)

		do = wait.Until(time.Minute, deploy.Check("replica caught up", "1", func(context.Context) error { return errors.New("90 s behind") }))
		long, tr = took(t, actiontest.Bench{ID: "r2"}, deploy.Step{Name: "s", InFlight: deploy.Repeat, Do: do})
		require.ErrorContains(t, tr.Err, "90 s behind")
		require.InDelta(t, time.Minute, long, float64(2*time.Second))
	})
}

func TestValidate(t *testing.T) {
	require.ErrorContains(t, (&wait.For{}).Validate(), "field Duration")
	require.ErrorContains(t, (&wait.Mark{}).Validate(), "field Output")
	for _, at := range []string{"", "24:00", "7:30", "22:60", "22:30:00"} {
		require.ErrorContains(t, (&wait.Clock{At: at}).Validate(), "field At", at)
	}
	require.ErrorContains(t, (&wait.Clock{At: "22:30", TimeZone: "Mars/Base"}).Validate(), "field TimeZone")
	require.ErrorContains(t, (&wait.Clock{At: "22:30", TimeZone: "Local"}).Validate(), "field TimeZone")
	require.NoError(t, (&wait.Clock{At: "22:30", TimeZone: "Asia/Riyadh"}).Validate())
}
