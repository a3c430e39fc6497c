package durable_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/durable"
)

func lock(ctx context.Context, name string, kind durable.Lock) (*os.File, error) {
	return durable.OpenLocked(ctx, name, os.O_RDWR|os.O_CREATE, 0o600, kind)
}

func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	first, err := lock(t.Context(), name, durable.Exclusive)
	require.NoError(t, err)

	got := make(chan *os.File)
	go func() {
		f, err := lock(t.Context(), name, durable.Exclusive)
		if err != nil {
			t.Error(err)
		}
		got <- f
	}()
	// The other can only get it now if the lock does not work.
	for range 100 {
		select {
		case <-got:
			require.Fail(t, "two hold the lock")
		default:
		}
	}
	require.NoError(t, first.Close())
	second := <-got
	require.NoError(t, second.Close())
}

func TestLockCanceled(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	holder, err := lock(t.Context(), name, durable.Exclusive)
	require.NoError(t, err)

	cause := errors.New("no more time")
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := make(chan error)
	go func() {
		_, err := lock(ctx, name, durable.Shared)
		failed <- err
	}()
	cancel(cause)
	require.ErrorIs(t, <-failed, cause)
	_, err = lock(ctx, name, durable.Exclusive)
	require.ErrorIs(t, err, cause)
	_, err = lock(t.Context(), name, durable.TryExclusive)
	require.ErrorIs(t, err, durable.ErrLocked)

	// What the canceled one gets in the end it gives back.
	require.NoError(t, holder.Close())
	next, err := lock(t.Context(), name, durable.Exclusive)
	require.NoError(t, err)
	require.NoError(t, next.Close())
}

func TestLockShared(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	a, err := lock(t.Context(), name, durable.Shared)
	require.NoError(t, err)
	b, err := lock(t.Context(), name, durable.Shared)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = lock(ctx, name, durable.Exclusive)
	require.ErrorIs(t, err, context.Canceled)
	_, err = lock(t.Context(), name, durable.TryExclusive)
	require.ErrorIs(t, err, durable.ErrLocked)
	require.NoError(t, a.Close())
	require.NoError(t, b.Close())
	c, err := lock(t.Context(), name, durable.TryExclusive)
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

// Who waits for a file that is replaced meanwhile must lock the new one.
func TestLockOfAReplacedFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	old, err := lock(t.Context(), name, durable.Exclusive)
	require.NoError(t, err)
	got := make(chan *os.File)
	go func() {
		f, err := lock(t.Context(), name, durable.Exclusive)
		if err != nil {
			t.Error(err)
		}
		got <- f
	}()
	require.NoError(t, durable.WriteFile(durable.OS{}, name, []byte("new"), 0o600))
	require.NoError(t, old.Close())
	f := <-got
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	mine := make([]byte, len(data))
	_, err = f.ReadAt(mine, 0)
	require.NoError(t, err)
	require.Equal(t, "new", string(mine))
	require.NoError(t, f.Close())
}
