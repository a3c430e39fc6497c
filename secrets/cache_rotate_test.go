package secrets_test

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

func exitGoroutine() { runtime.Goexit() }

func TestRefreshAsksOnceForManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "old", took: time.Millisecond}
		c := newCache(t, s, secrets.CacheOptions{})
		requireFinds(t, c, "a", "old")
		s.set("new", nil)
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 50 * time.Microsecond) // during the look and after it
				v, err := c.Refresh(t.Context(), "a", secrets.New("old"))
				require.NoError(t, err)
				require.Equal(t, "new", v.Reveal())
			})
		}
		all.Wait()
		require.Equal(t, 2, s.asked())
		requireFinds(t, c, "a", "new")
		require.Equal(t, 2, s.asked())
	})
}

func TestRefreshOfAValueThatIsStillTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, failure := range []error{nil, errDown} {
			s := &vault{text: "old", took: time.Millisecond}
			c := newCache(t, s, secrets.CacheOptions{})
			requireFinds(t, c, "a", "old")
			s.set("old", failure)
			refused := secrets.ErrUnchanged
			if failure != nil {
				refused = failure
			}
			refresh := func() {
				v, err := c.Refresh(t.Context(), "a", secrets.New("old"))
				require.ErrorIs(t, err, refused)
				require.True(t, v.IsZero(), "no value beside the error")
				var e *secrets.SourceError
				require.ErrorAs(t, err, &e)
				require.Equal(t, "a", e.Name)
			}
			var all sync.WaitGroup
			for i := range 100 {
				all.Go(func() {
					time.Sleep(time.Duration(i) * 50 * time.Microsecond)
					refresh()
				})
			}
			all.Wait()
			refresh()
			require.Equal(t, 2, s.asked())
			requireFinds(t, c, "a", "old")
			require.Equal(t, 2, s.asked(), "it stays in the cache for others")
			advance(5 * time.Second)
			refresh()
			require.Equal(t, 3, s.asked(), "it is asked again after 5 seconds")

			s.set("new", nil)
			advance(5 * time.Second)
			v, err := c.Refresh(t.Context(), "a", secrets.New("old"))
			require.NoError(t, err)
			require.Equal(t, "new", v.Reveal())
			// What was said of the old value holds for it only.
			s.set("newer", nil)
			v, err = c.Refresh(t.Context(), "a", secrets.New("new"))
			require.NoError(t, err)
			require.Equal(t, "newer", v.Reveal())
		}
	})
}

// A look that began before a value was rejected may give the value as it was

// before the change.

func TestRefreshWantsALookOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "old", took: time.Second}
		c := newCache(t, s, secrets.CacheOptions{})
		requireFinds(t, c, "a", "old")
		advance(time.Hour)
		var all sync.WaitGroup
		all.Go(func() { requireFinds(t, c, "a", "old") })
		synctest.Wait() // the look is under way and will give the old value
		s.set("new", nil)
		for range 10 {
			all.Go(func() {
				v, err := c.Refresh(t.Context(), "a", secrets.New("old"))
				require.NoError(t, err)
				require.Equal(t, "new", v.Reveal())
			})
		}
		all.Wait()
		require.Equal(t, 3, s.asked())
	})
}

func TestRefreshWithoutAValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "secret"}
		c := newCache(t, s, secrets.CacheOptions{})
		v, err := c.Refresh(t.Context(), "a", secrets.New("of another cache"))
		require.NoError(t, err)
		require.Equal(t, "secret", v.Reveal())
		s.set("", nil)
		_, err = c.Refresh(t.Context(), "a", secrets.New("secret"))
		require.ErrorIs(t, err, fs.ErrNotExist)
		requireFails(t, c, "a", true)
		s.set("secret", nil)
		_, err = c.Refresh(t.Context(), "a", secrets.New("secret"))
		require.ErrorIs(t, err, secrets.ErrUnchanged)
		_, err = c.Refresh(t.Context(), "", secrets.New("secret"))
		require.Error(t, err)
		left := errors.New("left")
		ctx, leave := context.WithCancelCause(t.Context())
		leave(left)
		_, err = c.Refresh(ctx, "a", secrets.New("secret"))
		require.ErrorIs(t, err, left)
		require.NoError(t, c.Close())
	})
}

