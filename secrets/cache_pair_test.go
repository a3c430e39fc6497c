package secrets_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

func TestPairDuringARotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "one"}
		c := newCache(t, s, secrets.CacheOptions{TTL: time.Minute, Overlap: 10 * time.Minute})
		is := func(current, previous string) {
			t.Helper()
			p, err := c.Pair(t.Context(), "a")
			require.NoError(t, err)
			require.Equal(t, current, p.Current.Reveal())
			earlier, ok := p.Previous()
			require.Equal(t, previous != "", ok)
			if ok {
				require.Equal(t, previous, earlier.Reveal())
			}
			accepts := func(text string) bool {
				return p.Verify(func(v secrets.Value) bool { return v.Equal(secrets.New(text)) })
			}
			require.True(t, accepts(current))
			require.Equal(t, previous != "", accepts(previous), "the empty secret is none")
			require.False(t, accepts("another"))
		}
		is("one", "")
		s.set("two", nil)
		advance(time.Minute)
		is("two", "one")
		s.set("", errDown)
		advance(10*time.Minute - 1)
		is("two", "one")
		advance(1)
		is("two", "")
		s.set("three", nil)
		advance(time.Minute)
		is("three", "two")
		s.set("two", nil)
		advance(time.Minute)
		is("two", "three")
		s.set("", nil)
		advance(time.Minute)
		requireFails(t, c, "a", true)
		s.set("four", nil)
		is("four", "") // what was deleted is accepted no more
		require.NoError(t, c.Close())
	})
}

func TestPairOfADeletedSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "one"}
		c := newCache(t, s, secrets.CacheOptions{TTL: time.Minute, Overlap: time.Hour})
		w := watch(t.Context(), c, nil)
		synctest.Wait()
		for _, text := range []string{"two", "", "two"} {
			s.set(text, nil)
			advance(time.Minute)
		}
		require.Equal(t, "[one two missing two]", w.String())
		p, err := c.Pair(t.Context(), "a")
		require.NoError(t, err)
		_, ok := p.Previous()
		require.False(t, ok)
		require.NoError(t, c.Close())
	})
}

func TestPairWithoutOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "one"}
		c := newCache(t, s, secrets.CacheOptions{TTL: time.Minute, Overlap: -1})
		requireFinds(t, c, "a", "one")
		s.set("two", nil)
		advance(time.Minute)
		p, err := c.Pair(t.Context(), "a")
		require.NoError(t, err)
		_, ok := p.Previous()
		require.False(t, ok)
		_, ok = secrets.Pair{}.Previous()
		require.False(t, ok)
	})
}

func TestPairVerifiesNothingByAnEmptySecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &vault{text: "one"}
		from := secrets.SourceFunc(func(ctx context.Context, name string) (secrets.Value, error) {
			v, err := s.Lookup(ctx, name)
			return secrets.New(strings.TrimPrefix(v.Reveal(), "one")), err
		})
		c := newCache(t, from, secrets.CacheOptions{TTL: time.Minute, Overlap: 10 * time.Minute})
		accepts := func() (texts []string) {
			p, _ := c.Pair(t.Context(), "a")
			require.False(t, p.Verify(func(v secrets.Value) bool {
				texts = append(texts, v.Reveal())
				return false
			}))
			return texts
		}
		require.Empty(t, accepts(), "it is empty")
		for _, step := range []struct {
			text string
			want []string
		}{
			{"two", []string{"two"}},
			{"one", []string{"two"}}, // empty again
			{"three", []string{"three", "two"}},
			{"", nil}, // gone
		} {
			s.set(step.text, nil)
			advance(time.Minute)
			require.Equal(t, step.want, accepts(), step.text)
		}
	})
}

func TestPairOfACacheThatKeepsForEver(t *testing.T) {
	s := &vault{text: "one"}
	c := newCache(t, s, secrets.CacheOptions{TTL: math.MaxInt64, MaxAge: math.MaxInt64})
	requireFinds(t, c, "a", "one")
	s.set("two", nil)
	_, err := c.Refresh(t.Context(), "a", secrets.New("one"))
	require.NoError(t, err)
	p, err := c.Pair(t.Context(), "a")
	require.NoError(t, err)
	v, ok := p.Previous()
	require.True(t, ok)
	require.Equal(t, "one", v.Reveal())
	require.Equal(t, 2, s.asked())
}
