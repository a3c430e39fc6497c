package backup

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// free returns the bytes that the file system of dir has for this user, or of
// the nearest folder above it that exists; -1 where that cannot be told.
func free(dir string) int64 {
	for {
		var s syscall.Statfs_t
		err := syscall.Statfs(dir, &s)
		if err == nil {
			return int64(s.Bavail) * s.Bsize
		}
		if parent := filepath.Dir(dir); !errors.Is(err, syscall.ENOENT) || parent == dir {
			return -1
		} else {
			dir = parent
		}
	}
}

// preallocate makes room for size bytes, so that a full disk shows before the
// content is fetched, and the file is in one piece.
func preallocate(f *os.File, size int64) error {
	if size < 64<<10 {
		return nil
	}
	err := syscall.Fallocate(int(f.Fd()), 1 /* FALLOC_FL_KEEP_SIZE */, 0, size)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return nil
	}
	return err
}
