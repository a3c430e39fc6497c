package secrets_test

import (
	"context"
	"fmt"
	"io/fs"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

func TestCacheGoesOnWhenAllLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "secret", took: time.Second}
		c := newCache(t, s, secrets.CacheOptions{})
		ctx, end := context.WithTimeout(t.Context(), time.Millisecond)
		defer end()
		_, err := c.Lookup(ctx, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		advance(time.Second)
		requireFinds(t, c, "a", "secret")
		require.Equal(t, 1, s.asked())
	})
}

func TestCacheDoesNotWaitForASourceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, hangs := range []bool{false, true} {
			s := &vault{text: "secret", release: make(chan struct{})}
			failures := map[string]int{}
			c := newCache(t, s, secrets.CacheOptions{TTL: time.Minute, Timeout: 10 * time.Second, OnEvent: func(e secrets.CacheEvent) {
				if e.Kind == secrets.CacheFailed {
					failures[e.Name]++
				}
			}})
			requireFinds(t, c, "a", "secret")
			advance(time.Minute)
			s.mu.Lock()
			s.hangs, s.took = hangs, time.Hour
			s.mu.Unlock()
			begin := time.Now()
			requireFinds(t, c, "a", "secret")
			require.Equal(t, 10*time.Second, time.Since(begin))
			requireFinds(t, c, "a", "secret")
			require.Equal(t, 10*time.Second, time.Since(begin), "the value stands in at once")
			err := requireFails(t, c, "b", false)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "no answer in time, 10s")
			if hangs {
				for range 10 {
					requireFails(t, c, "b", false)
				}
				synctest.Wait()
				require.Equal(t, 1, failures["b"], "one look fails once")
				for range 10 {
					advance(time.Minute)
					requireFinds(t, c, "a", "secret")
				}
				require.Equal(t, 3, s.asked(), "no second look while the first hangs")
			}
			close(s.release)
			require.NoError(t, c.Close())
		}
	})
}

func TestCacheDropsWhatWasNotAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "secret"}
		c := newCache(t, s, secrets.CacheOptions{Size: 2})
		requireFinds(t, c, "a", "secret")
		requireFinds(t, c, "b", "secret")
		requireFinds(t, c, "a", "secret")
		requireFinds(t, c, "c", "secret") // drops b
		require.Equal(t, 3, s.asked())
		requireFinds(t, c, "a", "secret")
		requireFinds(t, c, "c", "secret")
		require.Equal(t, 3, s.asked())
		s.set("", nil)
		for i := range 100 {
			requireFails(t, c, fmt.Sprint("guess", i), true)
		}
		s.set("secret", nil)
		requireFinds(t, c, "a", "secret")
		requireFinds(t, c, "c", "secret")
		require.Equal(t, 103, s.asked(), "names that are not there take no room")
		requireFinds(t, c, "b", "secret")
		require.Equal(t, 104, s.asked())
		require.NoError(t, c.Close())
	})
}

func TestCacheDropsNothingThatIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := map[string]int{}
		c := newCache(t, secrets.SourceFunc(func(_ context.Context, name string) (secrets.Value, error) {
			asked[name]++
			time.Sleep(map[string]time.Duration{"slow": time.Minute}[name])
			return secrets.New(name), nil
		}), secrets.CacheOptions{Size: 1, TTL: time.Hour, Timeout: -1})
		requireFinds(t, c, "slow", "slow")
		advance(time.Hour)
		var all sync.WaitGroup
		for _, name := range []string{"slow", "b", "slow"} {
			all.Go(func() { requireFinds(t, c, name, name) })
			synctest.Wait()
		}
		all.Wait()
		require.Equal(t, map[string]int{"slow": 2, "b": 1}, asked)
		require.NoError(t, c.Close())
	})
}

func TestCacheCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "secret"}
		c := newCache(t, s, secrets.CacheOptions{})
		requireFinds(t, c, "old", "secret")
		advance(time.Hour)
		requireFinds(t, c, "a", "secret")
		s.took = time.Hour
		var all sync.WaitGroup
		all.Go(func() { require.ErrorIs(t, requireFails(t, c, "old", false), fs.ErrClosed) })
		all.Go(func() { require.ErrorIs(t, requireFails(t, c, "b", false), fs.ErrClosed) })
		all.Go(func() {
			_, err := c.Refresh(t.Context(), "a", secrets.New("secret"))
			require.ErrorIs(t, err, fs.ErrClosed)
		})
		var last error
		all.Go(func() {
			for _, err := range c.Watch(t.Context(), "a") {
				last = err
			}
		})
		synctest.Wait()
		begin := time.Now()
		require.NoError(t, c.Close())
		all.Wait()
		require.Equal(t, begin, time.Now())
		require.ErrorIs(t, last, fs.ErrClosed)

		asked := s.asked()
		require.NoError(t, c.Close())
		require.ErrorIs(t, requireFails(t, c, "a", false), fs.ErrClosed)
		_, err := c.Refresh(t.Context(), "a", secrets.Value{})
		require.ErrorIs(t, err, fs.ErrClosed)
		for _, err := range c.Watch(t.Context(), "a") {
			require.ErrorIs(t, err, fs.ErrClosed)
		}
		require.Equal(t, asked, s.asked())
	})
}

func TestCacheSurvivesASourceThatEndsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, secrets.SourceFunc(func(context.Context, string) (secrets.Value, error) {
			exitGoroutine()
			return secrets.Value{}, nil
		}), secrets.CacheOptions{})
		require.ErrorContains(t, requireFails(t, c, "a", false), "ended the goroutine")
		require.NoError(t, c.Close())
	})
}

func TestCacheHidesItsValues(t *testing.T) {
	c := newCache(t, secrets.Static(knownSecrets()), secrets.CacheOptions{})
	p, err := c.Pair(t.Context(), "PASSWORD")
	require.NoError(t, err)
	for _, format := range []string{"%v", "%+v", "%#v", "%x"} {
		require.NotContains(t, fmt.Sprintf(format, p), "canary")
	}
}
