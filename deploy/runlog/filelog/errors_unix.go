//go:build unix

package filelog

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

// keepOwner gives a new file the owner of the one that it replaces, whose
// users must not be shut out.
func keepOwner(old os.FileInfo, name string) error {
	now, err := os.Stat(name)
	if err != nil {
		return err
	}
	was, ok := old.Sys().(*syscall.Stat_t)
	is, ok2 := now.Sys().(*syscall.Stat_t)
	if !ok || !ok2 || was.Uid == is.Uid && was.Gid == is.Gid {
		return nil
	}
	if err := os.Chown(name, int(was.Uid), int(was.Gid)); err != nil {
		return fmt.Errorf("keep the owner of the file: %w; prune as user %d", err, was.Uid)
	}
	return nil
}
