//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package durable

import (
	"errors"
	"io/fs"
	"os"
)

func syncDir(name string) error {
	return &fs.PathError{Op: "sync directory", Path: name, Err: errors.ErrUnsupported}
}

func cannotSync(error) bool { return false }

func tryLock(*os.File, Lock) (bool, error) { return false, errors.ErrUnsupported }

func waitLock(*os.File, Lock) error { return errors.ErrUnsupported }

func unlock(*os.File) error { return errors.ErrUnsupported }
