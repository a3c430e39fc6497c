package backup

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/masaruk/devops/internal/sshsig"
)

// Names of objects in a repository; see FORMAT.md.
const (
	epochName     = "epochs/1.json"
	keysPrefix    = "keys/"
	backupsPrefix = "backups/"
	dataPrefix    = "data/"
)

// maxSmall bounds what is read into memory as a whole: descriptions, keys and
// records.
const maxSmall = 16 << 20

// epoch is the description of who may read and sign, which is no secret.
type epoch struct {
	Format     int       `json:"format"`
	Repository string    `json:"repository"`
	Epoch      int       `json:"epoch"`
	Created    time.Time `json:"created"`
	// Content and Metadata are the age recipients that content and records
	// are encrypted to.
	Content  string `json:"content"`
	Metadata string `json:"metadata"`
	// Signers are the keys of the roles, as OpenSSH writes them.
	Signers map[Role]string `json:"signers"`
}

// fingerprint of the bytes of a description.
func fingerprint(raw []byte) string {
	sum := sha256.Sum256(raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// signer returns the public key of a role.
func (e *epoch) signer(role Role) (ed25519.PublicKey, error) {
	key, err := sshsig.ParsePublic(e.Signers[role])
	if err != nil {
		return nil, fmt.Errorf("%s: the key of the %s: %w", epochName, role, err)
	}
	return key, nil
}

// InitOptions say what [Init] needs to know.
type InitOptions struct {
	// Operators are the age recipients ("age1...") of those who may read the
	// backups. At least one is needed; two whose identities are kept apart, one
	// of them offline, are what outlives the loss of one.
	Operators []string
	// Save, where it is set, is called with the keys before the repository
	// exists, so that none exists whose keys are lost; an error ends Init.
	Save func(*Keys) error
}

// Init makes a repository in a store that holds none, and returns its keys. A
// store that holds a repository already is refused with an error that wraps
// [fs.ErrExist], and is left as it is. What an Init that was cut off leaves is
// no repository: it may be called again. After an error of the store nobody knows
// whether the repository exists: a new Init tells, and the keys that Save has got
// are those of it.
func Init(ctx context.Context, store Store, opts InitOptions) (*Keys, error) {
	readers, err := operators(opts.Operators)
	if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	if err := vacant(ctx, store); err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	keys, description, sealed, err := generate(readers)
	if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	if opts.Save != nil {
		if err := opts.Save(keys); err != nil {
			return nil, fmt.Errorf("init: keep the keys: %w", err)
		}
	}
	// The description comes last: with it the repository exists. Of two that
	// race here one fails, and leaves sealed identities that belong to nothing.
	if err := putSmall(ctx, store, keysName(keys.Fingerprint, 1), sealed); err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	if err := putSmall(ctx, store, epochName, description); err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	return keys, nil
}

// vacant refuses a store that holds a repository.
func vacant(ctx context.Context, store Store) error {
	for object, err := range store.List(ctx, "epochs/") {
		if err != nil {
			return err
		}
		return fmt.Errorf("the store holds a repository already (%s): %w", object.Name, fs.ErrExist)
	}
	for object, err := range store.List(ctx, backupsPrefix) {
		if err != nil {
			return err
		}
		return fmt.Errorf("the store holds backups (%s) of a repository whose description %s is missing: bring it back instead: %w", object.Name, epochName, fs.ErrExist)
	}
	return nil
}

// generate makes new keys, the epoch's description, and its sealed identities.
func generate(readers []age.Recipient) (keys *Keys, description, sealed []byte, err error) {
	content, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, nil, nil, err
	}
	metadata, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, nil, nil, err
	}
	reader, err := readerKey(content)
	if err != nil {
		return nil, nil, nil, err
	}
	_, writer, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, nil, nil, err
	}
	_, keeper, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, nil, nil, err
	}
	e := epoch{
		Format: formatVersion, Repository: randomName(16), Epoch: 1, Created: time.Now().UTC().Truncate(time.Second),
		Content: content.Recipient().String(), Metadata: metadata.Recipient().String(),
		Signers: map[Role]string{RoleWriter: publicText(writer), RoleKeeper: publicText(keeper), RoleReader: publicText(reader)},
	}
	description, err = json.MarshalIndent(e, "", "  ")
	if err != nil {
		return nil, nil, nil, err
	}
	description = append(description, '\n')
	keys = &Keys{Fingerprint: fingerprint(description)}
	k := key{Format: formatVersion, Repository: e.Repository, Fingerprint: keys.Fingerprint, Metadata: metadata.String()}
	k.Role, k.Signing = RoleWriter, writer.Seed()
	keys.Writer = k.text()
	k.Role, k.Signing = RoleKeeper, keeper.Seed()
	keys.Keeper = k.text()
	sealed, err = seal(epochIdentities(e.Repository, keys.Fingerprint, content, metadata), readers...)
	return keys, description, sealed, err
}

