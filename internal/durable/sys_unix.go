//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package durable

import (
	"errors"
	"os"
	"syscall"
)

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// cannotSync tells an error of a directory that is on a file system which does
// not change, or not in a way that can be synced.
func cannotSync(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EINVAL)
}

func operation(lock Lock) int {
	if lock == Shared {
		return syscall.LOCK_SH
	}
	return syscall.LOCK_EX
}

// tryLock locks f if nobody is in the way.
func tryLock(f *os.File, lock Lock) (bool, error) {
	err := flock(f, operation(lock)|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// waitLock locks f, however long it takes.
func waitLock(f *os.File, lock Lock) error { return flock(f, operation(lock)) }

func unlock(f *os.File) error { return flock(f, syscall.LOCK_UN) }

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
