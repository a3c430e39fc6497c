package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

// seen is what a watch gave: values, "missing" and "failed".
type seen struct {
	mu     sync.Mutex
	states []string
	hold   chan struct{} // each state takes one, if not nil
	last   error
	done   chan struct{}
}

func (s *seen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(s.states)
}

func watch(ctx context.Context, c *secrets.Cache, hold chan struct{}) *seen {
	s := &seen{hold: hold, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for v, err := range c.Watch(ctx, "a") {
			state := v.Reveal()
			switch {
			case errors.Is(err, fs.ErrNotExist):
				state = "missing"
			case err != nil:
				state = "failed"
			}
			s.mu.Lock()
			s.states, s.last = append(s.states, state), err
			s.mu.Unlock()
			if hold != nil {
				<-hold
			}
		}
	}()
	return s
}

func TestWatchShowsEachState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{}
		c := newCache(t, s, secrets.CacheOptions{TTL: time.Minute, MaxAge: time.Hour})
		stop := errors.New("stop")
		ctx, end := context.WithCancelCause(t.Context())
		w := watch(ctx, c, nil)
		is := func(text string, err error, wait time.Duration, want string) {
			t.Helper()
			s.set(text, err)
			advance(wait)
			require.Equal(t, want, w.String())
		}
		is("", nil, time.Hour, "[missing]")
		is("one", nil, time.Minute, "[missing one]")
		is("one", nil, time.Hour, "[missing one]")
		is("two", nil, time.Minute, "[missing one two]")
		is("two", errDown, 58*time.Minute, "[missing one two]") // it stands in
		is("two", nil, 2*time.Minute, "[missing one two]")
		is("two", errDown, 2*time.Hour, "[missing one two failed]")
		is("two", errors.New("other"), 2*time.Hour, "[missing one two failed]")
		is("two", nil, time.Minute, "[missing one two failed two]")
		is("", nil, time.Minute, "[missing one two failed two missing]")
		is("", errDown, 2*time.Minute, "[missing one two failed two missing failed]")
		end(stop)
		<-w.done
		require.ErrorIs(t, w.last, stop)
		require.NoError(t, c.Close())
	})
}

// A value that is too old is no more the state, to the nanosecond, though it
// is not time to ask again.
func TestWatchEndsAValueThatIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "one"}
		c := newCache(t, s, secrets.CacheOptions{TTL: time.Minute, MaxAge: time.Hour})
		w := watch(t.Context(), c, nil)
		synctest.Wait()
		begin := time.Now()
		for s.asked() < 2 { // from here on it fails
			seenAt := time.Now()
			advance(time.Millisecond)
			if s.asked() == 2 {
				begin = seenAt
			}
		}
		s.set("", errDown)
		advance(time.Until(begin.Add(time.Hour)))
		require.Equal(t, "[one]", w.String())
		advance(2 * time.Millisecond)
		require.Equal(t, "[one failed]", w.String())
		require.ErrorContains(t, w.last, "1h0m0s old")
		require.NoError(t, c.Close())
		<-w.done
	})
}

// A failure while the value is still fresh, which is later than MaxAge or long
// before it, gives a watch nothing to do: if it spun, time would stand still.
func TestWatchWaitsWhileAFreshValueCannotBeHadAgain(t *testing.T) {
	for age, want := range map[time.Duration]string{-1: "[one failed]", time.Second: "[one failed]", math.MaxInt64: "[one]"} {
		synctest.Test(t, func(t *testing.T) {
			s := &vault{text: "one"}
			c := newCache(t, s, secrets.CacheOptions{TTL: time.Hour, MaxAge: age})
			w := watch(t.Context(), c, nil)
			synctest.Wait()
			s.set("", errDown)
			_, err := c.Refresh(t.Context(), "a", secrets.New("one"))
			require.ErrorIs(t, err, errDown)
			advance(30*time.Minute - 1)
			require.Equal(t, "[one]", w.String(), "MaxAge %v", age)
			advance(30 * time.Minute)
			require.Equal(t, want, w.String(), "MaxAge %v", age)
			require.NoError(t, c.Close())
			<-w.done
		})
	}
}

// A slow reader gets the state as it is when it is ready, and never misses the
// last one.
func TestWatchShowsASlowReaderTheLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "0"}
		c := newCache(t, s, secrets.CacheOptions{})
		hold := make(chan struct{})
		w := watch(t.Context(), c, hold)
		synctest.Wait()
		change := func(from, to string) {
			s.set(to, nil)
			_, err := c.Refresh(t.Context(), "a", secrets.New(from))
			require.NoError(t, err)
		}
		change("0", "1")
		change("1", "2")
		change("2", "3")
		synctest.Wait()
		require.Equal(t, "[0]", w.String())
		hold <- struct{}{}
		synctest.Wait()
		require.Equal(t, "[0 3]", w.String())
		change("3", "4")
		change("4", "3")
		hold <- struct{}{}
		synctest.Wait()
		require.Equal(t, "[0 3]", w.String(), "back again: the state is what it was")
		change("3", "5")
		synctest.Wait()
		require.Equal(t, "[0 3 5]", w.String())
		close(hold)
		require.NoError(t, c.Close())
		<-w.done
	})
}

