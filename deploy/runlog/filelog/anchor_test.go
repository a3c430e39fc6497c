package filelog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/durable/powercut"
)

func ExampleNewAnchor() {
	anchor, err := filelog.NewAnchor("/mnt/audit/heads")
	if err != nil {
		fmt.Println(err)
		return
	}
	options := deploy.Options{Anchor: anchor}
	fmt.Println(options.Anchor != nil)
	// Output: true
}

func TestAnchor(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "heads")
	a, err := filelog.NewAnchor(dir)
	require.NoError(t, err)
	head, err := a.Last(t.Context(), "stg/api")
	require.NoError(t, err)
	require.Empty(t, head)
	for _, want := range []string{"first\nsigned\n", "second", "first\nsigned\n"} {
		require.NoError(t, a.Keep(t.Context(), "stg/api", want))
		require.NoError(t, a.Keep(t.Context(), "stg", "other"))
		other, err := filelog.NewAnchor(dir)
		require.NoError(t, err)
		head, err := other.Last(t.Context(), "stg/api")
		require.NoError(t, err)
		require.Equal(t, want, head)
	}
	require.ErrorIs(t, a.Keep(t.Context(), "../a", "x"), deploy.ErrStreamName)
	_, err = a.Last(t.Context(), "A")
	require.ErrorIs(t, err, deploy.ErrStreamName)

	cause := errors.New("the test ended it")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	require.ErrorIs(t, a.Keep(ctx, "stg/api", "x"), cause)
	_, err = a.Last(ctx, "stg/api")
	require.ErrorIs(t, err, cause)

	_, err = filelog.NewAnchor("")
	require.ErrorContains(t, err, "give one")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	require.Error(t, a.Keep(t.Context(), "file", "x"))
}

// After a power cut the head is the last one whose Keep returned, or the one
// that was being kept.
func TestAnchorPowerCut(t *testing.T) {
	dir := t.TempDir()
	rec, err := powercut.New(dir)
	require.NoError(t, err)
	at := func(dir string, fsys durable.FS) *filelog.Anchor {
		a, err := filelog.NewAnchorOn(filepath.Join(dir, "heads"), fsys)
		require.NoError(t, err)
		return a
	}
	a := at(dir, rec)
	for n := 1; n <= 3; n++ {
		require.NoError(t, a.Keep(t.Context(), "stg/api", fmt.Sprint(n)))
		rec.Mark(fmt.Sprint(n))
	}
	require.NoError(t, rec.Recording().Check(nil, func(s powercut.State) error {
		head, err := at(s.Dir, durable.OS{}).Last(context.Background(), "stg/api")
		kept := len(s.Marks)
		now, next := fmt.Sprint(kept), fmt.Sprint(kept+1)
		if kept == 0 {
			now = ""
		}
		if err == nil && head != now && head != next {
			err = fmt.Errorf("%d heads were kept, the last is %q", kept, head)
		}
		return err
	}))
}
