package git_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy/step/git"
)

// key makes a signing key and returns its file and the line of the signer.
func key(t *testing.T, who string) (file, signer string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "key")
	out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", who, "-f", file).CombinedOutput()
	require.NoError(t, err, string(out))
	return file, who + " " + strings.TrimSpace(read(t, file+".pub"))
}

func TestSignatures(t *testing.T) {
	root := t.TempDir()
	w := newWork(t, root, "api")
	adaKey, ada := key(t, "ada@example.com")
	_, bob := key(t, "bob@example.com")
	malloryKey, _ := key(t, "ada@example.com")
	w.git("config", "gpg.format", "ssh")
	w.git("config", "user.signingKey", adaKey)
	unsigned, signed := w.commit("unsigned"), w.commit("signed", "-S")
	w.git("tag", "-s", "-m", "v1", "v1", unsigned)
	w.git("tag", "light", signed)
	w.git("update-ref", "refs/tags/v2", w.git("rev-parse", "refs/tags/v1")) // signed, for another name
	w.git("config", "user.signingKey", malloryKey)
	other := w.commit("other", "-S")
	w.git("tag", "-s", "-m", "v3", "v3", unsigned)
	w.push()
	repo := git.Repository{URL: w.bare, Allow: []string{"file"}}
	dir := filepath.Join(t.TempDir(), "api")

	tests := []struct {
		name, commit, tag, signers, wrong string
	}{
		{"commit", signed, "", ada, ""},
		{"one of two", signed, "", bob + "\n" + ada + "\n", ""},
		{"tag of an unsigned commit", unsigned, "v1", ada, ""},
		{"unsigned, not asked for", unsigned, "", "", ""},
		{"tag, signature not asked for", signed, "light", "", ""},
		{"unsigned", unsigned, "", ada, "no signature by one of Signers"},
		{"somebody else", signed, "", bob, "no signature by one of Signers"},
		{"unknown key", other, "", ada, "no signature by one of Signers"},
		{"tag by an unknown key", unsigned, "v3", ada, "no signature by one of Signers"},
		{"tag without signature", signed, "light", ada, "no signature by one of Signers"},
		{"tag of another commit", signed, "v1", "", "tag v1 is commit " + unsigned},
		{"tag under another name", unsigned, "v2", ada, `tag v2 calls itself "v1"`},
	}
	for _, test := range tests {
		k := &git.Checkout{Repository: repo, Commit: test.commit, Dir: dir, Tag: test.tag, Signers: test.signers}
		_, err := run(t, local(t), "1", step(k))
		if test.wrong == "" {
			require.NoError(t, err, test.name)
			require.Equal(t, test.commit, gitIn(t, dir, "rev-parse", "HEAD"))
			require.NoError(t, os.RemoveAll(dir))
			continue
		}
		require.ErrorIs(t, err, git.ErrUnverified, test.name)
		require.ErrorContains(t, err, test.wrong, test.name)
		requireAlone(t, dir)
	}
	_, err := run(t, local(t), "1", step(&git.Checkout{Repository: repo, Commit: signed, Dir: dir, Tag: "none"}))
	require.ErrorContains(t, err, "refs/tags/none")
}

// A signature of another kind is none, though the host's gpg believes it.
func TestOpenPGPSignatures(t *testing.T) {
	bin := t.TempDir()
	const gpg = `#!/bin/sh
cat >/dev/null
case "$*" in
*--verify*) echo "[GNUPG:] NEWSIG"; echo "[GNUPG:] GOODSIG 0123456789ABCDEF Mallory"; echo "[GNUPG:] VALIDSIG 0123 2026-01-01 1 0 4 0 1 10 00 0123"; echo "[GNUPG:] TRUST_ULTIMATE 0 pgp" ;;
*) echo "-----BEGIN PGP SIGNATURE-----"; echo; echo x; echo "-----END PGP SIGNATURE-----"; echo "[GNUPG:] BEGIN_SIGNING" >&2; echo "[GNUPG:] SIG_CREATED " >&2 ;;
esac
`
	require.NoError(t, os.WriteFile(filepath.Join(bin, "gpg"), []byte(gpg), 0o700))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	w := newWork(t, t.TempDir(), "api")
	commit := w.commit("one", "-Smallory")
	w.git("verify-commit", commit)
	_, ada := key(t, "ada@example.com")
	k := &git.Checkout{Repository: git.Repository{URL: w.bare, Allow: []string{"file"}}, Commit: commit, Dir: filepath.Join(t.TempDir(), "api"), Signers: ada}
	_, err := run(t, local(t), "1", step(k))
	require.ErrorIs(t, err, git.ErrUnverified)
}
