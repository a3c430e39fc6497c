package localexec

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/masaruk/devops/deploy"
)

// stat is what /proc/PID/stat says about a process; see proc_pid_stat(5).
type stat struct {
	pid, ppid, pgrp, session int
	comm                     string
	dead                     bool // ended, perhaps not reaped
	start                    uint64
}

func readStat(pid int) (stat, error) {
	name := "/proc/" + strconv.Itoa(pid) + "/stat"
	text, err := os.ReadFile(name)
	if err != nil {
		return stat{}, err
	}
	s, err := parseStat(string(text))
	if err != nil {
		return stat{}, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// parseStat reads "pid (comm) state ppid pgrp session ...". The comm may hold
// spaces and parentheses, so fields are counted from the last one that closes.
func parseStat(text string) (stat, error) {
	var s stat
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 1 || end < open {
		return s, errors.New("no command name in parentheses")
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) < 20 {
		return s, fmt.Errorf("%d fields instead of at least 22", len(fields)+2)
	}
	s.comm = text[open+1 : end]
	threads := 0
	for _, f := range []struct {
		text string
		into *int
	}{{strings.TrimSpace(text[:open]), &s.pid}, {fields[1], &s.ppid}, {fields[2], &s.pgrp}, {fields[3], &s.session}, {fields[17], &threads}} {
		n, err := strconv.Atoi(f.text)
		if err != nil {
			return s, err
		}
		*f.into = n
	}
	// The first thread of a process may have ended while others run.
	s.dead = strings.Contains("ZXx", fields[0]) && threads <= 1
	var err error
	s.start, err = strconv.ParseUint(fields[19], 10, 64)
	return s, err
}

// allStats returns every process that can be read. One that ends meanwhile is
// left out.
func allStats() ([]stat, error) {
	pids, err := allPIDs()
	if err != nil {
		return nil, err
	}
	var all []stat
	for _, pid := range pids {
		if s, err := readStat(pid); err == nil {
			all = append(all, s)
		}
	}
	return all, nil
}

func allPIDs() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// family returns the numbers of this program and its ancestors.
func family() map[int]bool {
	all := map[int]bool{}
	for pid := os.Getpid(); pid > 0 && !all[pid]; {
		all[pid] = true
		s, err := readStat(pid)
		if err != nil {
			break
		}
		pid = s.ppid
	}
	return all
}

// bootID is the same as long as the system runs.
var bootID = sync.OnceValues(func() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
})

// marker returns the value of deploy.MarkerVar that pid was executed with.
func marker(pid int) (value string, ok bool) {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return "", false
	}
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if value, ok := strings.CutPrefix(string(v), deploy.MarkerVar+"="); ok {
			return value, true
		}
	}
	return "", false
}

// groupMembers names the processes of a group that have not ended.
func groupMembers(pgid int) []string {
	all, _ := allStats()
	var names []string
	for _, s := range all {
		if s.pgrp == pgid && !s.dead {
			names = append(names, fmt.Sprintf("%s (%d)", s.comm, s.pid))
		}
	}
	return names
}

// onlyZombies tells whether the members of a group have ended and merely wait
// for a parent that may never reap them.
func onlyZombies(pgid int) bool {
	all, err := allStats()
	return err == nil && !slices.ContainsFunc(all, func(s stat) bool { return s.pgrp == pgid && !s.dead })
}

// signal sends sig to the process that s describes and to no other. The handle
// is taken before the start is compared, so the number cannot change hands in
// between (where the kernel has pidfds, that is, from 5.4 on).
func (s stat) signal(sig syscall.Signal) error {
	handle, err := os.FindProcess(s.pid)
	if err != nil {
		return nil // gone
	}
	defer func() { _ = handle.Release() }()
	now, err := readStat(s.pid)
	if err != nil || now.start != s.start {
		return nil
	}
	if err := handle.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("process %d (%s): %w", s.pid, s.comm, err)
	}
	return nil
}
