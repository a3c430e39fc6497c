package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

// pause lets others go first, by chance.
func pause() {
	for range rand.IntN(20) {
		runtime.Gosched()
	}
}

// moody gives values, failures and absences by chance.
func moody(ctx context.Context, name string) (secrets.Value, error) {
	pause()
	if ctx.Err() != nil {
		return secrets.Value{}, context.Cause(ctx)
	}
	switch rand.IntN(4) {
	case 0:
		return secrets.New(planted), errDown
	case 1:
		return secrets.New(planted), fs.ErrNotExist
	}
	return secrets.New(fmt.Sprint(name, " ", rand.IntN(3))), nil
}

// Thousands of callers of all kinds, who leave by chance, get values of the
// name that they asked for or one of the errors that there are; in the end
// nothing is left.
func TestCacheUnderLoad(t *testing.T) {
	left := errors.New("left")
	c := newCache(t, secrets.SourceFunc(moody), secrets.CacheOptions{
		TTL: time.Second, MaxAge: 5 * time.Second, Size: 3, OnEvent: func(secrets.CacheEvent) {},
	})
	judge := func(name string, v secrets.Value, err error) {
		known := err == nil
		for _, one := range []error{left, errDown, fs.ErrNotExist, fs.ErrClosed, secrets.ErrUnchanged, context.DeadlineExceeded} {
			known = known || errors.Is(err, one)
		}
		if !known || v.IsZero() != (err != nil) || err == nil && !strings.HasPrefix(v.Reveal(), name+" ") {
			t.Errorf("%s: %q, %v", name, v.Reveal(), err)
		}
	}
	caller := func() {
		pause()
		ctx, leave := context.WithCancelCause(t.Context())
		defer leave(nil)
		go func() {
			pause()
			leave(left)
		}()
		name := fmt.Sprint("name", rand.IntN(5))
		switch rand.IntN(4) {
		case 0:
			v, err := c.Lookup(ctx, name)
			judge(name, v, err)
		case 1:
			p, err := c.Pair(ctx, name)
			judge(name, p.Current, err)
		case 2:
			v, err := c.Refresh(ctx, name, secrets.New(name+" 1"))
			judge(name, v, err)
		default:
			for v, err := range c.Watch(ctx, name) {
				judge(name, v, err)
			}
		}
	}
	var all sync.WaitGroup
	var served sync.WaitGroup
	for i := range 4000 {
		if all.Go(caller); i < 3000 {
			served.Go(caller)
		}
	}
	served.Wait() // others come too late
	require.NoError(t, c.Close())
	all.Wait()
	require.Zero(t, c.Entries())
}
