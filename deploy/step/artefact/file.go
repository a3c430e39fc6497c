package artefact

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/masaruk/devops/internal/durable"
)

const partSuffix = ".part"

// part is where a file is written before it has its name. It is locked while
// somebody writes it, so that nobody else does, and the next one takes over
// what a killed process left.
func part(name string) string {
	return filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+partSuffix)
}

// writeFile replaces a file by what fill writes, durably, or leaves it as it
// is. It makes the folder.
func writeFile(ctx context.Context, fsys durable.FS, name string, fill func(io.Writer) error) error {
	if err := durable.MkdirAll(fsys, filepath.Dir(name), 0o755); err != nil {
		return err
	}
	temp := part(name)
	if err := own(fsys, temp, 0); err != nil {
		return err
	}
	lock, err := durable.OpenLocked(ctx, temp, os.O_RDWR|os.O_CREATE, 0o600, durable.Exclusive)
	if err != nil {
		return err
	}
	defer lock.Close() // nothing is written through it
	err = fillFile(fsys, temp, fill)
	if err == nil {
		err = fsys.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, remove(fsys, temp))
	}
	return fsys.SyncDir(filepath.Dir(name))
}

func fillFile(fsys durable.FS, name string, fill func(io.Writer) error) error {
	f, err := fsys.OpenFile(name, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// own removes what has one of our names and is of another type than what we
// make there: through a link it would be somebody else's that is written, and
// a pipe would never end.
func own(fsys durable.FS, name string, typ fs.FileMode) error {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().Type() == typ {
		return nil
	}
	if err != nil {
		return err
	}
	return remove(fsys, name)
}

// remove removes a file, durably, if it is there.
func remove(fsys durable.FS, name string) error {
	err := fsys.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// sweep removes what killed processes left of writeFile in a folder.
func sweep(ctx context.Context, fsys durable.FS, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") || !strings.HasSuffix(e.Name(), partSuffix) {
			continue
		}
		if err := sweepOne(ctx, fsys, filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func sweepOne(ctx context.Context, fsys durable.FS, name string) error {
	lock, err := durable.OpenLocked(ctx, name, os.O_RDWR, 0, durable.TryExclusive)
	if errors.Is(err, durable.ErrLocked) || errors.Is(err, fs.ErrNotExist) {
		return nil // somebody is at it
	}
	if err != nil {
		return err
	}
	defer lock.Close() // nothing is written through it
	return remove(fsys, name)
}

// orOS is the file system of the operating system unless a test has put
// another one in its place.
func orOS(fsys durable.FS) durable.FS {
	if fsys == nil {
		return durable.OS{}
	}
	return fsys
}
