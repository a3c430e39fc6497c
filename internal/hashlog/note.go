package hashlog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrSignature reports a note that is not signed by the key that was expected,
// or was changed after it was signed.
var ErrSignature = errors.New("signature is missing or does not match")

// Signer signs heads as signed notes: https://c2sp.org/signed-note, with the
// body of a checkpoint of https://c2sp.org/tlog-checkpoint, whose size is the
// number of the record and whose hash is that of the chain.
type Signer struct {
	name string
	key  ed25519.PrivateKey
}

// Verifier checks what a [Signer] of that name and key has signed.
type Verifier struct {
	name string
	key  ed25519.PublicKey
}

// NewSigner returns a Signer whose name stands in the notes.
func NewSigner(name string, key ed25519.PrivateKey) (*Signer, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("the private key has %d bytes, want %d", len(key), ed25519.PrivateKeySize)
	}
	return &Signer{name, key}, nil
}

// NewVerifier returns a Verifier.
func NewVerifier(name string, key ed25519.PublicKey) (*Verifier, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("the public key has %d bytes, want %d", len(key), ed25519.PublicKeySize)
	}
	return &Verifier{name, key}, nil
}

// Verifier returns the one that goes with s.
func (s *Signer) Verifier() *Verifier {
	return &Verifier{s.name, s.key.Public().(ed25519.PublicKey)}
}

func checkName(name string) error {
	if name == "" || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsSpace) || strings.Contains(name, "+") {
		return fmt.Errorf("the name of a key is %q; it has at least one character and neither space nor \"+\"", name)
	}
	return nil
}

// keyHash tells keys of one name apart.
func keyHash(name string, key ed25519.PublicKey) uint32 {
	const ed25519Notes = 0x01
	sum := sha256.Sum256(append([]byte(name+"\n"+string(rune(ed25519Notes))), key...))
	return binary.BigEndian.Uint32(sum[:])
}

// sign adds a signature to text, which ends in a line feed.
func (s *Signer) sign(text string) string {
	v := s.Verifier()
	sig := binary.BigEndian.AppendUint32(nil, keyHash(v.name, v.key))
	sig = append(sig, ed25519.Sign(s.key, []byte(text))...)
	return text + "\n— " + s.name + " " + base64.StdEncoding.EncodeToString(sig) + "\n"
}

// open returns the text of a note that v's key has signed, among others maybe.
func (v *Verifier) open(note string) (text string, err error) {
	const gap = "\n\n"
	at := strings.LastIndex(note, gap)
	if at < 0 || !strings.HasSuffix(note, "\n") {
		return "", fmt.Errorf("%w: it is not a signed note", ErrSignature)
	}
	text, rest := note[:at+1], note[at+len(gap):]
	want := keyHash(v.name, v.key)
	for line := range strings.Lines(rest) {
		sig, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "— "+v.name+" ")
		if !ok {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(sig)
		if err != nil || len(raw) != 4+ed25519.SignatureSize || binary.BigEndian.Uint32(raw) != want {
			continue
		}
		if ed25519.Verify(v.key, []byte(text), raw[4:]) {
			return text, nil
		}
	}
	return "", fmt.Errorf("%w: no signature by %s with the key %08x", ErrSignature, v.name, want)
}

// Sign returns the head of the stream as a signed note.
func (s *Signer) Sign(stream string, h Head) string {
	return s.sign(fmt.Sprintf("%s\n%d\n%s\n", stream, h.Seq, base64.StdEncoding.EncodeToString(h.Hash[:])))
}

// Open returns the head in a note about the stream. An error wraps
// [ErrSignature] where the note cannot be believed.
func (v *Verifier) Open(stream, note string) (Head, error) {
	text, err := v.open(note)
	if err != nil {
		return Head{}, err
	}
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) != 4 {
		return Head{}, errors.New("the note is not about a head")
	}
	if lines[0] != stream {
		return Head{}, fmt.Errorf("the note is about %q, not about %q", lines[0], stream)
	}
	n, ok := number([]byte(lines[1]))
	hash, err := base64.StdEncoding.DecodeString(lines[2])
	if !ok || err != nil || len(hash) != sha256.Size || !bytes.Equal([]byte(lines[1]), strconv.AppendUint(nil, n, 10)) {
		return Head{}, errors.New("the note is not about a head")
	}
	return Head{Seq: n, Hash: [sha256.Size]byte(hash)}, nil
}
