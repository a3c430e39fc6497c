package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/masaruk/devops/internal/durable"
)

const (
	recordPerm fs.FileMode = 0o600
	secretDir  fs.FileMode = 0o700 // of records
)

// Options are the options of [New].
type Options struct {
	// Perm is the mode of the directories root, releases, shared and of each
	// release, which a web server of another user may have to read; zero is
	// 0755. The umask applies.
	Perm fs.FileMode
}

// Dir is the root directory of an application's releases. It is safe for
// concurrent use, also by other processes.
type Dir struct {
	root string
	perm fs.FileMode
	fsys durable.FS
}

// New returns the releases below root, which need not exist. It does no I/O.
func New(root string, opts *Options) (*Dir, error) {
	if root == "" {
		return nil, &Error{Op: "open", Err: errors.New("the root has no name; give a directory")}
	}
	abs, err := filepath.Abs(root) // the program may change its working directory
	if err != nil {
		return nil, &Error{Op: "open", Path: root, Err: err}
	}
	d := &Dir{root: abs, perm: 0o755, fsys: durable.OS{}}
	if opts != nil && opts.Perm != 0 {
		d.perm = opts.Perm
	}
	return d, nil
}

// Root returns the absolute path of the root.
func (d *Dir) Root() string { return d.root }

func (d *Dir) releases() string { return filepath.Join(d.root, "releases") }
func (d *Dir) records() string  { return filepath.Join(d.root, "records") }
func (d *Dir) shared() string   { return filepath.Join(d.root, "shared") }
func (d *Dir) current() string  { return filepath.Join(d.root, "current") }

// path is the directory of a release.
func (d *Dir) path(id string) string { return filepath.Join(d.releases(), id) }

// Current returns the id of the live release, and an error that wraps
// [fs.ErrNotExist] where there is none yet.
func (d *Dir) Current() (string, error) {
	id, err := d.live()
	if err == nil {
		if _, gone := os.Stat(d.path(id)); gone != nil { // it is not ErrNotExist: one is live
			err = &Error{"", id, d.current(), fmt.Errorf("it links to a release that is gone (%v); activate another one", gone)}
		}
	}
	if err != nil {
		return "", d.wrap("find current", "", err)
	}
	return id, nil
}

// live returns what current links to.
func (d *Dir) live() (string, error) {
	target, err := os.Readlink(d.current())
	if err != nil {
		return "", &Error{Path: d.current(), Err: err}
	}
	id, ok := strings.CutPrefix(filepath.ToSlash(target), "releases/")
	if !ok || checkID(id) != nil {
		return "", &Error{Path: d.current(), Err: fmt.Errorf("it links to %s, which is no release; remove it, or let it link to releases/<id>", target)}
	}
	return id, nil
}

// Activate makes the release live: current links to it from one instant to the
// next. Where it is live already nothing changes. The error wraps
// [fs.ErrNotExist] where the release is not there.
func (d *Dir) Activate(ctx context.Context, id string) error {
	return d.change(ctx, "activate", id, func() error {
		r, err := d.load(id)
		if err != nil {
			return err
		}
		live, err := d.live()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if live == id {
			return nil
		}
		if err := d.note(r, Active, ""); err != nil {
			return err
		}
		return durable.ReplaceSymlink(d.fsys, "releases/"+id, d.current())
	})
}

// change runs f under the lock of the root, after making durable what a killed
// process may have done.
func (d *Dir) change(ctx context.Context, op, id string, f func() error) error {
	err := checkID(id)
	if err == nil {
		err = d.locked(ctx, f)
	}
	return d.wrap(op, id, err)
}

// wrap adds operation and release to an error.
func (d *Dir) wrap(op, id string, err error) error {
	if err == nil {
		return nil
	}
	path := d.root
	if id != "" && checkID(id) == nil {
		path = d.path(id)
	}
	var inner *Error
	if errors.As(err, &inner) && inner.Path != "" {
		path = inner.Path
	}
	if inner == err { // it says where already
		err = inner.Err
	}
	return &Error{op, id, path, explain(err)}
}

func (d *Dir) locked(ctx context.Context, f func() error) (err error) {
	if err := d.layout(); err != nil {
		return err
	}
	lock, err := durable.OpenLocked(ctx, filepath.Join(d.root, ".lock"), os.O_RDWR|os.O_CREATE, recordPerm, durable.Exclusive)
	if err != nil {
		return err
	}
	defer func() { err = also(err, lock.Close()) }()
	if err := d.sweep(ctx); err != nil {
		return err
	}
	return f()
}

// layout makes the directories; sweep makes them durable below root.
func (d *Dir) layout() error {
	if err := durable.MkdirAll(d.fsys, d.root, d.perm); err != nil {
		return err
	}
	for _, dir := range []string{d.releases(), d.shared(), d.records()} {
		perm := d.perm
		if dir == d.records() {
			perm = secretDir
		}
		if _, err := os.Stat(dir); err == nil {
			continue
		}
		if err := d.fsys.Mkdir(dir, perm); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// sweep makes durable what is there and removes what killed processes left.
func (d *Dir) sweep(ctx context.Context) error {
	for _, dir := range []string{d.root, d.records()} {
		if err := durable.Sweep(d.fsys, dir); err != nil {
			return err
		}
	}
	for _, dir := range []string{d.root, d.records(), d.releases()} {
		if err := d.fsys.SyncDir(dir); err != nil {
			return err
		}
	}
	if err := d.finishRemovals(); err != nil {
		return err
	}
	entries, err := os.ReadDir(d.releases())
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(d.releases(), e.Name())
		switch {
		case strings.HasPrefix(e.Name(), trashPrefix):
			err = durable.RemoveAll(d.fsys, path)
		case strings.HasPrefix(e.Name(), stagingPrefix):
			err = d.sweepStaging(ctx, path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sweepStaging removes a release that nobody fills any more.
func (d *Dir) sweepStaging(ctx context.Context, path string) error {
	f, err := durable.OpenLocked(ctx, path, os.O_RDONLY, 0, durable.TryExclusive)
	if errors.Is(err, durable.ErrLocked) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(durable.RemoveAll(d.fsys, path), f.Close())
}
