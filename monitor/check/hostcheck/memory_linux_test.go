package hostcheck_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/hostcheck"
)

func newMemory(t *testing.T, opts *hostcheck.MemoryOptions) *hostcheck.Memory {
	t.Helper()
	c, err := hostcheck.NewMemory(opts)
	require.NoError(t, err)
	return c
}

func meminfo(available, swapFree int) string {
	return fmt.Sprintf("MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: %d kB\nBuffers: 0 kB\nCached: 0 kB\nSwapTotal: 100 kB\nSwapFree: %d kB\n", available, swapFree)
}

func TestRealMemory(t *testing.T) {
	t.Parallel()
	c := newMemory(t, &hostcheck.MemoryOptions{Used: hostcheck.Limits{Warn: -1, Fail: -1}, Swap: hostcheck.Limits{Warn: -1}})
	r := c.Check(t.Context())
	require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
	require.Positive(t, value(t, r, "available"))
	used := value(t, r, "used")
	require.True(t, used > 0 && used < 1, "%v", used)
	r = newMemory(t, &hostcheck.MemoryOptions{Used: hostcheck.Limits{Warn: -1, Fail: used / 1000}}).Check(t.Context())
	require.Equal(t, monitor.Fail, r.Status)
}

func TestMachineMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTree(t, map[string]string{"proc/meminfo": meminfo(400, 90), "proc/vmstat": "pgfault 7\noom_kill 3\n"})
		c := newMemory(t, &hostcheck.MemoryOptions{Root: tr.root})
		r := c.Check(t.Context())
		require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
		require.InDelta(t, 0.6, value(t, r, "used"), 1e-9)
		require.InDelta(t, 400*1024, value(t, r, "available"), 1e-9)
		require.Zero(t, value(t, r, "oom_kills"), "what was before the first run does not count")

		tr.write("proc/meminfo", meminfo(40, 90))
		r = c.Check(t.Context())
		require.Equal(t, monitor.Fail, r.Status)
		require.Equal(t, "memory is 96 % used", r.Detail)
		require.ErrorContains(t, r.Err, "more than 95 %")
		tr.write("proc/meminfo", meminfo(50, 90))
		require.Equal(t, monitor.Warn, c.Check(t.Context()).Status, "a limit itself is not above it")
		tr.write("proc/meminfo", meminfo(80, 90))
		require.Equal(t, monitor.Warn, c.Check(t.Context()).Status)

		tr.write("proc/meminfo", meminfo(400, 90))
		tr.write("proc/vmstat", "oom_kill 4\n")
		r = c.Check(t.Context())
		require.Equal(t, monitor.Fail, r.Status)
		require.Equal(t, "a process was killed for want of memory", r.Detail)
		require.Equal(t, 1.0, value(t, r, "oom_kills"))
		time.Sleep(10*time.Minute - time.Nanosecond)
		require.Equal(t, monitor.Fail, c.Check(t.Context()).Status)
		time.Sleep(time.Nanosecond)
		require.Equal(t, monitor.Pass, c.Check(t.Context()).Status)
		tr.write("proc/vmstat", "oom_kill 0\n") // the machine began anew
		require.Equal(t, monitor.Pass, c.Check(t.Context()).Status)
		tr.write("proc/vmstat", "oom_kill 1\n")
		require.Equal(t, monitor.Fail, c.Check(t.Context()).Status)

		tr.write("proc/meminfo", "")
		r = c.Check(t.Context())
		require.Equal(t, monitor.Fail, r.Status)
		require.Equal(t, "cannot be read", r.Detail)
	})
}

// group is a cgroup of a container, as the container and its host see it.
func group(own string) map[string]string {
	const at = "sys/fs/cgroup/pods/app/"
	return map[string]string{
		"proc/meminfo": meminfo(990, 90), "proc/vmstat": "oom_kill 0\n",
		"proc/self/cgroup":                 "1:name=systemd:/x\n0::" + own + "\n",
		"sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
		at + "memory.max":                  "1000000\n",
		at + "memory.current":              "980000\n",
		at + "memory.stat":                 "anon 480000\ninactive_file 500000\n",
		at + "memory.events":               "low 0\nhigh 0\nmax 4\noom 0\noom_kill 0\noom_group_kill 0\n",
		at + "memory.swap.max":             "max\n",
		at + "memory.swap.current":         "0\n",
		"sys/fs/cgroup/pods/memory.max":    "max\n",
	}
}

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	tr := newTree(t, group("/pods/app"))
	c := newMemory(t, &hostcheck.MemoryOptions{Root: tr.root})
	r := c.Check(t.Context())
	require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
	require.InDelta(t, 0.48, value(t, r, "used"), 1e-9, "what the kernel can take back at once is not in use")
	require.InDelta(t, 520000, value(t, r, "available"), 1e-9)
	require.InDelta(t, 0.1, value(t, r, "swap_used"), 1e-9, "the machine's, where the cgroup has no limit")

	const at = "sys/fs/cgroup/pods/app/"
	tr.write(at+"memory.stat", "inactive_file 20000\n")
	tr.write(at+"memory.swap.max", "1000\n")
	tr.write(at+"memory.swap.current", "900\n")
	r = c.Check(t.Context())
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "memory is 96 % used; swap is 90 % used", r.Detail)

	// Of two limits the one that is used most counts.
	tr.write(at+"memory.stat", "inactive_file 900000\n")
	tr.write("sys/fs/cgroup/pods/memory.max", "2000000\n")
	tr.write("sys/fs/cgroup/pods/memory.current", "1990000\n")
	require.InDelta(t, 0.995, value(t, c.Check(t.Context()), "used"), 1e-9)

	tr.write("sys/fs/cgroup/pods/memory.current", "1000\n")
	tr.write(at+"memory.events", "oom_kill 1\n")
	r = c.Check(t.Context())
	require.Contains(t, r.Detail, "killed for want of memory")
	tr.write("proc/vmstat", "oom_kill 9\n") // others' kills
	require.Equal(t, 1.0, value(t, c.Check(t.Context()), "oom_kills"))
	off := newMemory(t, &hostcheck.MemoryOptions{Root: tr.root, KillFor: -1})
	require.NotContains(t, names(off.Check(t.Context())), "oom_kills")
}

// A container without a cgroup namespace reads the path that its host knows, and
// sees its own cgroup as the root.
func TestPathOfTheHost(t *testing.T) {
	t.Parallel()
	files := group("/kubepods/pod1/app")
	for _, name := range []string{"memory.max", "memory.current", "memory.stat", "memory.events"} {
		files["sys/fs/cgroup/"+name] = files["sys/fs/cgroup/pods/app/"+name]
	}
	r := newMemory(t, &hostcheck.MemoryOptions{Root: newTree(t, files).root}).Check(t.Context())
	require.InDelta(t, 0.48, value(t, r, "used"), 1e-9)
	require.Zero(t, value(t, r, "oom_kills"))

	// Without a limit anywhere it is the machine.
	files = group("/pods/app")
	files["sys/fs/cgroup/pods/app/memory.max"] = "max\n"
	r = newMemory(t, &hostcheck.MemoryOptions{Root: newTree(t, files).root}).Check(t.Context())
	require.InDelta(t, 0.01, value(t, r, "used"), 1e-9)
	files = group("/pods/app") // cgroup v1
	delete(files, "sys/fs/cgroup/cgroup.controllers")
	r = newMemory(t, &hostcheck.MemoryOptions{Root: newTree(t, files).root}).Check(t.Context())
	require.InDelta(t, 0.01, value(t, r, "used"), 1e-9)
}
