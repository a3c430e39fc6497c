package backup

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/masaruk/devops/internal/sshsig"
)

// Backup is the signed record of a backup. It is stored last: a backup exists
// when its record does.
type Backup struct {
	Format     int    `json:"format"`
	Repository string `json:"repository"`
	Epoch      int    `json:"epoch"`
	// ID names the backup: when it was begun, and random letters. Later ones
	// are greater, as far as the clocks of their Writers agree.
	ID string `json:"id"`
	// Kind is the Producer's, such as "postgresql".
	Kind string `json:"kind"`
	// Host is the one that the Writer ran on.
	Host    string    `json:"host,omitempty"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	// Files and Bytes are what a restore makes; Stored is what the backup
	// added to the store.
	Files  int64 `json:"files"`
	Bytes  int64 `json:"bytes"`
	Stored int64 `json:"stored"`
	// Parents are the backups that some of the objects belong to.
	Parents []string `json:"parents,omitempty"`
	// Objects are all that a restore needs.
	Objects []StoredObject `json:"objects"`
	// Details are what the Producer says of it.
	Details json.RawMessage `json:"details,omitempty"`

	digest string // of the signed line
}

// StoredObject is one object of a backup.
type StoredObject struct {
	Name string     `json:"name"`
	Role ObjectRole `json:"role"`
	// Size is in bytes, as stored; SHA256 is of these bytes, in hex.
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// ObjectRole says what an object holds.
type ObjectRole string

// The roles of objects.
const (
	// ObjectPart is a tar archive of files.
	ObjectPart ObjectRole = "part"
	// ObjectIndex lists the files, a line of JSON each; see [Entry].
	ObjectIndex ObjectRole = "index"
)

// recordKind says what is signed, and is part of what is signed.
type recordKind string

const (
	recordBackup    recordKind = "backup"    // by the Writer
	recordVoid      recordKind = "void"      // by the Writer: a parent was going while it was made
	recordVerified  recordKind = "verified"  // by a Reader
	recordTombstone recordKind = "tombstone" // by the Keeper
)

// signers tells which role signs a kind of record.
func (k recordKind) signer() Role {
	switch k {
	case recordVerified:
		return RoleReader
	case recordTombstone:
		return RoleKeeper
	}
	return RoleWriter
}

// namespace is that of the signature.
func (k recordKind) namespace() string { return "devops-backup-" + string(k) }

// recordName is where the only record of a kind of a backup is.
func recordName(id string, kind recordKind) string {
	return backupsPrefix + id + "/" + string(kind) + ".age"
}

// records reads and writes records: a line of JSON, the signature in armor
// behind it, and all of it encrypted to the metadata identity.
type records struct {
	store     Store
	epoch     *epoch
	recipient age.Recipient
	identity  age.Identity
}

func newRecords(store Store, e *epoch, id *age.X25519Identity) (*records, error) {
	if id.Recipient().String() != e.Metadata {
		return nil, fmt.Errorf("%w: it reads the records of another repository", ErrKey)
	}
	return &records{store, e, id.Recipient(), id}, nil
}

// put signs and stores a record.
func (r *records) put(ctx context.Context, name string, kind recordKind, key ed25519.PrivateKey, body any) error {
	line, err := json.Marshal(body)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	sealed, err := seal(append(line, sshsig.Sign(key, kind.namespace(), line)...), r.recipient)
	if err != nil {
		return err
	}
	if len(sealed) > maxSmall {
		return fmt.Errorf("the record has %d bytes, more than %d", len(sealed), maxSmall)
	}
	return putSmall(ctx, r.store, name, sealed)
}

// get reads a record and believes it only if the role that makes such records
// has signed it. The digest is of the signed line.
func (r *records) get(ctx context.Context, name string, kind recordKind, into any) (digest string, err error) {
	plain, err := unseal(ctx, r.store, name, r.identity)
	if err != nil {
		return "", err
	}
	line, sig, ok := bytes.Cut(plain, []byte("\n"))
	if !ok {
		return "", fmt.Errorf("%s: %w: it has no signature", name, ErrDamaged)
	}
	key, err := r.epoch.signer(kind.signer())
	if err == nil {
		_, err = sshsig.Verify(sig, kind.namespace(), plain[:len(line)+1], key)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w: %w", name, ErrDamaged, err)
	}
	if err := json.Unmarshal(line, into); err != nil {
		return "", fmt.Errorf("%s: %w: %w", name, ErrDamaged, err)
	}
	return fingerprint(plain[:len(line)+1]), nil
}

// backup reads the record of a backup, which must be where it says it is.
func (r *records) backup(ctx context.Context, id string) (*Backup, error) {
	name := recordName(id, recordBackup)
	var b Backup
	digest, err := r.get(ctx, name, recordBackup, &b)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("no backup %s: %w", id, fs.ErrNotExist)
		}
		return nil, err
	}
	switch {
	case b.Format != formatVersion:
		return nil, fmt.Errorf("%s has format %d, this version knows %d: use a newer version of the program", name, b.Format, formatVersion)
	case b.Repository != r.epoch.Repository || b.ID != id:
		return nil, fmt.Errorf("%s: %w: it is the record of backup %s of repository %s", name, ErrDamaged, b.ID, b.Repository)
	}
	b.digest = digest
	for _, o := range b.Objects {
		if CheckName(o.Name) != nil || !strings.HasPrefix(o.Name, dataPrefix) {
			return nil, fmt.Errorf("%s: %w: an object has the name %q", name, ErrDamaged, o.Name)
		}
	}
	return &b, nil
}
