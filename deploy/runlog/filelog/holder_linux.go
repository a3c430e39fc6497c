package filelog

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// remedy names the processes that hold the lock of a file, and says what to do
// about them.
func remedy(file os.FileInfo, path string) string {
	pids := holders(file)
	if len(pids) == 0 {
		return "find out which process has " + path + " open (fuser names it), end it, and run again"
	}
	var who []string
	for _, pid := range pids {
		who = append(who, describe(pid))
	}
	return strings.Join(who, " and ")
}

// describe says what to do about a holder.
func describe(pid int) string {
	if pid == os.Getpid() {
		return fmt.Sprintf("this process (%d) holds it, with another Log; see what hangs there", pid)
	}
	name, state := status(pid)
	if strings.HasPrefix(state, "T") || strings.HasPrefix(state, "t") {
		return fmt.Sprintf("process %d (%s) holds it and is stopped; end it (kill -KILL %d), or let it go on (kill -CONT %d), and run again", pid, name, pid, pid)
	}
	return fmt.Sprintf("process %d (%s) holds it; see what it waits for, end it if it hangs, and run again", pid, name)
}

// status returns the name and the state of a process.
func status(pid int) (name, state string) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // it may have ended
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Name:"); ok {
			name = strings.TrimSpace(rest)
		}
		if rest, ok := strings.CutPrefix(line, "State:"); ok {
			state = strings.TrimSpace(rest)
		}
	}
	return name, state
}

// holders returns the processes that have locked a file, by /proc/locks
// (proc_locks(5)). One whose files can be seen must have it open, since the
// number of an inode is not unique.
func holders(file os.FileInfo) []int {
	stat, ok := file.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return nil
	}
	defer locks.Close()
	var pids []int
	for lines := bufio.NewScanner(locks); lines.Scan(); {
		// 1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF
		f := strings.Fields(lines.Text())
		if len(f) < 6 || f[1] != "FLOCK" || !strings.HasSuffix(f[5], fmt.Sprintf(":%d", stat.Ino)) {
			continue
		}
		pid, err := strconv.Atoi(f[4])
		if err == nil && pid > 0 && !slices.Contains(pids, pid) && mayHave(pid, file) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// mayHave tells whether the process has the file open, or its files cannot be
// seen.
func mayHave(pid int, file os.FileInfo) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return !os.IsNotExist(err)
	}
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		return err == nil && os.SameFile(info, file)
	})
}
