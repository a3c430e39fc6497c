package artefact_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/step/artefact"
	"github.com/masaruk/devops/internal/durable"
)

// flip changes one bit of a file and returns a function that changes it back.
func flip(t *testing.T, file string, bit int) (back func()) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	bad := bytes.Clone(content)
	bad[bit/8] ^= 1 << (bit % 8)
	require.NoError(t, os.WriteFile(file, bad, 0o600))
	return func() { require.NoError(t, os.WriteFile(file, content, 0o600)) }
}

// stride is how many cases a test goes on by, all of them in an exhaustive run.
func stride(n int) int {
	if os.Getenv("DEVOPS_EXHAUSTIVE") != "" {
		return 1
	}
	return n
}

func bits(t *testing.T, file string) int {
	t.Helper()
	info, err := os.Stat(file)
	require.NoError(t, err)
	return int(info.Size()) * 8
}

// Every bit of an archive counts.
func TestFlippedBitInTheArchive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "build")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte("content"), 0o600))
	archive, digest := pack(t, dir, nil)
	root := t.TempDir()
	store, err := artefact.NewFolder(filepath.Join(root, "store"))
	require.NoError(t, err)
	for bit := 0; bit < bits(t, archive); bit += stride(3) {
		back := flip(t, archive, bit)
		require.ErrorIs(t, unpack(t.Context(), artefact.Unpack{Archive: archive, Digest: digest, Dir: filepath.Join(root, "v1")}), artefact.ErrDigest)
		require.ErrorIs(t, artefact.PushTo(t.Context(), artefact.Push{Archive: archive, Digest: digest, Store: store}), artefact.ErrDigest)
		back()
	}
	require.Empty(t, names(t, root))
}

// A damaged archive in a store gets no further, and the next Push mends it.
func TestFlippedBitInTheStore(t *testing.T) {
	archive, digest := pack(t, tree(t, 0), nil)
	root := t.TempDir()
	store, err := artefact.NewFolder(filepath.Join(root, "store"))
	require.NoError(t, err)
	push := artefact.Push{Archive: archive, Digest: digest, Store: store}
	require.NoError(t, artefact.PushTo(t.Context(), push))
	kept := filepath.Join(root, "store", "sha256", strings.TrimPrefix(digest, "sha256:")+".tar.gz")
	for bit := 0; bit < bits(t, kept); bit += 97 {
		back := flip(t, kept, bit)
		err := artefact.PullOn(t.Context(), durable.OS{}, artefact.Pull{Store: store, Digest: digest, Archive: filepath.Join(root, "api.tar.gz")})
		require.ErrorIs(t, err, artefact.ErrDigest)
		r, err := store.Get(t.Context(), digest)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, r)
		require.ErrorIs(t, err, artefact.ErrDigest)
		require.NoError(t, r.Close())
		back()
	}
	require.Equal(t, []string{"store"}, names(t, root))

	flip(t, kept, 100)
	require.NoError(t, artefact.PushTo(t.Context(), push))
	require.NoError(t, artefact.PullOn(t.Context(), durable.OS{}, artefact.Pull{Store: store, Digest: digest, Archive: filepath.Join(root, "api.tar.gz")}))
	require.Equal(t, []string{filepath.Base(kept)}, names(t, filepath.Dir(kept)))
}

