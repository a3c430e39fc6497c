//go:build unix

package localexec

import (
	"errors"
	"syscall"
)

// groupAlive tells whether the group of a leader that was reaped has a process
// left. The kernel gives the number of a group to nobody else while the group
// has members, so a poll every few milliseconds cannot meet a stranger.
func groupAlive(pgid int) bool {
	// Where this program is the init process of a container the orphans of
	// the group are its children now: reap them.
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-pgid, &ws, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if pid <= 0 || err != nil {
			break
		}
	}
	if errors.Is(syscall.Kill(-pgid, 0), syscall.ESRCH) {
		return false
	}
	return !onlyZombies(pgid)
}
