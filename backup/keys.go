package backup

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"

	"github.com/masaruk/devops/internal/sshsig"
	"github.com/masaruk/devops/secrets"
)

// Role is what somebody may do with a repository.
type Role string

// The roles. A machine holds the key of the one that it needs.
const (
	// RoleWriter adds backups. Its key reads no content, and removes nothing.
	RoleWriter Role = "writer"
	// RoleKeeper lets old backups go. Its key reads no content either.
	RoleKeeper Role = "keeper"
	// RoleReader reads, verifies and restores. It has no key of its own: who
	// has the identity of an operator is one.
	RoleReader Role = "reader"
)

// Keys are what [Init] makes, once. None of them is stored anywhere else.
type Keys struct {
	// Writer and Keeper are the texts that [OpenWriter] and [OpenKeeper] take.
	// Keep them apart, in files of mode 0600 or with your other secrets.
	Writer, Keeper secrets.Value
	// Fingerprint stands for the repository and all who may sign in it. Kept
	// beside the identities of the operators and given to [OpenReader], it
	// shows a repository that somebody has put in place of this one.
	Fingerprint string
}

// Sizes and names of the format.
const (
	formatVersion = 1
	idAlphabet    = "abcdefghijklmnopqrstuvwxyz234567"
)

// ErrKey reports a key that is no key of the role or of the repository.
var ErrKey = errors.New("key does not fit")

// key is the content of the text of a Writer's or a Keeper's key.
type key struct {
	Format      int    `json:"format"`
	Role        Role   `json:"role"`
	Repository  string `json:"repository"`
	Fingerprint string `json:"fingerprint"`
	// Metadata is the age identity that reads the records.
	Metadata string `json:"metadata"`
	// Signing is the seed of the ed25519 key, in base64.
	Signing []byte `json:"signing"`
}

func (k key) text() secrets.Value {
	raw, err := json.Marshal(k)
	if err != nil {
		panic(err) // strings and bytes
	}
	return secrets.New(fmt.Sprintf("# Key of the %s of the backup repository %s. Keep it secret.\n%s\n", k.Role, k.Repository, raw))
}

// parseKey reads what text wrote. The error shows nothing of it.
func parseKey(text secrets.Value, role Role) (key, error) {
	var k key
	content := uncommented(text.Reveal())
	if strings.TrimSpace(content) == "" {
		return k, fmt.Errorf("%w: the key of the %s is empty", ErrKey, role)
	}
	dec := json.NewDecoder(strings.NewReader(content))
	if err := dec.Decode(&k); err != nil || k.Repository == "" || len(k.Signing) != ed25519.SeedSize {
		return key{}, fmt.Errorf("%w: what should be the key of the %s is not the text that Init made", ErrKey, role)
	}
	switch {
	case k.Format != formatVersion:
		return key{}, fmt.Errorf("%w: the key of the %s has format %d, this version knows %d", ErrKey, role, k.Format, formatVersion)
	case k.Role != role && k.Role != RoleWriter && k.Role != RoleKeeper: // whatever it holds, it is not shown
		return key{}, fmt.Errorf("%w: it is the key of no role that is known, and the one of the %s is wanted", ErrKey, role)
	case k.Role != role:
		return key{}, fmt.Errorf("%w: it is the key of the %s, and the one of the %s is wanted", ErrKey, k.Role, role)
	}
	return k, nil
}

// uncommented drops the lines that begin with "#", and empty ones.
func uncommented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimSpace(line); trimmed != "" && trimmed[0] != '#' {
			b.WriteString(line)
		}
	}
	return b.String()
}

func (k key) signing() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k.Signing) }

func (k key) identity() (*age.X25519Identity, error) {
	id, err := age.ParseX25519Identity(k.Metadata)
	if err != nil {
		return nil, fmt.Errorf("%w: the key of the %s holds no age identity", ErrKey, k.Role)
	}
	return id, nil
}

// operators parses recipients, each the public key of an age identity.
func operators(recipients []string) ([]age.Recipient, error) {
	if len(recipients) == 0 {
		return nil, errors.New("field Operators: it is empty, and nobody could read the backups; give at least one age recipient (age1...), better two whose identities are kept apart")
	}
	var all []age.Recipient
	var errs []error
	seen := map[string]bool{}
	for i, text := range recipients {
		text = strings.TrimSpace(text)
		r, err := age.ParseX25519Recipient(text)
		switch {
		case strings.HasPrefix(strings.ToUpper(text), "AGE-SECRET-KEY-"):
			err = errors.New("it is an identity, which is secret; give its recipient (age-keygen -y prints it), and think of the identity as known to others now if it was on a command line")
		case err != nil: // age's text shows what was given
			err = errors.New(`it is not an age recipient ("age1..." as age-keygen prints it)`)
		case seen[text]:
			err = errors.New("it is there twice")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("field Operators[%d]: %w", i, err))
			continue
		}
		seen[text] = true
		all = append(all, r)
	}
	return all, errors.Join(errs...)
}

// identities parses the text of an age identity file.
func identities(text secrets.Value) ([]age.Identity, error) {
	ids, err := age.ParseIdentities(strings.NewReader(text.Reveal()))
	if err != nil { // age's text may show a part of it
		return nil, fmt.Errorf("%w: what should be the identity is not an age identity file (lines with AGE-SECRET-KEY-1..., comments with #)", ErrKey)
	}
	return ids, nil
}

// readerKey is the key with which those who can read content sign. It comes
// from the content identity, so that they need nothing else, and everybody can
// check it: its public half is in the epoch's description.
func readerKey(content *age.X25519Identity) (ed25519.PrivateKey, error) {
	seed, err := hkdf.Key(sha256.New, []byte(content.String()), nil, "devops backup reader signing key v1", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// randomName returns n characters of a-z and 2-7, five bits each.
func randomName(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails
	for i, b := range raw {
		raw[i] = idAlphabet[b&31]
	}
	return string(raw)
}

// seal encrypts a small text.
func seal(plain []byte, to ...age.Recipient) ([]byte, error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func publicText(key ed25519.PrivateKey) string {
	return sshsig.MarshalPublic(key.Public().(ed25519.PublicKey))
}
