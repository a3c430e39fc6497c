package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func (r *Reader) prepare(ctx context.Context, id, dir string, opts *RestoreOptions) (*restore, error) {
	if dir == "" {
		return nil, errors.New("the target folder is empty")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	b, err := r.find(ctx, id)
	if err != nil {
		return nil, err
	}
	if b.Void != "" && (opts == nil || !opts.Void) {
		return nil, fmt.Errorf("backup %s is worthless, as its Writer says: %s", b.ID, b.Void)
	}
	x := &restore{Reader: r, b: b, dir: abs}
	x.marker = marker{Repository: b.Repository, Backup: b.ID, Record: b.digest}
	if opts != nil {
		x.opts = *opts
	}
	if x.opts.Place == nil {
		x.opts.Place = func(path string) string { return filepath.Join(abs, filepath.FromSlash(path)) }
	}
	x.bases = append([]string{abs}, x.opts.Folders...)
	if x.entries, err = r.index(ctx, &b.Backup); err != nil {
		return nil, err
	}
	x.folders = folders{fsys: r.fsys, bases: x.bases, made: map[string]bool{}}
	return x, x.places()
}

// places refuses a Place that leads out of the folders that are looked at.
func (x *restore) places() error {
	for i, dir := range x.opts.Folders {
		if !filepath.IsAbs(dir) || filepath.Clean(dir) != dir {
			return fmt.Errorf("field Folders[%d]: %q is no clean absolute path", i, dir)
		}
	}
	for _, entries := range x.entries {
		for _, e := range entries {
			if name := x.opts.Place(e.Path); x.folders.base(name) == "" {
				return fmt.Errorf("field Place: it puts %s at %q, which is in none of the folders %q", e.Path, name, x.bases)
			}
		}
	}
	return nil
}

// refuse tells why nothing may be written into the target; resumed is set where
// an earlier restore of the same backup has left it.
func (x *restore) refuse() (resumed bool, err error) {
	raw, err := os.ReadFile(filepath.Join(x.dir, markerName))
	switch {
	case err == nil:
		var there marker
		if err := json.Unmarshal(raw, &there); err != nil || there.Record != x.marker.Record || there.Repository != x.marker.Repository {
			return false, fmt.Errorf("%s holds an incomplete restore of backup %q; remove the folder, or restore that one", x.dir, there.Backup)
		}
		x.marker = there
		return true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, &TargetError{x.dir, err}
	}
	for _, dir := range x.bases {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, &TargetError{dir, err}
		}
		for _, e := range entries {
			if dir == x.dir && strings.HasPrefix(e.Name(), markerTemp) { // of a restore that had not begun
				continue
			}
			return false, fmt.Errorf("%s is not empty (%s); a restore writes over nothing: give it a new folder", dir, e.Name())
		}
	}
	return false, x.room()
}

// room refuses a restore that the file systems have no space for.
func (x *restore) room() error {
	type need struct {
		dir         string
		bytes, left int64
	}
	needs := map[uint64]*need{}
	known := map[string]uint64{}
	for _, dir := range x.bases {
		if id, left, ok := space(dir); ok {
			known[dir] = id
			if needs[id] == nil {
				needs[id] = &need{dir: dir, left: left}
			}
		}
	}
	for _, e := range x.all(EntryFile) {
		if id, ok := known[x.folders.base(x.opts.Place(e.Path))]; ok {
			needs[id].bytes += e.Size
		}
	}
	var errs []error
	for _, n := range needs {
		if n.bytes > n.left {
			errs = append(errs, &TargetError{n.dir, fmt.Errorf("%d bytes are needed, and %d are free", n.bytes, n.left)})
		}
	}
	return errors.Join(errs...)
}
