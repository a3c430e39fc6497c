package secrets

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// MinFingerprintKey is the length in bytes of the shortest key that
// [NewFingerprinter] takes: that of what HMAC-SHA256 gives (RFC 2104).
const MinFingerprintKey = sha256.Size

// fingerprintVersion stands before the text of a Fingerprint.
const fingerprintVersion = "v1"

// Fingerprinter makes fingerprints of secrets under one key, so that places
// which must not see each other's secrets can tell whether they are the same.
// Use [NewFingerprinter] to make one. It is safe for concurrent use.
type Fingerprinter struct {
	key Value
	id  [4]byte
}

// NewFingerprinter returns a Fingerprinter with that key, which all places have
// whose secrets are compared. The key is a secret, is random, such as from
// "openssl rand -hex 32", and is used for nothing else. Whoever has it can
// guess at fingerprints without asking anybody, and finds every secret that is
// short, common or chosen by a person; without it a fingerprint tells nothing.
//
// The error says that the key is shorter than [MinFingerprintKey]. Nothing can
// tell here whether it is random.
func NewFingerprinter(key Value) (*Fingerprinter, error) {
	if n := len(key.Reveal()); n < MinFingerprintKey {
		return nil, fmt.Errorf("secrets: fingerprints: the key has %d bytes and needs %d or more: make one of random bytes", n, MinFingerprintKey)
	}
	f := &Fingerprinter{key: key}
	copy(f.id[:], f.sum("key", ""))
	return f, nil
}

// Of returns the fingerprint of v. Those of two secrets under the same key are
// equal if the secrets are; those of different ones are not, but by a chance of
// one in 2^128. The empty secret has one as well. A Fingerprinter that
// [NewFingerprinter] did not make has no key and gives the zero Fingerprint.
func (f *Fingerprinter) Of(v Value) Fingerprint {
	if f.key.IsZero() {
		return Fingerprint{}
	}
	p := Fingerprint{key: f.id}
	copy(p.sum[:], f.sum("value", v.Reveal()))
	return p
}

// sum is HMAC-SHA256 of text. What it is for stands before the text, so that
// it is of no use where the same key made something else.
func (f *Fingerprinter) sum(use, text string) []byte {
	mac := hmac.New(sha256.New, []byte(f.key.Reveal()))
	_, _ = fmt.Fprintf(mac, "github.com/masaruk/devops/secrets fingerprint %s %s\x00%s", fingerprintVersion, use, text) // a hash takes everything
	return mac.Sum(nil)
}

// Fingerprint stands for a secret where that may not be seen, such as in a
// report that compares two environments. Compare two with ==, and see
// [Fingerprint.SameKey] where they come from different places. The zero
// Fingerprint is that of no secret.
type Fingerprint struct {
	key [4]byte // what the key is called
	sum [16]byte
}

// IsZero tells whether p is the zero Fingerprint, which stands for nothing.
func (p Fingerprint) IsZero() bool { return p == Fingerprint{} }

// SameKey tells whether the two were made under the same key. Where not, that
// they differ says nothing about the secrets.
func (p Fingerprint) SameKey(other Fingerprint) bool {
	return !p.IsZero() && !other.IsZero() && p.key == other.key
}

// String returns "v1." with a name of the key and the fingerprint, each in
// hexadecimal digits, 44 bytes together; nothing for the zero Fingerprint.
func (p Fingerprint) String() string {
	if p.IsZero() {
		return ""
	}
	return fingerprintVersion + "." + hex.EncodeToString(p.key[:]) + "." + hex.EncodeToString(p.sum[:])
}

// MarshalText returns what String does. JSON, XML and YAML encoders use it.
func (p Fingerprint) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

var errFingerprint = errors.New(`a fingerprint has the form "v1.", 8 hexadecimal digits, "." and 32 more`)

// UnmarshalText reads what String gives. The error does not hold the text,
// which may be a secret in the wrong place.
func (p *Fingerprint) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*p = Fingerprint{}
		return nil
	}
	parts := strings.Split(string(text), ".")
	if number, ok := strings.CutPrefix(parts[0], "v"); ok && parts[0] != fingerprintVersion && strings.Trim(number, "0123456789") == "" {
		return errors.New("secrets: the fingerprint is of a version that this program does not know; make it again")
	}
	var read Fingerprint
	if len(parts) != 3 || len(parts[1]) != 2*len(read.key) || len(parts[2]) != 2*len(read.sum) {
		return fmt.Errorf("secrets: %w", errFingerprint)
	}
	_, errKey := hex.Decode(read.key[:], []byte(parts[1]))
	_, errSum := hex.Decode(read.sum[:], []byte(parts[2]))
	if errKey != nil || errSum != nil || parts[0] != fingerprintVersion {
		return fmt.Errorf("secrets: %w", errFingerprint)
	}
	*p = read
	return nil
}

var (
	_ fmt.Stringer             = Fingerprint{}
	_ encoding.TextMarshaler   = Fingerprint{}
	_ encoding.TextUnmarshaler = (*Fingerprint)(nil)
)
