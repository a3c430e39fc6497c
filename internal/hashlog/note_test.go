package hashlog

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOpensANoteOfOthers: the example of the package that made the format,
// golang.org/x/mod/sumdb/note.
func TestOpensANoteOfOthers(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
	require.NoError(t, err)
	v, err := NewVerifier("PeterNeumann", key[1:])
	require.NoError(t, err)
	require.EqualValues(t, 0xc74f20a3, keyHash("PeterNeumann", key[1:]))
	text := "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
	note := text + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
	got, err := v.open(note)
	require.NoError(t, err)
	require.Equal(t, text, got)
	_, err = v.open(strings.Replace(note, "problem is", "answer is", 1))
	require.ErrorIs(t, err, ErrSignature)
}

func signer(t *testing.T, name string, seed byte) *Signer {
	t.Helper()
	s, err := NewSigner(name, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
	require.NoError(t, err)
	return s
}

func TestASignedHead(t *testing.T) {
	c := NewChain("prod/api")
	line, head, err := c.Seal("x")
	require.NoError(t, err)
	_, err = c.Open(line)
	require.NoError(t, err)
	s := signer(t, "ops.example.com", 1)
	note := s.Sign("prod/api", head)
	got, err := s.Verifier().Open("prod/api", note)
	require.NoError(t, err)
	require.Equal(t, head, got)

	both := note + strings.SplitAfter(signer(t, "other", 2).Sign("prod/api", head), "\n\n")[1]
	got, err = s.Verifier().Open("prod/api", both)
	require.NoError(t, err, "another signature beside it")
	require.Equal(t, head, got)

	_, err = s.Verifier().Open("prod/web", note)
	require.ErrorContains(t, err, `about "prod/api"`)
	_, err = signer(t, "ops.example.com", 2).Verifier().Open("prod/api", note)
	require.ErrorIs(t, err, ErrSignature, "another key of the same name")
	_, err = signer(t, "someone", 1).Verifier().Open("prod/api", note)
	require.ErrorIs(t, err, ErrSignature, "another name for the same key")
}

// TestASignedNoteAboutSomethingElse is no head, though the key is right.
func TestASignedNoteAboutSomethingElse(t *testing.T) {
	s := signer(t, "ops", 1)
	hash := base64.StdEncoding.EncodeToString(make([]byte, 32))
	_, err := s.Verifier().Open("prod/api", s.sign("prod/api\n7\n"+hash+"\n"))
	require.NoError(t, err)
	for _, text := range []string{
		"prod/api\n", "prod/api\n7\n", "prod/api\n07\n" + hash + "\n", "prod/api\n-7\n" + hash + "\n",
		"prod/api\n7\n" + hash[4:] + "\n", "prod/api\n7\n?\n", "prod/api\n18446744073709551616\n" + hash + "\n",
	} {
		_, err = s.Verifier().Open("prod/api", s.sign(text))
		require.ErrorContains(t, err, "not about a head", text)
	}
}

// TestAChangedNoteIsRefused, whichever bit was changed.
func TestAChangedNoteIsRefused(t *testing.T) {
	s := signer(t, "ops", 1)
	note := []byte(s.Sign("prod/api", Head{Seq: 7, Hash: [32]byte{1, 2, 3}}))
	for i := range note {
		for bit := range 8 {
			changed := bytes.Clone(note)
			changed[i] ^= 1 << bit
			h, err := s.Verifier().Open("prod/api", string(changed))
			if err == nil { // base64 has bits that mean nothing, Go's decoder reads them
				require.Equal(t, Head{Seq: 7, Hash: [32]byte{1, 2, 3}}, h)
				require.GreaterOrEqual(t, i, len(note)-5, "byte %d bit %d", i, bit)
			}
		}
	}
	for i := range note {
		_, err := s.Verifier().Open("prod/api", string(note[:i]))
		require.Error(t, err)
	}
}

func TestKeysAreChecked(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	for _, name := range []string{"", "a b", "a\n", "a+b", "\xff"} {
		_, err := NewSigner(name, key)
		require.ErrorContains(t, err, "name of a key")
		_, err = NewVerifier(name, key.Public().(ed25519.PublicKey))
		require.ErrorContains(t, err, "name of a key")
	}
	_, err := NewSigner("a", key[:31])
	require.ErrorContains(t, err, "31 bytes")
	_, err = NewVerifier("a", nil)
	require.ErrorContains(t, err, "0 bytes")
}
