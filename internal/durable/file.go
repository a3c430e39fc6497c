package durable

import (
	"crypto/rand"
	"errors"
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

// removeTemp removes what a failed change left, if it was made at all.
func removeTemp(fsys FS, temp string) error {
	if err := fsys.Remove(temp); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
