package dirbackup

import (
	"io/fs"
	"os"
	"syscall"
	"time"
)

// openFlags open what a path stands for, be it what it will: no link is
// followed, and no pipe is waited for.
const openFlags = os.O_RDONLY | syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// status is what the system knows of a file besides.
type status struct {
	uid, gid             int
	device, inode, names uint64
	changed              time.Time
}

func statusOf(info fs.FileInfo) status {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return status{}
	}
	return status{
		uid: int(st.Uid), gid: int(st.Gid), device: uint64(st.Dev), inode: st.Ino, names: uint64(st.Nlink),
		changed: time.Unix(int64(st.Ctim.Sec), int64(st.Ctim.Nsec)).UTC(),
	}
}
