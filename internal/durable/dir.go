package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// MkdirAll makes the directory name and those above it that are missing. It
// syncs the parents of all of them, also of those that exist; parents that
// exist and may not be read by this user are left alone.
func MkdirAll(fsys FS, name string, perm fs.FileMode) error {
	name, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	parent := filepath.Dir(name)
	if parent == name {
		return nil
	}
	if err := MkdirAll(fsys, parent, perm); err != nil {
		return err
	}
	existed, err := makeDir(fsys, name, perm)
	if err != nil {
		return err
	}
	err = fsys.SyncDir(parent)
	if existed && (errors.Is(err, fs.ErrPermission) || cannotSync(err)) {
		return nil
	}
	return err
}

// makeDir makes one directory unless it exists.
func makeDir(fsys FS, name string, perm fs.FileMode) (existed bool, err error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		err = fsys.Mkdir(name, perm)
		if errors.Is(err, fs.ErrExist) { // somebody else was faster
			return true, nil
		}
		return false, err
	}
	if err == nil && !info.IsDir() {
		return true, &fs.PathError{Op: "mkdir", Path: name, Err: errors.New("a file that is no directory is in the way")}
	}
	return true, err
}

// ReplaceSymlink makes name a symbolic link to target, in place of one that
// may be there: at every instant name is the old or the new link.
func ReplaceSymlink(fsys FS, target, name string) error {
	temp := tempName(name)
	if err := fsys.Symlink(target, temp); err != nil {
		return err
	}
	if err := fsys.Rename(temp, name); err != nil {
		return errors.Join(err, removeTemp(fsys, temp))
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// Rename moves oldname to newname, which takes the place of a file of that
// name. What is moved must be durable already.
func Rename(fsys FS, oldname, newname string) error {
	if err := fsys.Rename(oldname, newname); err != nil {
		return err
	}
	from, to := filepath.Dir(oldname), filepath.Dir(newname)
	if err := fsys.SyncDir(to); err != nil || from == to {
		return err
	}
	return fsys.SyncDir(from)
}

// RemoveAll removes name and all that is in it; a name that does not exist is
// no error, and its absence is made durable.
func RemoveAll(fsys FS, name string) error {
	if err := RemoveTree(fsys, name); err != nil {
		return err
	}
	err := fsys.SyncDir(filepath.Dir(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// RemoveTree is [RemoveAll] for what never was durable: it syncs nothing.
func RemoveTree(fsys FS, name string) error {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		entries, err := os.ReadDir(name)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := RemoveTree(fsys, filepath.Join(name, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := fsys.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Sweep removes what killed processes left of WriteFile and ReplaceSymlink in
// the directory. The caller excludes those that are still at it.
func Sweep(fsys FS, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if temporary.MatchString(e.Name()) {
			if err := fsys.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// SyncTree makes the directory name and all that is in it durable, but not its
// own name. Symbolic links are not followed. Files must be readable.
func SyncTree(fsys FS, name string) error {
	entries, err := os.ReadDir(name)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(name, e.Name())
		switch {
		case e.IsDir():
			err = SyncTree(fsys, path)
		case e.Type().IsRegular():
			err = SyncFile(fsys, path)
		}
		if err != nil {
			return err
		}
	}
	return fsys.SyncDir(name)
}
