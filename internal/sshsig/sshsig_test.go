package sshsig_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/sshsig"
)

const namespace = "test"

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return key
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

// OpenSSH believes our signatures, and refuses the same ones as we do.
func TestSSHKeygenVerifies(t *testing.T) {
	dir, key := t.TempDir(), newKey(t)
	signers, sig := filepath.Join(dir, "signers"), filepath.Join(dir, "sig")
	require.NoError(t, os.WriteFile(signers, []byte("writer "+sshsig.MarshalPublic(public(key))+"\n"), 0o600))
	message := []byte("a record\n")
	require.NoError(t, os.WriteFile(sig, sshsig.Sign(key, namespace, message), 0o600))
	verify := func(namespace string, message []byte) error {
		c := exec.CommandContext(t.Context(), "ssh-keygen", "-Y", "verify", "-f", signers, "-I", "writer", "-n", namespace, "-s", sig)
		c.Stdin = bytes.NewReader(message)
		out, err := c.CombinedOutput()
		t.Logf("%s", out)
		return err
	}
	require.NoError(t, verify(namespace, message))
	require.Error(t, verify("other", message))
	require.Error(t, verify(namespace, append(message, '\n')))
}

// We believe those of OpenSSH.
func TestVerifiesSSHKeygen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a comment", "-f", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile(file + ".pub")
	require.NoError(t, err)
	key, err := sshsig.ParsePublic(string(text))
	require.NoError(t, err)
	c := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-Y", "sign", "-f", file, "-n", namespace)
	c.Stdin = bytes.NewReader([]byte("message"))
	sig, err := c.Output()
	require.NoError(t, err)
	by, err := sshsig.Verify(sig, namespace, []byte("message"), public(newKey(t)), key)
	require.NoError(t, err)
	require.Equal(t, key, by)
}

func TestVerifyRefuses(t *testing.T) {
	key, other := newKey(t), newKey(t)
	message := []byte("message")
	sig := sshsig.Sign(key, namespace, message)
	_, err := sshsig.Verify(sig, namespace, message, public(other), public(key))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		sig       []byte
		namespace string
		message   string
		key       ed25519.PrivateKey
		want      string
	}{
		"another message":   {sig, namespace, "massage", key, "not the one"},
		"another namespace": {sig, "other", "message", key, "it is for"},
		"another key":       {sig, namespace, "message", other, "not trusted"},
		"nothing":           {nil, namespace, "message", key, "no armored"},
		"something behind":  {append(bytes.Clone(sig), "more"...), namespace, "message", key, "no armored"},
	} {
		_, err := sshsig.Verify(c.sig, c.namespace, []byte(c.message), public(c.key))
		require.ErrorIs(t, err, sshsig.ErrSignature, name)
		require.ErrorContains(t, err, c.want, name)
	}
	block, _ := pem.Decode(sig)
	for bit := range len(block.Bytes) * 8 {
		changed := *block
		changed.Bytes = bytes.Clone(block.Bytes)
		changed.Bytes[bit/8] ^= 1 << (bit % 8)
		_, err := sshsig.Verify(pem.EncodeToMemory(&changed), namespace, message, public(key))
		require.ErrorIs(t, err, sshsig.ErrSignature, "bit %d", bit)
	}
	for n := range block.Bytes {
		cut := *block
		cut.Bytes = block.Bytes[:n]
		_, err := sshsig.Verify(pem.EncodeToMemory(&cut), namespace, message, public(key))
		require.ErrorIs(t, err, sshsig.ErrSignature, "%d bytes", n)
	}
}

func FuzzVerify(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	f.Add(sshsig.Sign(key, namespace, []byte("message")), "message")
	f.Add(sshsig.Sign(key, namespace, []byte("other")), "message")
	f.Fuzz(func(t *testing.T, sig []byte, message string) {
		if _, err := sshsig.Verify(sig, namespace, []byte(message), public(key)); err == nil {
			_, err = sshsig.Verify(sig, namespace, []byte(message+"x"), public(key))
			require.Error(t, err)
		}
	})
}

func TestParsePublic(t *testing.T) {
	for _, text := range []string{"", "ssh-ed25519", "ssh-rsa AAAA", "ssh-ed25519 ?", "ssh-ed25519 AAAA"} {
		_, err := sshsig.ParsePublic(text)
		require.Error(t, err, text)
	}
}
