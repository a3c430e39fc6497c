package pgbackup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/internal/durable"
)

// RestoreOptions configure a restore. The zero value is the default.
type RestoreOptions struct {
	// Tablespaces are the folders that tablespaces go to, by object identifier.
	// One that is not named goes to a folder beside the target, with
	// ".tablespaces" and the identifier behind its name: never where it was,
	// where the original may live on.
	Tablespaces map[string]string
	// Progress is told, from several goroutines, how many bytes of files were
	// added to those restored.
	Progress func(bytes int64)
}

// target is a restore of one backup.
type target struct {
	dir         string
	details     Details
	tablespaces map[string]string // oid to folder
}

// Plan tells what [Restore] would do, and does none of it.
func Plan(ctx context.Context, r *backup.Reader, id, dir string, opts *RestoreOptions) (*backup.RestorePlan, error) {
	t, id, err := prepare(ctx, r, id, dir, opts)
	if err != nil {
		return nil, fmt.Errorf("plan of a restore: %w", err)
	}
	return r.Plan(ctx, id, t.dir, t.options(opts))
}

// Restore makes a data directory of a backup, which a server of the same major
// version starts, and which is consistent once it has; see [Prove]. The folder
// must be missing or empty, and so must those of the tablespaces; see
// [backup.Reader.Restore]. An empty id is the newest backup of PostgreSQL.
func Restore(ctx context.Context, r *backup.Reader, id, dir string, opts *RestoreOptions) (*backup.RestoreReport, error) {
	t, id, err := prepare(ctx, r, id, dir, opts)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	return r.Restore(ctx, id, t.dir, t.options(opts))
}

func prepare(ctx context.Context, r *backup.Reader, id, dir string, opts *RestoreOptions) (*target, string, error) {
	b, err := find(ctx, r, id)
	if err != nil {
		return nil, "", err
	}
	t := &target{tablespaces: map[string]string{}}
	if err := json.Unmarshal(b.Details, &t.details); err != nil {
		return nil, "", fmt.Errorf("backup %s: details: %w", b.ID, err)
	}
	if t.dir, err = filepath.Abs(dir); err != nil || dir == "" {
		return nil, "", errors.Join(err, errors.New("the target folder is empty"))
	}
	named := map[string]string{}
	if opts != nil && opts.Tablespaces != nil {
		named = opts.Tablespaces
	}
	for oid := range named {
		if _, ok := t.details.Tablespaces[oid]; !ok {
			return nil, "", fmt.Errorf("field Tablespaces: the backup has no tablespace %q", oid)
		}
	}
	if err := t.mapTablespaces(named); err != nil {
		return nil, "", err
	}
	return t, b.ID, nil
}

// mapTablespaces decides where each tablespace goes: to folders none of which
// lies in another one.
func (t *target) mapTablespaces(named map[string]string) error {
	taken := map[string]string{t.dir: "the data directory"}
	for oid, place := range t.details.Tablespaces {
		if _, err := strconv.ParseUint(oid, 10, 32); err != nil {
			return fmt.Errorf("the record names the tablespace %q, which is no object identifier", oid)
		}
		to := t.dir + ".tablespaces/" + oid
		if name, ok := named[oid]; ok {
			if !filepath.IsAbs(name) {
				return fmt.Errorf("field Tablespaces: the folder %q of %s (%s) is not absolute", name, oid, place)
			}
			to = filepath.Clean(name)
		}
		for other, what := range taken {
			if within(to, other) || within(other, to) {
				return fmt.Errorf("field Tablespaces: the folder %s of %s, and that of %s (%s), are the same or lie in each other", to, oid, what, other)
			}
		}
		taken[to], t.tablespaces[oid] = oid, to
	}
	return nil
}

// within tells whether a folder is another one or is below it.
func within(dir, above string) bool {
	return dir == above || strings.HasPrefix(dir, strings.TrimSuffix(above, "/")+"/")
}

// find returns a backup of PostgreSQL: the newest one, unless a newer one cannot
// be read, where id is empty.
func find(ctx context.Context, r *backup.Reader, id string) (*backup.Listing, error) {
	var found *backup.Listing
	var unread error // of newer ones
	for l, err := range r.List(ctx) {
		switch {
		case l == nil, err != nil && l.ID == id && !l.Restorable():
			return nil, err
		case id == l.ID, id == "" && l.Kind == Kind && l.Restorable():
			found, unread = l, nil
		case err != nil:
			unread = errors.Join(unread, fmt.Errorf("backup %s: %w", l.ID, err))
		}
	}
	switch {
	case id == "" && unread != nil:
		return nil, fmt.Errorf("newer backups cannot be read, name the one that you want: %w", unread)
	case found == nil:
		return nil, fmt.Errorf("no backup %s of PostgreSQL that may be restored: %w", id, fs.ErrNotExist)
	case found.Kind != Kind:
		return nil, fmt.Errorf("backup %s is one of kind %q, not of PostgreSQL", found.ID, found.Kind)
	}
	return found, nil
}

func (t *target) options(opts *RestoreOptions) *backup.RestoreOptions {
	o := &backup.RestoreOptions{Place: t.place, Finish: t.finish}
	if opts != nil {
		o.Progress = opts.Progress
	}
	for _, dir := range t.tablespaces {
		o.Folders = append(o.Folders, dir)
	}
	slices.Sort(o.Folders)
	return o
}

// place puts the content of tablespaces into their folders.
func (t *target) place(path string) string {
	if rest, ok := strings.CutPrefix(path, "pg_tblspc/"); ok {
		oid, below, _ := strings.Cut(rest, "/")
		if dir, ok := t.tablespaces[oid]; ok {
			return filepath.Join(dir, filepath.FromSlash(below))
		}
	}
	return filepath.Join(t.dir, filepath.FromSlash(path))
}

// finish makes the links to the tablespaces, durably: without them a server
// would start, and miss what is in them.
func (t *target) finish() error {
	links := filepath.Join(t.dir, "pg_tblspc")
	for oid, dir := range t.tablespaces {
		name := filepath.Join(links, oid)
		if there, err := os.Readlink(name); err == nil && there == dir {
			continue
		}
		if err := os.Symlink(dir, name); err != nil {
			return &backup.TargetError{Path: name, Err: err}
		}
	}
	if len(t.tablespaces) > 0 {
		if err := (durable.OS{}).SyncDir(links); err != nil {
			return &backup.TargetError{Path: links, Err: err}
		}
	}
	if err := os.Chmod(t.dir, 0o700); err != nil { // a server refuses any other
		return &backup.TargetError{Path: t.dir, Err: err}
	}
	return nil
}
