package backup

import (
	"cmp"
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

	broken error // why nothing may be made of it
}

// Restorable tells whether the backup may be relied on, as far as its records
// say: whether it was verified is another question.
func (l *Listing) Restorable() bool {
	return l.Void == "" && l.Tombstone == nil && l.digest != "" && l.broken == nil
}

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
	var errs []error
	for _, name := range names {
		err := r.entry(ctx, l, name)
		if errors.Is(err, fs.ErrNotExist) { // deleted since the list was made
			err = nil
		}
		errs = append(errs, err)
	}
	if l.digest == "" && l.broken == nil {
		return nil, nil
	}
	for _, v := range l.Verified {
		if l.broken == nil && v.Record != l.digest {
			l.broken = fmt.Errorf("%s: %w: it is not the record that was verified at %s: it was put in its place",
				recordName(id, recordBackup), ErrDamaged, v.Time.Format(time.RFC3339))
			errs = append(errs, l.broken)
		}
	}
	l.Verified = slices.DeleteFunc(l.Verified, func(v Verification) bool { return v.Record != l.digest })
	return l, errors.Join(errs...)
}

// entry adds one record to the listing. Without those of the Writer nothing may
// be made of a backup; of the others that cannot be read it is only told.
func (r *records) entry(ctx context.Context, l *Listing, name string) error {
	kind, _, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(name, backupsPrefix+l.ID+"/"), ".age"), "-")
	var err error
	switch recordKind(kind) {
	case recordBackup:
		var b *Backup
		if b, err = r.backup(ctx, l.ID); err == nil {
			l.Backup = *b
		} else if !errors.Is(err, fs.ErrNotExist) {
			l.broken = errors.Join(l.broken, err)
		}
	case recordVoid:
		var v void
		if _, err = r.get(ctx, name, recordVoid, &v); err == nil && v.Backup == l.ID {
			l.Void = cmp.Or(v.Reason, "no reason was given")
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.broken = errors.Join(l.broken, err)
		}
	case recordVerified:
		var v Verification
		if _, err = r.get(ctx, name, recordVerified, &v); err == nil && v.Backup == l.ID {
			l.Verified = append(l.Verified, v)
		}
	case recordTombstone:
		var t Tombstone
		if _, err = r.get(ctx, name, recordTombstone, &t); err == nil && t.Backup == l.ID {
			l.Tombstone = &t
		}
	default:
		err = fmt.Errorf("%s: %w: no such kind of record is known", name, ErrDamaged)
	}
	return err
}
