package durable

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// WriteFile replaces the file name with data. Whatever happens, name has its
// old content or all of the new one, and when WriteFile returns nil it has the
// new one for good. The directory must exist.
func WriteFile(fsys FS, name string, data []byte, perm fs.FileMode) error {
	temp := tempName(name)
	err := writeNew(fsys, temp, data, perm)
	if err == nil {
		err = fsys.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, removeTemp(fsys, temp))
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// Create makes the file name with all that content gives, and only where there
// is none: otherwise the error wraps [fs.ErrExist], and what is there stays as
// it is. Nobody sees a part of the file. When Create returns nil it is there
// for good. The directory must exist, and its file system must know hard links.
func Create(fsys FS, name string, content io.Reader, perm fs.FileMode) error {
	if _, err := os.Lstat(name); err == nil { // perhaps of a killed process, which did not make it durable
		return errors.Join(&fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}, fsys.SyncDir(filepath.Dir(name)))
	}
	temp := tempName(name)
	f, err := fsys.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, content, make([]byte, 128<<10))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = fsys.Link(temp, name)
	}
	if err = errors.Join(err, removeTemp(fsys, temp)); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// writeNew makes a new file with data and syncs its content.
func writeNew(fsys FS, name string, data []byte, perm fs.FileMode) error {
	f, err := fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Append adds data at the end of the file name in one write, and makes it if
// need be; its directory must exist. After an error the file has its old
// length, as far as the operating system still lets it be set. Callers exclude
// each other with [OpenLocked].
func Append(fsys FS, name string, data []byte, perm fs.FileMode) error {
	f, err := fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, perm)
	if err != nil {
		return err
	}
	return errors.Join(appendTo(fsys, f, name, data), f.Close())
}

func appendTo(fsys FS, f File, name string, data []byte) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		// The name first: a file with content always has a durable name.
		if err := fsys.SyncDir(filepath.Dir(name)); err != nil {
			return err
		}
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Truncate(info.Size()))
	}
	return nil
}

// Truncate cuts the file name to size.
func Truncate(fsys FS, name string, size int64) error {
	f, err := fsys.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// SyncFile makes the content of the file name durable, not the name.
func SyncFile(fsys FS, name string) error {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// tempName is a name beside name that nobody else uses.
func tempName(name string) string {
	dir, base := filepath.Split(name)
	return dir + "." + base + ".tmp-" + rand.Text()[:12]
}

// temporary matches the names that tempName makes.
var temporary = regexp.MustCompile(`^\..+\.tmp-[A-Z2-7]{12}$`)

// IsTemporary tells whether a file of this base name is one that a killed
// process may have left of [WriteFile], [Create] or [ReplaceSymlink].
func IsTemporary(base string) bool { return temporary.MatchString(base) }

// removeTemp removes what a failed change left, if it was made at all.
func removeTemp(fsys FS, temp string) error {
	if err := fsys.Remove(temp); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
