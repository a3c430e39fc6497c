package s3log_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/s3log"
)

// fill appends records first to last.
func fill(t *testing.T, l deploy.Log, first, last int) {
	t.Helper()
	for n := first; n <= last; n++ {
		require.NoError(t, l.Append(t.Context(), "a", uint64(n), rec(n)))
	}
}

// texts are records first to last as Read gives them.
func texts(first, last int) (list []string) {
	for n := first; n <= last; n++ {
		list = append(list, string(rec(n)))
	}
	return list
}

// A controller that slept until its number was pruned does not get it, though
// it asks nobody what is there.
func TestAWriterThatSleptUntilItsNumberWasPruned(t *testing.T) {
	s := server(t, false)
	sleeper, l := newLog(t, client(s)), newLog(t, client(s))
	fill(t, sleeper, 1, 4)
	fill(t, l, 5, 10)
	require.NoError(t, l.Prune(t.Context(), "a", 9))
	require.ErrorIs(t, sleeper.Append(t.Context(), "a", 5, rec(0)), deploy.ErrConflict)
	require.ErrorIs(t, newLog(t, client(s)).Append(t.Context(), "a", 1, rec(0)), deploy.ErrConflict)
	got, err := read(sleeper, "a", 1)
	require.NoError(t, err)
	require.Equal(t, texts(9, 10), got)
}

// cut fails every PUT of an empty object but the first so many.
type cut struct {
	next http.RoundTripper
	left atomic.Int64
}

var errCut = errors.New("the network went")

func (c *cut) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut && r.ContentLength <= 0 && c.left.Add(-1) < 0 {
		return nil, errCut
	}
	return c.next.RoundTrip(r)
}

// A Prune that broke off shows nothing of what it was to remove, and the next
// one, of whatever number, completes it.
func TestAPruneThatBreaksOff(t *testing.T) {
	s := server(t, false)
	for left := range 12 {
		prefix := fmt.Sprint("run-", left, "/")
		open := func(change ...func(*s3.Options)) *s3log.Log {
			l, err := s3log.New(client(s, change...), "ops", &s3log.Options{Prefix: prefix})
			require.NoError(t, err)
			return l
		}
		l := open()
		fill(t, l, 1, 14)
		c := &cut{next: s.Client().Transport}
		c.left.Store(int64(left))
		broken := open(func(o *s3.Options) { o.HTTPClient, o.RetryMaxAttempts = &http.Client{Transport: c}, 1 })
		require.ErrorIs(t, broken.Prune(t.Context(), "a", 13), errCut)
		for _, from := range []uint64{1, 7, 12} {
			for _, page := range []int32{0, 8} {
				l := open()
				l.SetPage(page)
				got, err := read(l, "a", from)
				require.NoError(t, err)
				require.GreaterOrEqual(t, len(got), 2)
				require.LessOrEqual(t, len(got), 15-int(from))
				require.Equal(t, texts(15-len(got), 14), got, "from %d, %d keys a page", from, page)
				if from == 1 && left > 0 {
					require.Len(t, got, 2)
				}
			}
		}
		require.NoError(t, l.Prune(t.Context(), "a", 2))
		got, err := read(l, "a", 12)
		require.NoError(t, err)
		require.Equal(t, texts(13, 14), got)
		_, err = s.Do(t.Context(), http.MethodDelete, fmt.Sprintf("/ops/%sa/B/%020d", prefix, 13), nil)
		require.NoError(t, err)
		_, err = read(l, "a", 1)
		require.ErrorIs(t, err, s3log.ErrForeign, "emptied by somebody")
		require.ErrorContains(t, err, "record 1")
	}
}
