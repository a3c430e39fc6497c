package backup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// complete makes links, gives the folders their modes, makes all names durable,
// and removes the marker.
func (x *restore) complete() error {
	for _, e := range x.all(EntryLink) {
		name := x.opts.Place(e.Path)
		if err := x.link(name, e); err != nil {
			return &TargetError{name, err}
		}
	}
	if err := x.folders.sync(); err != nil {
		return err
	}
	for _, e := range slices.Backward(x.all(EntryDir)) {
		name := x.opts.Place(e.Path)
		if err := x.dressFolder(name, e); err != nil {
			return &TargetError{name, err}
		}
	}
	if x.opts.Finish != nil {
		if err := x.opts.Finish(); err != nil {
			return err
		}
		if err := x.folders.syncBases(); err != nil {
			return err
		}
	}
	return x.unmark()
}

// link makes a link, unless it is there.
func (x *restore) link(name string, e Entry) error {
	if err := x.folders.make(filepath.Dir(name)); err != nil {
		return err
	}
	if there, err := os.Readlink(name); err != nil || there != e.Link {
		if err := x.fsys.Symlink(e.Link, name); err != nil {
			return err
		}
	}
	return x.dress(name, e)
}

// dressFolder makes durable what it changes: through a handle, since the mode
// may not let us open it again.
func (x *restore) dressFolder(name string, e Entry) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = x.dress(name, e)
	if syncErr := d.Sync(); !errors.Is(syncErr, errors.ErrUnsupported) {
		err = errors.Join(err, syncErr)
	}
	return errors.Join(err, d.Close())
}

// unmark removes the marker, and what cut off restores left of it, last of all.
func (x *restore) unmark() error {
	entries, err := os.ReadDir(x.dir)
	if err != nil {
		return &TargetError{x.dir, err}
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), markerTemp) {
			if err := x.fsys.Remove(filepath.Join(x.dir, e.Name())); err != nil {
				return &TargetError{x.dir, err}
			}
		}
	}
	name := filepath.Join(x.dir, markerName)
	if err := errors.Join(x.fsys.Remove(name), x.fsys.SyncDir(x.dir)); err != nil {
		return &TargetError{name, err}
	}
	return nil
}
