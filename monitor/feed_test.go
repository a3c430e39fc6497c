package monitor

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func statsOf(m *Monitor, name string) FeedStats {
	for _, s := range m.Feeds() {
		if s.Name == name {
			return s
		}
	}
	return FeedStats{}
}

func TestASinkThatHangsHarmsOnlyItself(t *testing.T) {
	var hang gate
	calls := atomic.Int32{}
	sink := SinkFunc(func(context.Context, []Transition) error {
		calls.Add(1)
		hang.wait()
		return nil
	})
	k := passing()
	opts := Options{Feeds: []Feed{{Name: "hung", Sink: sink, Queue: 100, Runs: true}}}
	inBubble(t, opts, []Definition{definition("db", k)}, func(m *Monitor, r *recorder, stop func() error) {
		idle := goroutines()
		advance(2 * time.Hour)
		for i := 2; i < len(k.starts); i++ {
			require.Equal(t, 10*time.Second, k.starts[i].Sub(k.starts[i-1]), "the sink slowed run %d", i)
		}
		require.LessOrEqual(t, goroutines(), idle+1)
		require.Equal(t, int32(1), calls.Load(), "it is not called again before it returned")
		s := statsOf(m, "hung")
		require.True(t, s.Hung)
		require.Equal(t, 100, s.Queued)
		require.Equal(t, k.started()+1, s.Queued+s.Sending+int(s.Dropped), "all is accounted for")
		require.NotEmpty(t, r.take(), "the other sink got it")

		at := time.Now()
		err := stop()
		require.Equal(t, 5*time.Second, time.Since(at))
		require.ErrorContains(t, err, fmt.Sprintf(`feed "hung" lost %d transitions`, s.Queued+s.Sending))
		require.Zero(t, statsOf(m, "hung").Queued)
		require.Zero(t, statsOf(m, "recorder").Dropped)
		hang.release()
	})
}

func TestASinkThatFailsGetsTheSameAgain(t *testing.T) {
	var r recorder
	failures := 3
	sink := SinkFunc(func(ctx context.Context, ts []Transition) error {
		if failures--; failures >= 0 {
			switch failures {
			case 2:
				panic("no route")
			case 1:
				<-ctx.Done()
				return context.Cause(ctx)
			}
			return errors.New("503")
		}
		return r.Send(ctx, ts)
	})
	inBubble(t, Options{Feeds: []Feed{{Name: "alerts", Sink: sink}}}, []Definition{definition("db", passing())}, func(m *Monitor, _ *recorder, _ func() error) {
		advance(10 * time.Second)
		require.Empty(t, r.take())
		require.Equal(t, 1, statsOf(m, "alerts").Sending)
		advance(30 * time.Second)
		require.Equal(t, []string{"db status_changed unknown>pass"}, r.kinds())
		s := statsOf(m, "alerts")
		require.Equal(t, FeedStats{Name: "alerts", Sent: 1, Failed: 3}, s)
	})
}

func TestASinkThatAlwaysFailsDropsVisibly(t *testing.T) {
	exits := atomic.Int32{}
	opts := Options{Feeds: []Feed{
		{Name: "down", Sink: SinkFunc(func(context.Context, []Transition) error { return errors.New("503") }), Attempts: 2},
		{Name: "exits", Sink: SinkFunc(func(context.Context, []Transition) error { exits.Add(1); runtime.Goexit(); return nil })},
	}}
	inBubble(t, opts, []Definition{definition("db", passing()), definition("web", passing())}, func(m *Monitor, _ *recorder, _ func() error) {
		advance(time.Minute)
		require.Equal(t, FeedStats{Name: "down", Failed: 4, Dropped: 2, LastError: "503"}, statsOf(m, "down"))
		s := statsOf(m, "exits")
		require.Equal(t, uint64(2), s.Dropped)
		require.Equal(t, int32(2), exits.Load())
	})
}

func TestTheOldestIsDroppedAndTheOrderKept(t *testing.T) {
	var hang gate
	var r recorder
	sink := SinkFunc(func(ctx context.Context, ts []Transition) error { hang.wait(); return r.Send(ctx, ts) })
	inBubble(t, Options{Feeds: []Feed{{Name: "slow", Sink: sink, Queue: 10}}}, nil, func(m *Monitor, _ *recorder, _ func() error) {
		for i := range 100 {
			require.NoError(t, m.Add(definition(fmt.Sprintf("c%d", i), passing())))
			synctest.Wait()
		}
		hang.release()
		var seqs []uint64
		for _, tr := range r.take() {
			seqs = append(seqs, tr.Seq)
		}
		require.Equal(t, []uint64{1, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100}, seqs)
		require.Equal(t, uint64(89), statsOf(m, "slow").Dropped)
	})
}

// Also one that loses it while the end waits for another.
func TestTheEndTellsOfEachFeedThatLost(t *testing.T) {
	fails := func(takes time.Duration) Sink {
		return SinkFunc(func(context.Context, []Transition) error {
			<-time.After(takes)
			return errDown
		})
	}
	opts := Options{Feeds: []Feed{{Name: "slow", Sink: fails(time.Second)}, {Name: "quick", Sink: fails(0)}}}
	inBubble(t, opts, []Definition{definition("db", passing())}, func(_ *Monitor, _ *recorder, stop func() error) {
		advance(10 * time.Second)
		err := stop()
		require.ErrorContains(t, err, `feed "slow" lost 1 transitions`)
		require.ErrorContains(t, err, `feed "quick" lost 1 transitions`)
	})
}

func TestTheEndFlushes(t *testing.T) {
	var r recorder
	sink := SinkFunc(func(ctx context.Context, ts []Transition) error {
		time.Sleep(time.Second)
		return r.Send(ctx, ts)
	})
	inBubble(t, Options{Grace: time.Minute, Feeds: []Feed{{Name: "slow", Sink: sink}}}, nil, func(m *Monitor, _ *recorder, stop func() error) {
		for i := range 200 {
			require.NoError(t, m.Add(definition(fmt.Sprintf("c%d", i), passing())))
		}
		require.NoError(t, stop())
		require.Len(t, r.take(), 200)
		require.NoError(t, m.Add(definition("late", passing())))
		require.Equal(t, uint64(1), statsOf(m, "slow").Dropped, "what comes after the end is counted")
	})
}

func TestRunsGoToThoseWhoAsk(t *testing.T) {
	var r recorder
	k := passing()
	k.do = func(context.Context) { time.Sleep(time.Second) }
	inBubble(t, Options{Feeds: []Feed{{Name: "metrics", Sink: &r, Runs: true}}}, []Definition{definition("db", k)}, func(_ *Monitor, other *recorder, _ func() error) {
		advance(time.Minute)
		runs := 0
		for _, tr := range r.take() {
			if tr.Kind == RunFinished {
				runs++
				require.Equal(t, Run{Started: tr.Time.Add(-time.Second), Duration: time.Second}, tr.Run)
				require.Zero(t, tr.Seq)
			}
		}
		require.GreaterOrEqual(t, runs, 6)
		require.Equal(t, []string{"db status_changed unknown>pass"}, other.kinds())
	})
}
