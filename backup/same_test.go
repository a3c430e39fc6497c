package backup_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
)

// forgetful is a store that loses the answer to every Put of a data object: a
// second try is told that the name is taken.
type forgetful struct {
	backup.Store
	change func([]byte) []byte // of what it stores
	lost   atomic.Int64
}

func (f *forgetful) Put(ctx context.Context, name string, body io.Reader) error {
	if !strings.HasPrefix(name, "data/") {
		return f.Store.Put(ctx, name, body)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if err = f.Store.Put(ctx, name, bytes.NewReader(f.change(content))); err != nil {
		return err
	}
	f.lost.Add(1)
	return &backup.StoreError{Op: "put", Name: name, Err: fs.ErrExist}
}

// A data object whose name is taken is our own if it is what was sent, and only
// then.
func TestLostAnswerToPut(t *testing.T) {
	for name, c := range map[string]struct {
		change func([]byte) []byte
		ok     bool
	}{
		"own":     {func(b []byte) []byte { return b }, true},
		"other":   {func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b }, false},
		"shorter": {func(b []byte) []byte { return b[:len(b)-1] }, false},
		"longer":  {func(b []byte) []byte { return append(bytes.Clone(b), 0) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			repo, content := newRepository(t), some(t, 1<<20)
			store := &forgetful{Store: repo.store, change: c.change}
			w, err := backup.OpenWriter(t.Context(), store, repo.keys.Writer, nil)
			require.NoError(t, err)
			made, err := w.Backup(t.Context(), content)
			require.Positive(t, store.lost.Load())
			if !c.ok {
				require.ErrorIs(t, err, fs.ErrExist)
				require.ErrorContains(t, err, "SHA-256")
				_, err = repo.reader(t).Last(t.Context())
				require.ErrorIs(t, err, fs.ErrNotExist)
				return
			}
			require.NoError(t, err)
			require.EqualValues(t, len(made.Objects), store.lost.Load(), "each object lost its answer")
			dir := filepath.Join(t.TempDir(), "restored")
			_, err = repo.reader(t).Restore(t.Context(), made.ID, dir, nil)
			require.NoError(t, err)
			requireTree(t, content, dir)
		})
	}
}
