package hostcheck

import (
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// groups returns the folders of the cgroup v2 of this process and of those above
// it, the own one first, as of the kernel's Documentation/admin-guide/cgroup-v2.rst.
func (m machine) groups() []string {
	mount := m.path("sys", "fs", "cgroup")
	if _, err := os.Stat(filepath.Join(mount, "cgroup.controllers")); err != nil {
		return nil // cgroup v1, or no Linux
	}
	text, err := os.ReadFile(m.path("proc", "self", "cgroup"))
	if err != nil {
		return nil
	}
	own := "/"
	for line := range strings.Lines(string(text)) {
		if at, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			own = path.Clean("/" + at)
		}
	}
	if _, err := os.Stat(filepath.Join(mount, own)); err != nil {
		own = "/" // the path of the host, as seen in a container
	}
	var found []string
	for at := own; ; at = path.Dir(at) {
		found = append(found, filepath.Join(mount, at))
		if at == "/" {
			return found
		}
	}
}

// memoryGroup is the memory of a cgroup that has a limit.
type memoryGroup struct {
	folder    string
	used, max float64 // bytes
}

// memoryLimit returns the cgroup with a limit of memory of which most is used.
func (m machine) memoryLimit() (g memoryGroup, ok bool) {
	for _, folder := range m.groups() {
		most, limited := number(folder, "memory.max")
		current, known := number(folder, "memory.current")
		if !limited || !known || most <= 0 {
			continue
		}
		used := max(current-table(folder, "memory.stat")["inactive_file"], 0)
		if !ok || used/most > g.used/g.max {
			g, ok = memoryGroup{folder, used, most}, true
		}
	}
	return g, ok
}

// swap returns what is used of the cgroup's own limit of swap, if there is one.
func (g memoryGroup) swap() (used float64, ok bool) {
	if g.folder == "" {
		return 0, false
	}
	most, limited := number(g.folder, "memory.swap.max")
	current, known := number(g.folder, "memory.swap.current")
	return part(current, most), limited && known
}

// cpuGroup is the processor time of a cgroup that has a quota.
type cpuGroup struct {
	folder             string
	cores              float64
	used               float64 // seconds
	periods, throttled float64
}

// cpuLimit returns the cgroup with the lowest quota.
func (m machine) cpuLimit() (g cpuGroup, ok bool) {
	for _, folder := range m.groups() {
		cores, limited := quota(folder)
		stat := table(folder, "cpu.stat")
		if !limited || stat == nil || ok && cores >= g.cores {
			continue
		}
		g, ok = cpuGroup{folder, cores, stat["usage_usec"] / 1e6, stat["nr_periods"], stat["nr_throttled"]}, true
	}
	return g, ok
}

// quota reads cpu.max: quota and period in microseconds, or "max".
func quota(folder string) (cores float64, ok bool) {
	text, err := os.ReadFile(filepath.Join(folder, "cpu.max"))
	if err != nil {
		return 0, false
	}
	f := strings.Fields(string(text))
	if len(f) != 2 {
		return 0, false
	}
	most, err1 := strconv.ParseFloat(f[0], 64)
	period, err2 := strconv.ParseFloat(f[1], 64)
	return part(most, period), err1 == nil && err2 == nil && most > 0 && period > 0
}
