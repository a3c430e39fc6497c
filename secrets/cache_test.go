package secrets_test

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
	"github.com/masaruk/devops/secrets/sourcetest"
)

// vault is a source that does as it is told. An empty text means that it has

// no such secret.

type vault struct {
	mu      sync.Mutex
	text    string
	err     error
	calls   int
	took    time.Duration // how long it takes
	hangs   bool          // and never ends by its context
	release chan struct{} // ends what hangs
	ctx     context.Context
}

func (s *vault) Lookup(ctx context.Context, _ string) (secrets.Value, error) {
	s.mu.Lock()
	s.calls++
	s.ctx = ctx
	text, err, took, hangs := s.text, s.err, s.took, s.hangs
	s.mu.Unlock()
	if hangs {
		<-s.release
	}
	if took > 0 {
		select {
		case <-time.After(took):
		case <-ctx.Done():
			return secrets.Value{}, context.Cause(ctx)
		}
	}
	switch {
	case err != nil:
		return secrets.New(planted), err // the value beside an error is nobody's
	case text == "":
		return secrets.Value{}, fs.ErrNotExist
	}
	return secrets.New(text), nil
}

func (s *vault) set(text string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.err = text, err
}

func (s *vault) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

var errDown = errors.New("the vault is down")

func newCache(t *testing.T, from secrets.Source, opts secrets.CacheOptions) *secrets.Cache {
	t.Helper()
	c, err := secrets.NewCache(from, &opts)
	require.NoError(t, err)
	return c
}

// advance lets the time of the bubble pass, and all that happens by then.

func advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestCacheKeepsTheContract(t *testing.T) {
	sourcetest.Run(t, knownSecrets(), func() (secrets.Source, error) {
		return secrets.NewCache(secrets.Static(knownSecrets()), nil)
	})
}

func TestCacheRefuses(t *testing.T) {
	_, err := secrets.NewCache(nil, nil)
	require.Error(t, err)
	for _, ttl := range []time.Duration{-1, 1, time.Second - 1} {
		_, err = secrets.NewCache(secrets.Static(nil), &secrets.CacheOptions{TTL: ttl})
		require.ErrorContains(t, err, "TTL")
	}
	_, err = secrets.NewCache(secrets.Static(nil), &secrets.CacheOptions{Size: -1})
	require.ErrorContains(t, err, "Size")
}

// Fresh times are spread evenly over the second half of the TTL.

func TestCacheAsksAgainAfterASpreadTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, ttl = 400, 100 * time.Second
		var mu sync.Mutex
		asked := map[string]int{}
		c := newCache(t, secrets.SourceFunc(func(_ context.Context, name string) (secrets.Value, error) {
			mu.Lock()
			defer mu.Unlock()
			asked[name]++
			return secrets.New("v"), nil
		}), secrets.CacheOptions{TTL: ttl})
		again := func() (n int) {
			for i := range 400 {
				_, err := c.Lookup(t.Context(), strconv.Itoa(i))
				require.NoError(t, err)
				n += asked[strconv.Itoa(i)] - 1
			}
			return n
		}
		require.Zero(t, again())
		advance(ttl/2 - 1)
		require.Zero(t, again(), "nothing before half of the TTL")
		advance(ttl / 4)
		quarter := again()
		require.InDelta(t, n/2, quarter, 70, "half of them in the next quarter")
		advance(ttl/4 + 1)
		require.GreaterOrEqual(t, again(), n, "all of them by the TTL")
		require.NoError(t, c.Close())
	})
}

func TestCacheAsksOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "secret", took: time.Second}
		c := newCache(t, s, secrets.CacheOptions{})
		left := errors.New("left")
		type key struct{}
		first, leave := context.WithCancelCause(context.WithValue(t.Context(), key{}, "trace"))
		var errFirst error
		var all sync.WaitGroup
		all.Go(func() { _, errFirst = c.Lookup(first, "a") })
		synctest.Wait()
		for range 50 {
			all.Go(func() {
				v, err := c.Lookup(t.Context(), "a")
				require.NoError(t, err)
				require.Equal(t, "secret", v.Reveal())
			})
		}
		synctest.Wait()
		leave(left)
		all.Wait()
		require.ErrorIs(t, errFirst, left)
		require.Equal(t, 1, s.asked())
		require.Equal(t, "trace", s.ctx.Value(key{}))
	})
}

// A look that everybody left goes on, and is of use to the next.

func TestCacheGivesTheLastGoodValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "secret"}
		c := newCache(t, s, secrets.CacheOptions{TTL: time.Minute, MaxAge: time.Hour})
		requireFinds(t, c, "a", "secret")
		s.set("", errDown)
		advance(time.Minute)
		for range 10 {
			requireFinds(t, c, "a", "secret")
		}
		require.Equal(t, 2, s.asked(), "the source is left alone for a while")
		advance(time.Second)
		requireFinds(t, c, "a", "secret")
		require.Equal(t, 3, s.asked(), "one second later it is asked again")
		advance(time.Second - time.Millisecond)
		requireFinds(t, c, "a", "secret")
		require.Equal(t, 3, s.asked(), "and then no sooner than after one more")

		before := s.asked()
		for range 55 * 60 {
			advance(time.Second)
			requireFinds(t, c, "a", "secret")
		}
		require.InDelta(t, 55*60/45, s.asked()-before, 15, "about each 45 s in the end")

		advance(5 * time.Minute)
		err := requireFails(t, c, "a", false)
		require.ErrorIs(t, err, errDown)
		require.ErrorContains(t, err, "the last good value is 1h1m")
		require.ErrorContains(t, err, "1h0m0s allowed")
		s.set("new", nil)
		requireFinds(t, c, "a", "new")

		s.set("", errDown)
		advance(time.Minute)
		requireFinds(t, c, "a", "new")
		before = s.asked()
		advance(time.Second)
		requireFinds(t, c, "a", "new")
		require.Equal(t, before+1, s.asked(), "the waits begin anew")
		require.NoError(t, c.Close())
	})
}

func TestCacheMaxAgeIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "secret"}
		c := newCache(t, s, secrets.CacheOptions{TTL: time.Minute, MaxAge: time.Hour})
		requireFinds(t, c, "a", "secret")
		s.set("", errDown)
		advance(time.Hour)
		requireFinds(t, c, "a", "secret")
		advance(1)
		requireFails(t, c, "a", false)

		c = newCache(t, s, secrets.CacheOptions{TTL: time.Minute, MaxAge: -1})
		s.set("secret", nil)
		requireFinds(t, c, "a", "secret")
		s.set("", errDown)
		requireFinds(t, c, "a", "secret")
		advance(time.Minute)
		require.ErrorIs(t, requireFails(t, c, "a", false), errDown)
	})
}

func TestCacheKeepsNoErrorAndNoAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{err: errDown}
		c := newCache(t, s, secrets.CacheOptions{TTL: time.Minute})
		require.ErrorIs(t, requireFails(t, c, "a", false), errDown)
		s.set("", nil)
		requireFails(t, c, "a", true)
		s.set("", errDown)
		require.ErrorIs(t, requireFails(t, c, "a", false), errDown)
		require.Zero(t, c.Entries())
		s.set("secret", nil)
		requireFinds(t, c, "a", "secret")

		// That it is gone is an answer: the value stands in for nothing more.
		advance(time.Minute)
		s.set("", nil)
		requireFails(t, c, "a", true)
		s.set("", errDown)
		require.ErrorIs(t, requireFails(t, c, "a", false), errDown)
		require.Equal(t, 6, s.asked())
	})
}

// There is one look for a secret at a time, also where others need its room.

// A source that ends its goroutine, as a failed test does, leaves nobody

// waiting.
