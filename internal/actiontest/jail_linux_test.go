package actiontest_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"
)

// makeReadOnly makes every mount of this mount namespace, which must be the
// process's own, read only.
func makeReadOnly() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep the mounts private: %w", err)
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 {
			continue
		}
		// Flags that a mount has cannot be taken from it in a user namespace.
		flags := uintptr(syscall.MS_BIND | syscall.MS_REMOUNT | syscall.MS_RDONLY)
		for option := range strings.SplitSeq(fields[5], ",") {
			flags |= map[string]uintptr{
				"nosuid": syscall.MS_NOSUID, "nodev": syscall.MS_NODEV, "noexec": syscall.MS_NOEXEC,
				"noatime": syscall.MS_NOATIME, "nodiratime": syscall.MS_NODIRATIME, "relatime": syscall.MS_RELATIME,
			}[option]
		}
		name := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`).Replace(fields[4])
		err := syscall.Mount("", name, "", flags, "")
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EACCES) {
			continue // hidden below another mount, gone, or out of this user's reach
		}
		if err != nil {
			return fmt.Errorf("make %s read only: %w", name, err)
		}
	}
	return nil
}

// What seccomp(2) and its filters are made of.
const (
	sysSeccomp = 317 // amd64; 277 on arm64

	setModeFilter = 1
	filterTSync   = 1 // for all threads
	noNewPrivs    = 38

	killProcess = 0x80000000
	allow       = 0x7fff0000
	noSuchCall  = 0x00050000 | uint32(syscall.ENOSYS)

	archAMD64 = 0xc000003e
	archARM64 = 0xc00000b7

	loadWord  = 0x20 // BPF_LD|BPF_W|BPF_ABS
	jumpEqual = 0x15 // BPF_JMP|BPF_JEQ|BPF_K
	jumpAny   = 0x45 // BPF_JMP|BPF_JSET|BPF_K
	answer    = 0x06 // BPF_RET|BPF_K

	offsetNumber, offsetArch, offsetArg0, offsetArg2 = 0, 4, 16, 32

	sysClone3 = 435
)

// effects are the system calls without which nothing changes a file, speaks to
// anybody or starts a program; openat and clone are looked at more closely.
func effects() []uintptr {
	all := []uintptr{
		syscall.SYS_SOCKET, syscall.SYS_SOCKETPAIR, syscall.SYS_CONNECT, syscall.SYS_BIND, syscall.SYS_EXECVE,
		syscall.SYS_MKDIRAT, syscall.SYS_UNLINKAT, syscall.SYS_RENAMEAT, syscall.SYS_LINKAT, syscall.SYS_SYMLINKAT,
		syscall.SYS_MKNODAT, syscall.SYS_FCHMOD, syscall.SYS_FCHMODAT, syscall.SYS_FCHOWN, syscall.SYS_FCHOWNAT,
		syscall.SYS_TRUNCATE, syscall.SYS_FTRUNCATE, syscall.SYS_UTIMENSAT, syscall.SYS_FALLOCATE, syscall.SYS_MOUNT,
		syscall.SYS_SETXATTR, syscall.SYS_LSETXATTR, syscall.SYS_FSETXATTR,
		425 /* io_uring_setup */, 437 /* openat2 */, 452, /* fchmodat2 */
	}
	if runtime.GOARCH == "arm64" {
		return append(all, 276 /* renameat2 */, 281 /* execveat */)
	}
	return append(all, 316 /* renameat2 */, 322, /* execveat */
		2 /* open */, 57 /* fork */, 58 /* vfork */, 82 /* rename */, 83 /* mkdir */, 84 /* rmdir */, 85, /* creat */
		86 /* link */, 87 /* unlink */, 88 /* symlink */, 90 /* chmod */, 92 /* chown */, 94 /* lchown */, 132, /* utime */
		133 /* mknod */, 235 /* utimes */)
}

// forbidEffects makes the kernel end this process with SIGSYS at its first
// attempt to have an effect. There is no way back.
func forbidEffects() error {
	arch, number := uint32(archAMD64), uintptr(sysSeccomp)
	if runtime.GOARCH == "arm64" {
		arch, number = archARM64, 277
	}
	filter := []syscall.SockFilter{
		{Code: loadWord, K: offsetArch},
		{Code: jumpEqual, Jt: 1, K: arch},
		{Code: answer, K: killProcess},
		{Code: loadWord, K: offsetNumber},
	}
	for _, call := range effects() {
		filter = append(filter, syscall.SockFilter{Code: jumpEqual, Jf: 1, K: uint32(call)}, syscall.SockFilter{Code: answer, K: killProcess})
	}
	writes := uint32(syscall.O_WRONLY | syscall.O_RDWR | syscall.O_CREAT | syscall.O_TRUNC)
	filter = append(filter,
		syscall.SockFilter{Code: jumpEqual, Jf: 1, K: sysClone3}, syscall.SockFilter{Code: answer, K: noSuchCall}, // C libraries fall back to clone
		syscall.SockFilter{Code: jumpEqual, Jf: 4, K: uint32(syscall.SYS_OPENAT)},
		syscall.SockFilter{Code: loadWord, K: offsetArg2},
		syscall.SockFilter{Code: jumpAny, Jf: 1, K: writes}, syscall.SockFilter{Code: answer, K: killProcess},
		syscall.SockFilter{Code: answer, K: allow},
		syscall.SockFilter{Code: jumpEqual, Jf: 3, K: uint32(syscall.SYS_CLONE)},
		syscall.SockFilter{Code: loadWord, K: offsetArg0},
		syscall.SockFilter{Code: jumpAny, Jt: 1, K: syscall.CLONE_THREAD}, syscall.SockFilter{Code: answer, K: killProcess},
		syscall.SockFilter{Code: answer, K: allow},
	)
	program := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, noNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("prctl: %w", errno)
	}
	if _, _, errno := syscall.RawSyscall(number, setModeFilter, filterTSync, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}
