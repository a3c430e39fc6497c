package release

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/secrets"
)

const (
	stagingPrefix = ".staging-"
	trashPrefix   = ".trash-"

	removingSuffix = ".removing" // of a record
)

// Spec says what a release consists of.
type Spec struct {
	// ID names the release: 1 to 128 letters, digits, ".", "_", "-" and "+",
	// the first a letter or digit.
	ID string
	// From is copied into the release: directories, regular files with their
	// permissions, and symbolic links where From can read them. Either From or
	// Fill must be given.
	From fs.FS
	// Fill writes the release into dir, an empty directory beside the others
	// that does not have its final name yet.
	Fill func(ctx context.Context, dir string) error
	// Env and Secrets are the variables of the env file; names are letters,
	// digits and "_", not beginning with a digit, and in one of the two only.
	// With neither there is no env file.
	Env     map[string]string
	Secrets map[string]secrets.Value
	// EnvFile is the name of the env file in the release; empty is "env".
	EnvFile string
	// Shared are slash-separated paths in the release that become links to the
	// same path in shared. One that does not exist in shared yet is made there
	// as an empty directory; what the artefact has at that path is left out.
	Shared []string
}

// Stage makes a release complete and durable, and does not touch the live one.
// It returns the release that is there where it is the same already: same
// artefact, env file and shared paths. One that never served is replaced; else
// the error wraps [ErrExists].
func (d *Dir) Stage(ctx context.Context, spec Spec) (*Release, error) {
	r, err := d.stage(ctx, &spec)
	return r, d.wrap("stage", spec.ID, err)
}

func (d *Dir) stage(ctx context.Context, spec *Spec) (r *Release, err error) {
	env, err := spec.check()
	if err != nil {
		return nil, err
	}
	temp, lock, err := d.makeStaging(ctx, spec.ID)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil { // else it has its final name
			err = also(err, durable.RemoveAll(d.fsys, temp))
		}
		err = also(err, lock.Close())
	}()
	r = &Release{
		ID: spec.ID, Created: time.Now().UTC(), Shared: spec.Shared, Path: d.path(spec.ID),
		Events: []Event{{State: Staged, Time: time.Now().UTC()}},
	}
	if env != nil {
		r.EnvFile = spec.envFile()
	}
	if r.Artefact, err = d.fill(ctx, spec, temp, env); err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	var same *Release
	err = d.locked(ctx, func() error {
		if same, err = d.settle(r, env); same != nil || err != nil {
			return err
		}
		if err := durable.Rename(d.fsys, temp, r.Path); err != nil {
			return err
		}
		return d.save(r)
	})
	if err == nil && same != nil {
		return same, durable.RemoveAll(d.fsys, temp)
	}
	return r, err
}

// makeStaging makes an empty directory that nobody sweeps away meanwhile.
func (d *Dir) makeStaging(ctx context.Context, id string) (path string, lock *os.File, err error) {
	path = filepath.Join(d.releases(), stagingPrefix+id+"-"+rand.Text()[:12])
	err = d.locked(ctx, func() error {
		if err := d.fsys.Mkdir(path, d.perm); err != nil {
			return err
		}
		lock, err = durable.OpenLocked(ctx, path, os.O_RDONLY, 0, durable.TryExclusive)
		return err
	})
	return path, lock, err
}

// fill writes the release into dir and makes it durable.
func (d *Dir) fill(ctx context.Context, spec *Spec, dir string, env []byte) (digest string, err error) {
	if spec.Fill != nil {
		err = spec.Fill(ctx, dir)
	} else {
		err = d.copyTree(ctx, spec.From, dir)
	}
	if err != nil {
		return "", fmt.Errorf("fill: %w", err)
	}
	if digest, err = digestTree(ctx, dir); err != nil {
		return "", err
	}
	if err := d.link(spec, dir); err != nil {
		return "", err
	}
	if env != nil {
		if err := d.writeEnv(filepath.Join(dir, spec.envFile()), env); err != nil {
			return "", err
		}
	}
	return digest, durable.SyncTree(d.fsys, dir)
}

// settle decides about a release of the same name: the same one is returned,
// one that never served is removed.
func (d *Dir) settle(r *Release, env []byte) (same *Release, err error) {
	old, err := d.load(r.ID)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	live, err := d.live()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if old == nil {
		if live == r.ID {
			return nil, fmt.Errorf("it is live and its record is missing: %w", ErrExists)
		}
		return nil, d.remove(r.ID) // what a killed process left
	}
	isSame := old.Artefact == r.Artefact && old.EnvFile == r.EnvFile && slices.Equal(old.Shared, r.Shared)
	if isSame && old.EnvFile != "" {
		written, err := os.ReadFile(filepath.Join(old.Path, old.EnvFile))
		if err != nil {
			return nil, err
		}
		isSame = bytes.Equal(written, env)
	}
	switch {
	case isSame:
		return old, nil
	case old.served() || live == r.ID:
		return nil, ErrExists
	}
	return nil, d.remove(r.ID)
}

// link replaces the shared paths by links.
func (d *Dir) link(spec *Spec, dir string) error {
	for _, p := range spec.Shared {
		target := filepath.Join(d.shared(), filepath.FromSlash(p))
		info, err := os.Stat(target)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
			err = durable.MkdirAll(d.fsys, target, d.perm)
		}
		if err != nil {
			return err
		}
		name, err := d.makeParents(dir, p)
		if err != nil {
			return err
		}
		if err := durable.RemoveTree(d.fsys, name); err != nil {
			return err
		}
		up := strings.Repeat("../", strings.Count(p, "/")+2)
		if err := d.fsys.Symlink(up+"shared/"+p, name); err != nil {
			return err
		}
	}
	return nil
}

// makeParents makes the directories above a path in dir, and refuses to leave
// dir by a link of the artefact.
func (d *Dir) makeParents(dir, path string) (name string, err error) {
	name = dir
	parts := strings.Split(path, "/")
	for _, part := range parts[:len(parts)-1] {
		name = filepath.Join(name, part)
		info, err := os.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = d.fsys.Mkdir(name, d.perm)
		case err == nil && !info.IsDir():
			err = fmt.Errorf("shared path %q: the artefact has something there that is no directory: %w", path, ErrSpec)
		}
		if err != nil {
			return "", &Error{Path: name, Err: err}
		}
	}
	return filepath.Join(name, parts[len(parts)-1]), nil
}
