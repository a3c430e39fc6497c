package artefact_test

import (
	"archive/tar"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy/release"
	"github.com/masaruk/devops/deploy/step/artefact"
)

func TestUnpack(t *testing.T) {
	dir := tree(t, 0)
	archive, digest := pack(t, dir, nil)
	root := t.TempDir()
	u := artefact.Unpack{Archive: archive, Digest: digest, Dir: filepath.Join(root, "releases", "v1")}
	for range 2 {
		require.NoError(t, unpack(t.Context(), u))
		require.Equal(t, shape(t, dir), shape(t, u.Dir))
		require.Equal(t, []string{"v1"}, names(t, filepath.Dir(u.Dir)))
	}
	info, err := os.Stat(u.Dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), info.Mode().Perm())
	_, again := pack(t, u.Dir, nil)
	require.Equal(t, digest, again)
}

// What is at the target and is not the same stays as it is.
func TestUnpackKeepsWhatIsThere(t *testing.T) {
	archive, digest := pack(t, tree(t, 0), nil)
	root := t.TempDir()
	u := artefact.Unpack{Archive: archive, Digest: digest, Dir: filepath.Join(root, "v1")}
	for name, change := range map[string]func() error{
		"content":    func() error { return os.WriteFile(filepath.Join(u.Dir, "app.js"), []byte("console.log(2)\n"), 0o600) },
		"more":       func() error { return os.WriteFile(filepath.Join(u.Dir, "more"), nil, 0o600) },
		"less":       func() error { return os.Remove(filepath.Join(u.Dir, "dead")) },
		"permission": func() error { return os.Chmod(filepath.Join(u.Dir, "app.js"), 0o777) },
		"link":       func() error { return os.RemoveAll(u.Dir + "/dead") },
		"file":       func() error { return errors.Join(os.RemoveAll(u.Dir), os.WriteFile(u.Dir, nil, 0o600)) },
	} {
		require.NoError(t, unpack(t.Context(), u))
		require.NoError(t, change())
		err := unpack(t.Context(), u)
		require.ErrorIs(t, err, artefact.ErrExists, name)
		require.Equal(t, []string{"v1"}, names(t, root))
		require.NoError(t, os.RemoveAll(u.Dir))
	}
	require.NoError(t, os.Mkdir(u.Dir, 0o700)) // an empty one is nobody's
	require.NoError(t, unpack(t.Context(), u))
}

// An archive that is replaced after it was verified comes to nothing.
func TestChangedWhileUnpacked(t *testing.T) {
	archive, digest := pack(t, tree(t, 0), nil)
	other, _ := made(t, entry{name: "evil", typ: tar.TypeReg, body: "evil"})
	evil, err := os.ReadFile(other)
	require.NoError(t, err)
	root := t.TempDir()
	changed := 0
	swap := hooked{ask: func(op string) error {
		if op != "mkdir" || changed > 0 {
			return nil
		}
		changed++
		return os.WriteFile(archive, evil, 0o600)
	}}
	err = artefact.UnpackOn(t.Context(), swap, artefact.Unpack{Archive: archive, Digest: digest, Dir: filepath.Join(root, "v1")})
	require.ErrorIs(t, err, artefact.ErrDigest)
	require.Equal(t, 1, changed)
	require.Empty(t, names(t, root))
}

func TestUnpackStops(t *testing.T) {
	archive, digest := pack(t, tree(t, 0), nil)
	root := t.TempDir()
	cause := errors.New("the test ended it")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	require.ErrorIs(t, unpack(ctx, artefact.Unpack{Archive: archive, Digest: digest, Dir: filepath.Join(root, "v1")}), cause)
	require.Empty(t, names(t, root))
	err := unpack(t.Context(), artefact.Unpack{Archive: archive + "-none", Digest: digest, Dir: filepath.Join(root, "v1")})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Empty(t, names(t, root))
}

func TestUnpackersRace(t *testing.T) {
	dir := tree(t, 0)
	archive, digest := pack(t, dir, nil)
	root := t.TempDir()
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if err := unpack(context.Background(), artefact.Unpack{Archive: archive, Digest: digest, Dir: filepath.Join(root, "v1")}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, []string{"v1"}, names(t, root))
	require.Equal(t, shape(t, dir), shape(t, filepath.Join(root, "v1")))
}

// Fill is what package release asks for.
func TestFillOfARelease(t *testing.T) {
	dir := tree(t, 0)
	archive, digest := pack(t, dir, nil)
	releases, err := release.New(filepath.Join(t.TempDir(), "api"), nil)
	require.NoError(t, err)
	u := &artefact.Unpack{Archive: archive, Digest: digest}
	r, err := releases.Stage(t.Context(), release.Spec{ID: "v1", Fill: u.Fill})
	require.NoError(t, err)
	require.Equal(t, shape(t, dir), shape(t, r.Path))

	flip(t, archive, 300)
	_, err = releases.Stage(t.Context(), release.Spec{ID: "v2", Fill: u.Fill})
	require.ErrorIs(t, err, artefact.ErrDigest)
	u.Digest = "${artefact}"
	_, err = releases.Stage(t.Context(), release.Spec{ID: "v2", Fill: u.Fill})
	require.ErrorContains(t, err, "is no digest")
}