// Where keys are given, a signature by one of them is needed, whole and about
// this archive.
func TestSignatures(t *testing.T) {
	signer, verifier := key("ci.example.com")
	_, stranger := key("somebody.example.com")
	sameName := deploy.VerifyingKey{Name: verifier.Name, Key: stranger.Key}
	archive, digest := pack(t, tree(t, 0), &signer)
	otherDir := tree(t, 0)
	require.NoError(t, os.WriteFile(filepath.Join(otherDir, "more"), nil, 0o600))
	other, _ := pack(t, otherDir, &signer)
	root := t.TempDir()
	sig := archive + ".sig"
	try := func(keys ...deploy.VerifyingKey) error {
		t.Helper()
		defer func() { require.NoError(t, os.RemoveAll(filepath.Join(root, "v1"))) }()
		return unpack(t.Context(), artefact.Unpack{Archive: archive, Digest: digest, Dir: filepath.Join(root, "v1"), Keys: keys})
	}
	require.NoError(t, try(verifier))
	require.NoError(t, try(stranger, verifier))
	require.ErrorIs(t, try(stranger), artefact.ErrSignature)
	require.ErrorIs(t, try(sameName), artefact.ErrSignature)

	good, err := os.ReadFile(sig)
	require.NoError(t, err)
	last := bytes.IndexByte(good, '=') - 1 // two bits of this character mean nothing
	for bit := 0; bit < bits(t, sig); bit += stride(7) {
		if bit/8 == last {
			continue
		}
		back := flip(t, sig, bit)
		require.ErrorIs(t, try(verifier), artefact.ErrSignature, "bit %d", bit)
		back()
	}
	foreign, err := os.ReadFile(other + ".sig")
	require.NoError(t, err)
	for name, bad := range map[string][]byte{
		"of another artefact": foreign, "empty": nil, "cut": good[:len(good)-2],
		"of another size": bytes.Replace(good, []byte("\n"), []byte("\n1"), 1), "no note": []byte("hello\n"),
	} {
		require.NoError(t, os.WriteFile(sig, bad, 0o600))
		require.ErrorIs(t, try(verifier), artefact.ErrSignature, name)
	}
	require.NoError(t, os.WriteFile(sig, make([]byte, 64<<10+1), 0o600))
	require.ErrorIs(t, try(verifier), artefact.ErrLimit)
	require.NoError(t, os.Remove(sig))
	require.ErrorIs(t, try(verifier), artefact.ErrSignature)
	require.ErrorContains(t, try(verifier), sig)
	require.NoError(t, try())
	require.Empty(t, names(t, root))
}

// A store may lose or replace a signature; it cannot make one.
func TestSignaturesInTheStore(t *testing.T) {
	signer, verifier := key("ci.example.com")
	archive, digest := pack(t, tree(t, 0), &signer)
	root := t.TempDir()
	store, err := artefact.NewFolder(filepath.Join(root, "store"))
	require.NoError(t, err)
	require.NoError(t, artefact.PushTo(t.Context(), artefact.Push{Archive: archive, Digest: digest, Store: store}))
	pull := artefact.Pull{Store: store, Digest: digest, Archive: filepath.Join(root, "got.tar.gz"), Keys: []deploy.VerifyingKey{verifier}}
	require.NoError(t, artefact.PullOn(t.Context(), durable.OS{}, pull))
	require.FileExists(t, pull.Archive+".sig")
	require.NoError(t, os.Remove(pull.Archive))

	note, err := store.Signature(t.Context(), digest)
	require.NoError(t, err)
	require.NoError(t, store.PutSignature(t.Context(), digest, strings.Replace(note, "ci.", "xx.", 1)))
	require.ErrorIs(t, artefact.PullOn(t.Context(), durable.OS{}, pull), artefact.ErrSignature)
	require.NoFileExists(t, pull.Archive)
	require.NoError(t, os.Remove(filepath.Join(root, "store", "sha256", strings.TrimPrefix(digest, "sha256:")+".tar.gz.sig")))
	require.ErrorIs(t, artefact.PullOn(t.Context(), durable.OS{}, pull), artefact.ErrSignature)
	require.NoFileExists(t, pull.Archive)

	// Without keys it comes without the signature of what was there before.
	pull.Keys = nil
	require.NoError(t, artefact.PullOn(t.Context(), durable.OS{}, pull))
	require.NoFileExists(t, pull.Archive+".sig")

	// A store that keeps no signatures is no place for a signed archive.
	err = artefact.PushTo(t.Context(), artefact.Push{Archive: archive, Digest: digest, Store: plain{store}})
	require.ErrorContains(t, err, "keeps no signatures")
	require.NoError(t, artefact.PushTo(t.Context(), artefact.Push{Archive: archive, Digest: digest, Store: wrapped{plain{store}, store}}))
}

// plain is a store without the optional interface.
type plain struct{ artefact.Store }

// wrapped is one around another.
type wrapped struct {
	artefact.Store
	inner artefact.Store
}

func (w wrapped) Unwrap() artefact.Store { return w.inner }