// epochIdentities is the plain text of the sealed identities: an age identity
// file.
func epochIdentities(repository, fingerprint string, content, metadata *age.X25519Identity) []byte {
	return fmt.Appendf(nil, "# Backup repository %s, epoch 1.\n# description: %s\n# content:\n%s\n# metadata:\n%s\n",
		repository, fingerprint, content, metadata)
}

// keysOf is what the names of all versions of the sealed identities of the
// repository begin with.
func keysOf(fingerprint string) string {
	return keysPrefix + strings.TrimPrefix(fingerprint, "sha256:")[:16] + "."
}

// keysName is the name of the n-th version of them.
func keysName(fingerprint string, n int) string {
	return keysOf(fingerprint) + strconv.Itoa(n) + ".age"
}

// newestKeys returns the highest version of the sealed identities that is
// there, and the names of all.
func newestKeys(ctx context.Context, store Store, fingerprint string) (n int, names []string, err error) {
	prefix := keysOf(fingerprint)
	for object, err := range store.List(ctx, prefix) {
		if err != nil {
			return 0, nil, err
		}
		text, ok := strings.CutSuffix(strings.TrimPrefix(object.Name, prefix), ".age")
		if version, err := strconv.Atoi(text); ok && err == nil {
			n = max(n, version)
			names = append(names, object.Name)
		}
	}
	if n == 0 {
		return 0, nil, fmt.Errorf("the store holds no keys (%s*): %w", prefix, fs.ErrNotExist)
	}
	return n, names, nil
}

// loadEpoch reads the description and compares it with the fingerprint; an
// empty one accepts any.
func loadEpoch(ctx context.Context, store Store, want string) (*epoch, string, error) {
	raw, err := getSmall(ctx, store, epochName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("the store holds no repository; Init makes one: %w", err)
	}
	if err != nil {
		return nil, "", err
	}
	got := fingerprint(raw)
	if want != "" && got != want {
		return nil, "", fmt.Errorf("%w: the repository's description has the fingerprint %s, and %s is expected: it is another repository, or somebody has put something in its place", ErrKey, got, want)
	}
	var e epoch
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, "", fmt.Errorf("%s: %w", epochName, err)
	}
	if e.Format != formatVersion || e.Epoch != 1 {
		return nil, "", fmt.Errorf("%s has format %d and epoch %d, this version knows 1 and 1: use a newer version of the program", epochName, e.Format, e.Epoch)
	}
	return &e, got, nil
}

// putSmall stores an object. One of the same content that is there already is
// that of a Put whose answer was lost.
func putSmall(ctx context.Context, store Store, name string, content []byte) error {
	err := store.Put(ctx, name, bytes.NewReader(content))
	if errors.Is(err, fs.ErrExist) {
		if there, getErr := getSmall(ctx, store, name); getErr == nil && bytes.Equal(there, content) {
			return nil
		}
	}
	return err
}

// getSmall reads an object as a whole.
func getSmall(ctx context.Context, store Store, name string) ([]byte, error) {
	r, err := store.Get(ctx, name, 0, maxSmall+1)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if len(raw) > maxSmall {
		return nil, fmt.Errorf("%s has more than %d bytes, which no such object has", name, maxSmall)
	}
	return raw, nil
}

// unseal decrypts a small object.
func unseal(ctx context.Context, store Store, name string, ids ...age.Identity) ([]byte, error) {
	raw, err := getSmall(ctx, store, name)
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(bytes.NewReader(raw), ids...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, fmt.Errorf("%s: %w: it is encrypted to others", name, ErrKey)
	}
	if err == nil {
		raw, err = io.ReadAll(io.LimitReader(plain, maxSmall))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrDamaged, err)
	}
	return raw, nil
}

// ErrDamaged reports something stored that is not what was written: bytes that
// changed, that are missing, or that belong elsewhere.
var ErrDamaged = errors.New("damaged")

// openIdentities reads the epoch's identities with those of an operator.
func openIdentities(ctx context.Context, store Store, fingerprint string, operator []age.Identity) (content, metadata *age.X25519Identity, err error) {
	n, _, err := newestKeys(ctx, store, fingerprint)
	if err != nil {
		return nil, nil, err
	}
	name := keysName(fingerprint, n)
	plain, err := unseal(ctx, store, name, operator...)
	if err != nil {
		return nil, nil, err
	}
	described := ""
	var found []*age.X25519Identity
	for line := range strings.Lines(string(plain)) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "# description: "); ok {
			described = text
		}
		if id, err := age.ParseX25519Identity(line); err == nil {
			found = append(found, id)
		}
	}
	if len(found) != 2 || described != fingerprint {
		return nil, nil, fmt.Errorf("%s: %w: it does not hold the two identities of this repository", name, ErrDamaged)
	}
	return found[0], found[1], nil
}
