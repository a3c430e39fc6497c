//go:build linux || darwin

package progress

import (
	"os"
	"syscall"
	"unsafe"
)

// fileWidth asks the terminal for its width in columns, which may be unknown
// (0). It is not ok for a device that is no terminal.
func fileWidth(f *os.File) (width int, ok bool) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, false
	}
	var size struct{ rows, cols, x, y uint16 } // struct winsize
	var errno syscall.Errno
	err = conn.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size)))
	})
	return int(size.cols), err == nil && errno == 0
}
