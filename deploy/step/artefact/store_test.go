package artefact_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy/step/artefact"
)

// TestFolder holds the folder to the contract of a store.
func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "store")
	store, err := artefact.NewFolder(dir)
	require.NoError(t, err)
	content := []byte(strings.Repeat("an archive ", 100_000))
	_, digest := stored(t, content)
	other := "sha256:" + strings.Repeat("0", 64)

	_, err = store.Get(t.Context(), digest)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = store.Stat(t.Context(), digest)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = store.Signature(t.Context(), digest)
	require.ErrorIs(t, err, fs.ErrNotExist)

	require.ErrorIs(t, store.Put(t.Context(), other, bytes.NewReader(content)), artefact.ErrDigest)
	require.Empty(t, names(t, filepath.Join(dir, "sha256")))
	for range 2 {
		r := bytes.NewReader(content)
		_, err := r.Seek(5, io.SeekStart) // Put begins at the beginning
		require.NoError(t, err)
		require.NoError(t, store.Put(t.Context(), digest, r))
	}
	r, err := store.Get(t.Context(), digest)
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, content, got)
	size, err := store.Stat(t.Context(), digest)
	require.NoError(t, err)
	require.EqualValues(t, len(content), size)
	_, err = store.Stat(t.Context(), other)
	require.ErrorIs(t, err, fs.ErrNotExist)

	for _, note := range []string{"one", "two\n"} {
		require.NoError(t, store.PutSignature(t.Context(), digest, note))
		got, err := store.Signature(t.Context(), digest)
		require.NoError(t, err)
		require.Equal(t, note, got)
	}
	require.ErrorIs(t, store.PutSignature(t.Context(), digest, strings.Repeat("x", 64<<10+1)), artefact.ErrLimit)
	require.Len(t, names(t, filepath.Join(dir, "sha256")), 2)
	require.Equal(t, "folder "+dir, store.String())
}

func TestFolderRefusesNames(t *testing.T) {
	store, err := artefact.NewFolder(t.TempDir())
	require.NoError(t, err)
	hash := strings.Repeat("a", 64)
	for _, bad := range []string{"", hash, "sha256:" + hash[1:], "sha256:../" + hash[3:], "sha256:" + strings.ToUpper(hash), "sha512:" + hash, "sha256:" + hash + "\n"} {
		require.Error(t, store.Put(t.Context(), bad, strings.NewReader("")), bad)
		_, err := store.Get(t.Context(), bad)
		require.ErrorContains(t, err, "is no digest", bad)
		_, err = store.Stat(t.Context(), bad)
		require.ErrorContains(t, err, "is no digest", bad)
		_, err = store.Signature(t.Context(), bad)
		require.ErrorContains(t, err, "is no digest", bad)
		require.ErrorContains(t, store.PutSignature(t.Context(), bad, "x"), "is no digest", bad)
	}
	cause := errors.New("the test ended it")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	digest := "sha256:" + hash
	require.ErrorIs(t, store.Put(ctx, digest, strings.NewReader("")), cause)
	_, err = store.Get(ctx, digest)
	require.ErrorIs(t, err, cause)
	_, err = store.Stat(ctx, digest)
	require.ErrorIs(t, err, cause)
	_, err = store.Signature(ctx, digest)
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, store.PutSignature(ctx, digest, "x"), cause)
}

// Many put the same and other archives at the same time; readers see nothing
// or all of it.
func TestFolderRace(t *testing.T) {
	dir := t.TempDir()
	contents, digests := make([][]byte, 3), make([]string, 3)
	for i := range contents {
		contents[i] = bytes.Repeat(fmt.Appendf(nil, "archive %d ", i), 20_000)
		_, digests[i] = stored(t, contents[i])
	}
	var all sync.WaitGroup
	for n := range 12 {
		store, err := artefact.NewFolder(dir)
		require.NoError(t, err)
		i := n % 3
		all.Go(func() {
			if err := store.Put(context.Background(), digests[i], bytes.NewReader(contents[i])); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			r, err := store.Get(context.Background(), digests[i])
			if errors.Is(err, fs.ErrNotExist) {
				return
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, contents[i]) {
				t.Errorf("read %d bytes: %v", len(got), err)
			}
		})
	}
	all.Wait()
	require.Len(t, names(t, filepath.Join(dir, "sha256")), 3)
}

// What a killed process left goes with the next Put, but not what somebody
// writes.
func TestFolderSweeps(t *testing.T) {
	dir := t.TempDir()
	store, err := artefact.NewFolder(dir)
	require.NoError(t, err)
	left := filepath.Join(dir, "sha256", ".0.tar.gz.part")
	require.NoError(t, os.Mkdir(filepath.Dir(left), 0o700))
	require.NoError(t, os.WriteFile(left, []byte("half"), 0o600))
	_, digest := stored(t, []byte("an archive"))
	slow := &slowReader{Reader: strings.NewReader("an archive"), reading: make(chan struct{}), goOn: make(chan struct{})}
	failed := make(chan error)
	go func() { failed <- store.Put(context.Background(), digest, slow) }()
	<-slow.reading
	require.NoFileExists(t, left)
	_, second := stored(t, []byte("another"))
	require.NoError(t, store.Put(t.Context(), second, strings.NewReader("another")))
	close(slow.goOn)
	require.NoError(t, <-failed)
	require.Len(t, names(t, filepath.Join(dir, "sha256")), 2)
}

// slowReader says when it is read first and waits to be told to go on.
type slowReader struct {
	*strings.Reader
	once          sync.Once
	reading, goOn chan struct{}
}

func (s *slowReader) Read(p []byte) (int, error) {
	s.once.Do(func() { close(s.reading); <-s.goOn })
	return s.Reader.Read(p)
}

// WriteTo would go around Read.
func (s *slowReader) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{s})
}
