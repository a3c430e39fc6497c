package dirbackup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/masaruk/devops/backup"
)

// Restore makes the folder of a backup again, as [backup.Reader.Restore] does, and
// gives it the mode, the time and, with the option Owners, the owner that it had.
// An empty id is the newest backup of a folder that may be restored; where the
// repository has those of several sources, that is refused. The option Sparse
// leaves holes where the content is zero.
func Restore(ctx context.Context, r *backup.Reader, id, dir string, opts *backup.RestoreOptions) (*backup.RestoreReport, error) {
	b, d, err := find(ctx, r, id)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	rep, err := r.Restore(ctx, b.ID, dir, opts)
	if err != nil {
		return nil, err
	}
	if err := d.dress(rep.Target, opts != nil && opts.Owners); err != nil {
		return nil, fmt.Errorf("restore of backup %s: %w", b.ID, &backup.TargetError{Path: rep.Target, Err: err})
	}
	return rep, nil
}

// find returns a backup of a folder.
func find(ctx context.Context, r *backup.Reader, id string) (*backup.Listing, *Details, error) {
	var found *backup.Listing
	of := &Details{}
	for l, err := range r.List(ctx) {
		if err != nil && (l == nil || l.ID == id) {
			return nil, nil, err
		}
		if err != nil || (id != "" && l.ID != id) || (id == "" && (l.Kind != Kind || !l.Restorable())) {
			continue
		}
		if l.Kind != Kind {
			return nil, nil, fmt.Errorf("backup %s is one of kind %q, not of a folder", l.ID, l.Kind)
		}
		d := &Details{}
		if err := json.Unmarshal(l.Details, d); err != nil {
			return nil, nil, fmt.Errorf("backup %s: details: %w", l.ID, err)
		}
		if found != nil && of.Source != d.Source {
			return nil, nil, fmt.Errorf("there are backups of several sources (%q of %q, %q of %q, ...): give the ID of one", found.ID, of.Source, l.ID, d.Source)
		}
		if found == nil || l.Started.After(found.Started) {
			found, of = l, d
		}
	}
	if found == nil {
		return nil, nil, fmt.Errorf("no backup %s of a folder: %w", id, fs.ErrNotExist)
	}
	return found, of, nil
}

// dress gives the folder what it had, durably.
func (d *Details) dress(dir string, owners bool) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	if owners {
		err = f.Chown(d.UID, d.GID)
	}
	if err == nil {
		err = errors.Join(f.Chmod(modeOf(d.Mode)), os.Chtimes(dir, time.Time{}, d.Modified))
	}
	if syncErr := f.Sync(); !errors.Is(syncErr, errors.ErrUnsupported) {
		err = errors.Join(err, syncErr)
	}
	return errors.Join(err, f.Close())
}

// modeOf turns the bits of tar into those of package fs.
func modeOf(mode int64) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	for with, bit := range specialBits() {
		if mode&bit != 0 {
			m |= with
		}
	}
	return m
}

// tarMode does the reverse.
func tarMode(mode fs.FileMode) int64 {
	m := int64(mode.Perm())
	for with, bit := range specialBits() {
		if mode&with != 0 {
			m |= bit
		}
	}
	return m
}

func specialBits() map[fs.FileMode]int64 {
	return map[fs.FileMode]int64{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000}
}
