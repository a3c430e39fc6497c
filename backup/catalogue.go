package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"time"
)

// Listing is a backup and what has been recorded about it since.
type Listing struct {
	Backup
	// Verified are the verifications, oldest first. A backup that was never
	// verified is a hope.
	Verified []Verification `json:"verified,omitempty"`
	// Tombstone is set when the Keeper has given the backup up: it may be
	// deleted at any time after the grace, and nothing may refer to it.
	Tombstone *Tombstone `json:"tombstone,omitempty"`
	// Void is why the Writer takes the backup for worthless; empty mostly.
	Void string `json:"void,omitempty"`
}

// Restorable tells whether the backup may be relied on, as far as its records
// say: whether it was verified is another question.
func (l *Listing) Restorable() bool { return l.Void == "" && l.Tombstone == nil }

// Verification is the signed statement of a Reader that a backup is what its
// Writer stored.
type Verification struct {
	Backup string    `json:"backup"`
	Time   time.Time `json:"time"`
	// Record is the SHA-256 of the signed line of the backup's record, so that
	// a record that is changed later, even by the Writer's key, does not keep
	// the verification.
	Record string `json:"record"`
	// Deep says that all content was read, decrypted and compared; otherwise
	// the objects were there and had their sizes.
	Deep    bool  `json:"deep"`
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

// Tombstone is the signed statement of a Keeper that a backup is given up.
type Tombstone struct {
	Backup string    `json:"backup"`
	Time   time.Time `json:"time"`
	Reason string    `json:"reason,omitempty"`
}

// void is the signed statement of the Writer that its backup is worthless.
type void struct {
	Backup string    `json:"backup"`
	Time   time.Time `json:"time"`
	Reason string    `json:"reason"`
}

// list yields all backups, oldest first. An error with a Listing concerns that
// backup alone, whose ID it has, and the next one follows; one without ends
// the list.
func (r *records) list(ctx context.Context) iter.Seq2[*Listing, error] {
	return func(yield func(*Listing, error) bool) {
		var id string
		var names []string
		flush := func() bool {
			if len(names) == 0 {
				return true
			}
			l, err := r.listing(ctx, id, names)
			if l == nil && err == nil {
				return true
			}
			return yield(l, err)
		}
		for object, err := range r.store.List(ctx, backupsPrefix) {
			if err != nil {
				yield(nil, err)
				return
			}
			of, _, ok := strings.Cut(strings.TrimPrefix(object.Name, backupsPrefix), "/")
			if !ok {
				continue
			}
			if of != id {
				if !flush() {
					return
				}
				id, names = of, nil
			}
			names = append(names, object.Name)
		}
		flush()
	}
}

// listing reads the records of one backup. It is nil where there is none of a
// backup: of one that is being deleted the other records are left.
func (r *records) listing(ctx context.Context, id string, names []string) (*Listing, error) {
	l := &Listing{}
	l.ID = id
	found := false
	var errs []error
	for _, name := range names {
		kind, _, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(name, backupsPrefix+id+"/"), ".age"), "-")
		var err error
		switch recordKind(kind) {
		case recordBackup:
			var b *Backup
			if b, err = r.backup(ctx, id); err == nil {
				l.Backup = *b
			}
			found = true
		case recordVerified:
			var v Verification
			if _, err = r.get(ctx, name, recordVerified, &v); err == nil && v.Backup == id {
				l.Verified = append(l.Verified, v)
			}
		case recordTombstone:
			var t Tombstone
			if _, err = r.get(ctx, name, recordTombstone, &t); err == nil && t.Backup == id {
				l.Tombstone = &t
			}
		case recordVoid:
			var v void
			if _, err = r.get(ctx, name, recordVoid, &v); err == nil && v.Backup == id {
				l.Void = v.Reason
			}
		default:
			err = fmt.Errorf("%s: %w: no such kind of record is known", name, ErrDamaged)
		}
		if errors.Is(err, fs.ErrNotExist) { // deleted since the list was made
			err = nil
		}
		errs = append(errs, err)
	}
	if !found {
		return nil, nil
	}
	// Of the record that is there now, and not of one that was in its place.
	l.Verified = slices.DeleteFunc(l.Verified, func(v Verification) bool { return v.Record != l.digest })
	return l, errors.Join(errs...)
}
