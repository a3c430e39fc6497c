package monitor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ledger follows the alerts of the transitions, as a sink that pages people
// would.
type ledger struct {
	open            map[string]bool
	opened, refused int
}

func (l *ledger) take(t *testing.T, ts []Transition, seed uint64) {
	t.Helper()
	for _, tr := range ts {
		switch tr.Kind {
		case AlertOpened:
			require.False(t, l.open[tr.Check], "%s opened twice; seed %d", tr.Check, seed)
			l.open[tr.Check] = true
			l.opened++
		case AlertResolved:
			require.True(t, l.open[tr.Check], "%s resolved and was not open; seed %d", tr.Check, seed)
			l.open[tr.Check] = false
		case AlertWithheld:
			require.False(t, l.open[tr.Check], "%s withheld while open; seed %d", tr.Check, seed)
			l.refused++
		case CheckRemoved:
			require.False(t, l.open[tr.Check], "%s is gone and its alert open; seed %d", tr.Check, seed)
		}
	}
}

// Whatever happens, alerts open and resolve by turns, and none is left when all
// is well again.
func TestAlertsAlternateWhateverHappens(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	knobs := make([]*knob, 8)
	define := func(i int) Definition {
		d := definition(fmt.Sprint(i), knobs[i])
		d.Interval, d.Timeout = time.Second, 500*time.Millisecond
		d.FailAfter, d.RecoverAfter, d.FlapWindow = 1+i%3, 1+i%2, 30*time.Second
		if i >= 4 {
			d.DependsOn = []string{fmt.Sprint(i - 4)}
		}
		return d
	}
	var defs []Definition
	for i := range knobs {
		knobs[i] = passing()
		defs = append(defs, define(i))
	}
	inBubble(t, Options{}, defs, func(m *Monitor, r *recorder, _ func() error) {
		l := ledger{open: map[string]bool{}}
		for range 1500 {
			i := rnd.IntN(len(knobs))
			switch rnd.IntN(12) {
			case 0:
				_, err := m.Maintain(Maintenance{For: time.Duration(1+rnd.IntN(20)) * time.Second, By: "chance", Checks: []string{"0"}})
				require.NoError(t, err)
			case 1:
				knobs[i].does(func(ctx context.Context) { <-ctx.Done(); time.Sleep(3 * time.Second) })
			case 2:
				knobs[i].does(func(context.Context) { panic("chance") })
			case 3:
				if i = 4 + i%4; m.Remove(fmt.Sprint(i)) == nil {
					advance(4 * time.Second) // what hangs returns
					require.NoError(t, m.Add(define(i)))
				}
			default:
				knobs[i].does(nil)
				knobs[i].set(Pass + Status(rnd.IntN(3)))
			}
			advance(time.Duration(rnd.IntN(3000)) * time.Millisecond)
			l.take(t, r.take(), seed)
		}
		for _, k := range knobs {
			k.does(nil)
			k.set(Pass)
		}
		advance(2 * time.Minute)
		l.take(t, r.take(), seed)
		for check, open := range l.open {
			require.False(t, open, "the alert of %s is left; seed %d", check, seed)
		}
		require.Greater(t, l.opened, 50, "too dull; seed %d", seed)
		require.Greater(t, l.refused, 10, "too dull; seed %d", seed)
		for i, k := range knobs {
			require.LessOrEqual(t, k.most, 1, "check %d ran beside itself", i)
		}
	})
}
