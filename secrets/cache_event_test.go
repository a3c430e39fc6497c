package secrets_test

import (
	"fmt"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

func TestCacheEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []secrets.CacheEvent
		s := &vault{text: "one " + planted}
		c := newCache(t, s, secrets.CacheOptions{TTL: time.Minute, MaxAge: time.Hour, OnEvent: func(e secrets.CacheEvent) { events = append(events, e) }})
		step := func(text string, err error, wait time.Duration) secrets.CacheEvent {
			t.Helper()
			s.set(text, err)
			n := len(events)
			advance(wait)
			_, _ = c.Lookup(t.Context(), "a")
			synctest.Wait()
			require.Len(t, events, n+1)
			require.NotContains(t, fmt.Sprintf("%+v", events[n]), planted)
			return events[n]
		}
		require.Equal(t, secrets.CacheEvent{Name: "a", Kind: secrets.CacheLoaded}, step("one "+planted, nil, 0))
		require.Equal(t, secrets.CacheEvent{Name: "a", Kind: secrets.CacheChanged}, step("two "+planted, nil, time.Minute))
		require.Equal(t,
			secrets.CacheEvent{Name: "a", Kind: secrets.CacheFailed, Err: errDown, Age: time.Minute, StandsIn: true},
			step("", errDown, time.Minute))
		require.Equal(t,
			secrets.CacheEvent{Name: "a", Kind: secrets.CacheFailed, Err: errDown, Age: 2 * time.Hour},
			step("", errDown, 2*time.Hour-time.Minute))
		require.Equal(t, secrets.CacheEvent{Name: "a", Kind: secrets.CacheRecovered}, step("two "+planted, nil, time.Minute))
		advance(time.Minute)
		requireFinds(t, c, "a", "two "+planted) // is no event
		require.Equal(t,
			secrets.CacheEvent{Name: "a", Kind: secrets.CacheMissing, Err: fs.ErrNotExist, Age: time.Minute},
			step("", nil, time.Minute))
		require.Equal(t, secrets.CacheEvent{Name: "a", Kind: secrets.CacheFailed, Err: errDown}, step("", errDown, 0))

		n := len(events)
		s.set("two", nil)
		requireFinds(t, c, "a", "two")
		advance(time.Minute)
		requireFinds(t, c, "a", "two")
		synctest.Wait()
		require.Len(t, events, n+1, "the same value again is no event")
		require.NoError(t, c.Close())
	})
}

// A handler that hangs holds up nobody, and learns what it missed.
func TestCacheEventsOfASlowHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names []string
		lost := 0
		hold := make(chan struct{})
		c := newCache(t, &vault{text: "one"}, secrets.CacheOptions{OnEvent: func(e secrets.CacheEvent) {
			<-hold
			names = append(names, e.Name)
			lost += e.Lost
		}})
		for i := range 1000 {
			requireFinds(t, c, fmt.Sprint(i), "one")
			if i == 0 {
				synctest.Wait() // the handler has the first event
			}
		}
		require.Empty(t, names)
		close(hold)
		require.NoError(t, c.Close())
		require.Equal(t, 1000, len(names)+lost)
		require.Len(t, names, 257)
		require.Equal(t, []string{"0", "744"}, names[:2])
		require.Equal(t, "999", names[256])
	})
}

func TestCacheEventKind(t *testing.T) {
	for kind, want := range map[secrets.CacheEventKind]string{
		0: "CacheEventKind(0)", secrets.CacheLoaded: "loaded", secrets.CacheMissing: "missing", 6: "CacheEventKind(6)",
	} {
		require.Equal(t, want, kind.String())
	}
}
