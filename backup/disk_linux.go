package backup

import (
	"errors"
	"path/filepath"
	"syscall"

	"github.com/masaruk/devops/internal/durable"
)

// space returns the bytes that the file system of dir has for this user, or of
// the nearest folder above it that exists, and what stands for the file system;
// ok is unset where that cannot be told.
func space(dir string) (id uint64, left int64, ok bool) {
	for {
		var of syscall.Statfs_t
		var at syscall.Stat_t
		err := errors.Join(syscall.Statfs(dir, &of), syscall.Stat(dir, &at))
		if err == nil {
			return uint64(at.Dev), int64(of.Bavail) * int64(of.Bsize), true
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, syscall.ENOENT) || parent == dir {
			return 0, 0, false
		}
		dir = parent
	}
}

// preallocate makes room for size bytes, so that a full disk shows before the
// content is fetched, and the file is in one piece.
func preallocate(f durable.File, size int64) error {
	with, ok := f.(interface{ Fd() uintptr })
	if !ok || size < 64<<10 {
		return nil
	}
	err := syscall.Fallocate(int(with.Fd()), 1 /* FALLOC_FL_KEEP_SIZE */, 0, size)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return nil
	}
	return err
}