// Whenever the changes come, what a watch showed in the end is what there is.
func TestWatchLosesNoLastChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "0"}
		c := newCache(t, s, secrets.CacheOptions{})
		watches := []*seen{}
		for range 8 {
			watches = append(watches, watch(t.Context(), c, nil))
		}
		for round := range 200 {
			var all sync.WaitGroup
			for i := range 3 {
				all.Go(func() {
					s.set(fmt.Sprint(round, ".", i), nil)
					v, err := c.Lookup(t.Context(), "a")
					require.NoError(t, err)
					_, _ = c.Refresh(t.Context(), "a", v) // others may have been faster
				})
			}
			all.Wait()
			synctest.Wait()
			v, err := c.Lookup(t.Context(), "a")
			require.NoError(t, err)
			for _, w := range watches {
				require.Equal(t, v.Reveal(), w.states[len(w.states)-1])
			}
			advance(5 * time.Second)
		}
		require.NoError(t, c.Close())
	})
}

func TestWatchesShareTheLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "one", took: time.Second}
		c := newCache(t, s, secrets.CacheOptions{TTL: time.Minute})
		ctx, end := context.WithCancel(t.Context())
		for range 20 {
			watch(ctx, c, nil)
		}
		advance(time.Hour)
		require.InDelta(t, 60/0.77, s.asked(), 15)
		s.set("", errDown)
		before := s.asked()
		advance(time.Hour)
		require.InDelta(t, 60/0.77, s.asked()-before, 15, "about each 46 s, whether or not it works")
		s.set("", nil)
		advance(2 * time.Minute)
		before = s.asked()
		advance(time.Hour)
		require.InDelta(t, 60/0.77, s.asked()-before, 15, "also while it is missing")
		end()
		advance(time.Minute)
		before = s.asked()
		advance(time.Hour)
		require.Equal(t, before, s.asked(), "nobody watches")
	})
}

// While a source hangs and ignores its context, a watch neither hangs nor
// spins.
func TestWatchOfASourceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "one", hangs: true, release: make(chan struct{})}
		failures := 0
		c := newCache(t, s, secrets.CacheOptions{Timeout: time.Second, OnEvent: func(e secrets.CacheEvent) {
			if e.Kind == secrets.CacheFailed {
				failures++
			}
		}})
		w := watch(t.Context(), c, nil)
		advance(time.Hour)
		require.Equal(t, "[failed]", w.String())
		require.Equal(t, 1, s.asked())
		require.InDelta(t, 3600/45, failures, 20)
		close(s.release)
		synctest.Wait()
		require.Equal(t, "[failed one]", w.String())
		require.NoError(t, c.Close())
	})
}

func TestWatchedSecretsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "one"}
		c := newCache(t, s, secrets.CacheOptions{Size: 1, TTL: time.Hour})
		ctx, end := context.WithCancel(t.Context())
		w := watch(ctx, c, nil)
		synctest.Wait()
		for i := range 10 {
			requireFinds(t, c, fmt.Sprint(i), "one")
		}
		requireFinds(t, c, "9", "one")
		requireFinds(t, c, "a", "one")
		require.Equal(t, 11, s.asked())
		require.Equal(t, "[one]", w.String())
		end()
		<-w.done
		requireFinds(t, c, "0", "one")
		requireFinds(t, c, "a", "one")
		require.Equal(t, 13, s.asked(), "nobody watches it any more")
		require.Equal(t, 1, c.Entries())
		require.NoError(t, c.Close())
	})
}

// A watch of a secret that is not there leaves nothing behind.
func TestWatchOfAMissingSecretIsForgotten(t *testing.T) {
	c := newCache(t, &vault{}, secrets.CacheOptions{})
	for _, err := range c.Watch(t.Context(), "a") {
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.Equal(t, 1, c.Entries())
		break
	}
	require.Zero(t, c.Entries())
}

// That the secret was missing was an answer: after it the waits begin anew.
func TestWatchAsksSoonAfterTheFirstFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{err: errDown}
		c := newCache(t, s, secrets.CacheOptions{TTL: time.Minute})
		w := watch(t.Context(), c, nil)
		advance(time.Hour)
		s.set("", nil)
		advance(time.Minute)
		require.Equal(t, "[failed missing]", w.String())
		s.set("", errDown)
		for begin := s.asked(); s.asked() == begin; {
			advance(time.Millisecond)
		}
		s.set("one", nil)
		advance(time.Second)
		require.Equal(t, "[failed missing failed one]", w.String())
		require.NoError(t, c.Close())
		<-w.done
	})
}

func TestWatchBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, &vault{text: "one"}, secrets.CacheOptions{})
		for range 2 { // also a second time
			for v, err := range c.Watch(t.Context(), "a") {
				require.NoError(t, err)
				require.Equal(t, "one", v.Reveal())
				break
			}
		}
		n := 0
		for v, err := range c.Watch(t.Context(), "") {
			require.Error(t, err)
			require.NotErrorIs(t, err, fs.ErrNotExist)
			require.True(t, v.IsZero())
			n++
		}
		require.Equal(t, 1, n)
	})
}
