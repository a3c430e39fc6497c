// Package sshsig signs and verifies messages as `ssh-keygen -Y` does, with
// ed25519 keys: https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig.
// What is signed with it can be checked for as long as there is an OpenSSH, and
// with no program of ours:
//
//	ssh-keygen -Y verify -f allowed_signers -I NAME -n NAMESPACE -s message.sig < message
//
// A signature is an armored text of several lines. A namespace says what the
// signature is for, so that one made for another purpose is not taken.
package sshsig

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	magic     = "SSHSIG"
	version   = 1
	algorithm = "ssh-ed25519"
	hash      = "sha512"
	pemType   = "SSH SIGNATURE"
)

// ErrSignature reports a signature that is none, or not one of the message, the
// namespace and one of the keys.
var ErrSignature = errors.New("signature is missing or does not match")

// Sign returns the armored signature of the message.
func Sign(key ed25519.PrivateKey, namespace string, message []byte) []byte {
	var blob []byte
	blob = append(blob, magic...)
	blob = binary.BigEndian.AppendUint32(blob, version)
	blob = appendString(blob, marshalPublic(key.Public().(ed25519.PublicKey)))
	blob = appendString(blob, []byte(namespace))
	blob = appendString(blob, nil) // reserved
	blob = appendString(blob, []byte(hash))
	sig := ed25519.Sign(key, signed(namespace, message))
	blob = appendString(blob, appendString(appendString(nil, []byte(algorithm)), sig))
	return armor(blob)
}

// Verify returns which of the keys made the signature; the error wraps
// [ErrSignature] where none of them did.
func Verify(armored []byte, namespace string, message []byte, keys ...ed25519.PublicKey) (ed25519.PublicKey, error) {
	public, sig, err := parse(armored, namespace)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	i := slices.IndexFunc(keys, func(k ed25519.PublicKey) bool { return bytes.Equal(k, public) })
	if i < 0 {
		return nil, fmt.Errorf("%w: made by the key %s, which is not trusted", ErrSignature, MarshalPublic(public))
	}
	if !ed25519.Verify(keys[i], signed(namespace, message), sig) {
		return nil, fmt.Errorf("%w: the message is not the one that %s signed", ErrSignature, MarshalPublic(public))
	}
	return keys[i], nil
}

// MarshalPublic returns the key as OpenSSH writes it in authorized_keys, without
// a comment.
func MarshalPublic(key ed25519.PublicKey) string {
	return algorithm + " " + base64.StdEncoding.EncodeToString(marshalPublic(key))
}

// ParsePublic reads what MarshalPublic wrote; a comment may follow it.
func ParsePublic(text string) (ed25519.PublicKey, error) {
	fields := strings.Fields(text)
	if len(fields) < 2 || fields[0] != algorithm {
		return nil, errors.New(`a public key is "ssh-ed25519 AAAA..."`)
	}
	raw, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	return unmarshalPublic(raw)
}

// signed is what the key signs: a message stands for itself by its hash.
func signed(namespace string, message []byte) []byte {
	sum := sha512.Sum512(message)
	b := []byte(magic)
	b = appendString(b, []byte(namespace))
	b = appendString(b, nil)
	b = appendString(b, []byte(hash))
	return appendString(b, sum[:])
}

func marshalPublic(key ed25519.PublicKey) []byte {
	return appendString(appendString(nil, []byte(algorithm)), key)
}

func unmarshalPublic(raw []byte) (ed25519.PublicKey, error) {
	name, rest, ok := cutString(raw)
	key, rest, ok2 := cutString(rest)
	if !ok || !ok2 || len(rest) > 0 || string(name) != algorithm || len(key) != ed25519.PublicKeySize {
		return nil, errors.New("the public key is not one of type " + algorithm)
	}
	return key, nil
}

func parse(armored []byte, namespace string) (ed25519.PublicKey, []byte, error) {
	block, rest := pem.Decode(armored)
	if block == nil || block.Type != pemType || len(bytes.TrimSpace(rest)) > 0 || len(block.Headers) > 0 {
		return nil, nil, errors.New("no armored SSH signature")
	}
	b, ok := bytes.CutPrefix(block.Bytes, []byte(magic))
	if !ok || len(b) < 4 || binary.BigEndian.Uint32(b) != version {
		return nil, nil, errors.New("no SSH signature of version 1")
	}
	b = b[4:]
	var fields [5][]byte // public key, namespace, reserved, hash, signature
	for i := range fields {
		if fields[i], b, ok = cutString(b); !ok {
			return nil, nil, errors.New("the SSH signature is cut off")
		}
	}
	public, err := unmarshalPublic(fields[0])
	switch {
	case err != nil:
		return nil, nil, err
	case len(b) > 0:
		return nil, nil, errors.New("something follows the SSH signature")
	case string(fields[1]) != namespace:
		return nil, nil, fmt.Errorf("it is for %q and not for %q", fields[1], namespace)
	case string(fields[3]) != hash:
		return nil, nil, fmt.Errorf("the hash is %q, want %s", fields[3], hash)
	}
	name, rest, ok := cutString(fields[4])
	sig, rest, ok2 := cutString(rest)
	if !ok || !ok2 || len(rest) > 0 || string(name) != algorithm || len(sig) != ed25519.SignatureSize {
		return nil, nil, errors.New("the signature is not one of type " + algorithm)
	}
	return public, sig, nil
}

// armor wraps at 70 characters, as ssh-keygen does; encoding/pem wraps at 64,
// which OpenSSH reads as well, but a reader may compare.
func armor(blob []byte) []byte {
	text := base64.StdEncoding.EncodeToString(blob)
	var b bytes.Buffer
	b.WriteString("-----BEGIN " + pemType + "-----\n")
	for len(text) > 0 {
		n := min(70, len(text))
		b.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	b.WriteString("-----END " + pemType + "-----\n")
	return b.Bytes()
}

func appendString(b, s []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func cutString(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}
