package durable

import (
	"io"
	"io/fs"
	"os"
)

// FS is the changing half of a file system. Names are those of package os;
// what only reads uses package os itself.
type FS interface {
	// OpenFile is [os.OpenFile].
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Mkdir is [os.Mkdir].
	Mkdir(name string, perm fs.FileMode) error
	// Symlink is [os.Symlink].
	Symlink(target, name string) error
	// Link is [os.Link].
	Link(oldname, newname string) error
	// Rename is [os.Rename].
	Rename(oldname, newname string) error
	// Remove is [os.Remove].
	Remove(name string) error
	// SyncDir makes the entries of the directory durable, not their content.
	SyncDir(name string) error
}

// File is an open file of an [FS].
type File interface {
	io.Writer
	io.Closer
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	// Sync makes the content durable, not the name.
	Sync() error
}

// OS is the file system of the operating system.
type OS struct{}

var _ FS = OS{}

// OpenFile calls [os.OpenFile].
func (OS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Mkdir calls [os.Mkdir].
func (OS) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(name, perm) }

// Symlink calls [os.Symlink].
func (OS) Symlink(target, name string) error { return os.Symlink(target, name) }

// Link calls [os.Link].
func (OS) Link(oldname, newname string) error { return os.Link(oldname, newname) }

// Rename calls [os.Rename].
func (OS) Rename(oldname, newname string) error { return os.Rename(oldname, newname) }

// Remove calls [os.Remove].
func (OS) Remove(name string) error { return os.Remove(name) }

// SyncDir opens the directory and syncs it.
func (OS) SyncDir(name string) error { return syncDir(name) }