// Many that join a look which began before they came share the next, also

// where there is no value and so nothing is remembered.

func TestRefreshSharesTheNextLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{err: errDown, took: time.Second}
		c := newCache(t, s, secrets.CacheOptions{})
		var all sync.WaitGroup
		all.Go(func() { requireFails(t, c, "a", false) })
		synctest.Wait()
		for range 10 {
			all.Go(func() {
				_, err := c.Refresh(t.Context(), "a", secrets.New("old"))
				require.ErrorIs(t, err, errDown)
			})
		}
		all.Wait()
		require.Equal(t, 2, s.asked())
		require.Zero(t, c.Entries())
	})
}

// What was said of one rejected value is said of no other.

func TestRefreshRemembersWhatWasRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "old"}
		c := newCache(t, s, secrets.CacheOptions{TTL: time.Second})
		requireFinds(t, c, "a", "old")
		_, err := c.Refresh(t.Context(), "a", secrets.New("old"))
		require.ErrorIs(t, err, secrets.ErrUnchanged)
		advance(time.Second)
		v, err := c.Refresh(t.Context(), "a", secrets.New("other"))
		require.NoError(t, err)
		require.Equal(t, "old", v.Reveal())
		require.NoError(t, c.Close())
	})
}

// A look that did give another value is no refusal, also once that is due again.

func TestRefreshThatFoundAnotherValueRefusesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "old"}
		c := newCache(t, s, secrets.CacheOptions{TTL: time.Second})
		requireFinds(t, c, "a", "old")
		s.set("new", nil)
		for range 2 {
			v, err := c.Refresh(t.Context(), "a", secrets.New("old"))
			require.NoError(t, err)
			require.Equal(t, "new", v.Reveal())
			advance(time.Second)
		}
	})
}

// That a value was rejected in vain is forgotten when the secret is deleted.

func TestRefreshOfADeletedSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "old"}
		c := newCache(t, s, secrets.CacheOptions{TTL: time.Second})
		w := watch(t.Context(), c, nil) // so that the cache remembers the name
		synctest.Wait()
		_, err := c.Refresh(t.Context(), "a", secrets.New("old"))
		require.ErrorIs(t, err, secrets.ErrUnchanged)
		s.set("", nil)
		advance(time.Second)
		require.Equal(t, "[old missing]", w.String())
		s.set("new", nil)
		v, err := c.Refresh(t.Context(), "a", secrets.New("old"))
		require.NoError(t, err)
		require.Equal(t, "new", v.Reveal())
		require.NoError(t, c.Close())
		<-w.done
	})
}

// One that leaves while the look is under way takes nobody along.

func TestRefreshOfOneThatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "old", took: time.Second}
		c := newCache(t, s, secrets.CacheOptions{})
		requireFinds(t, c, "a", "old")
		s.set("new", nil)
		left := errors.New("left")
		ctx, leave := context.WithCancelCause(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_, err := c.Refresh(ctx, "a", secrets.New("old"))
			require.ErrorIs(t, err, left)
		})
		synctest.Wait()
		all.Go(func() {
			v, err := c.Refresh(t.Context(), "a", secrets.New("old"))
			require.NoError(t, err)
			require.Equal(t, "new", v.Reveal())
		})
		synctest.Wait()
		leave(left)
		all.Wait()
		require.Equal(t, 2, s.asked())
	})
}

// Of a secret that was deleted nothing is accepted any more, though somebody

// still watches it.

// A file that was emptied before it was written again is no key with which

// anybody could sign; nor is the Pair that comes beside an error.

// The largest durations are what they say, and no overflow.
