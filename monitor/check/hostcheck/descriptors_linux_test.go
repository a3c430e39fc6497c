package hostcheck_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/hostcheck"
)

func newDescriptors(t *testing.T, opts *hostcheck.DescriptorOptions) *hostcheck.Descriptors {
	t.Helper()
	c, err := hostcheck.NewDescriptors(opts)
	require.NoError(t, err)
	return c
}

// A real process with a limit of 40, of which it opens 20 more.
func TestDescriptorsOfAProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "/bin/bash", "-c", `ulimit -n 40; echo ready; read line
for n in {1..20}; do exec {file}</dev/null; done; echo ready; read line`)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	c := newDescriptors(t, &hostcheck.DescriptorOptions{PID: cmd.Process.Pid, Process: hostcheck.Limits{Warn: 0.5}})
	ready := func() {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "ready\n", line)
	}
	ready()
	r := c.Check(t.Context())
	require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
	before := value(t, r, "process_open")
	require.InDelta(t, before/40, value(t, r, "process_used"), 1e-9)
	_, err = io.WriteString(in, "\n")
	require.NoError(t, err)
	ready()
	r = c.Check(t.Context())
	require.Equal(t, monitor.Warn, r.Status, "%+v", r)
	require.Equal(t, before+20, value(t, r, "process_open"))
	require.Contains(t, r.Detail, "% of the file descriptors of the process are open")
	require.NoError(t, in.Close())
	_ = cmd.Wait() // read says that its input ended
	r = c.Check(t.Context())
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "cannot be read", r.Detail)
}

func TestDescriptorsOfThisProgram(t *testing.T) {
	t.Parallel()
	c := newDescriptors(t, nil)
	r := c.Check(t.Context())
	require.Equal(t, "process_used 1,process_open 1,system_used 1", names(r))
	before := value(t, r, "process_open")
	const many = 500 // more than other tests open and close meanwhile
	for range many {
		f, err := os.Open(os.DevNull)
		require.NoError(t, err)
		defer f.Close()
	}
	require.InDelta(t, before+many, value(t, c.Check(t.Context()), "process_open"), 100)
}

func TestDescriptorsOfTheMachine(t *testing.T) {
	t.Parallel()
	tr := newTree(t, map[string]string{
		"proc/self/limits":    "Limit Soft Hard Units\nMax open files            100                  4096                 files\n",
		"proc/sys/fs/file-nr": "970\t0\t1000\n",
	})
	for _, name := range []string{"0", "1", "2", "3"} {
		tr.write(filepath.Join("proc/self/fd", name), "")
	}
	r := newDescriptors(t, &hostcheck.DescriptorOptions{Root: tr.root}).Check(t.Context())
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "97 % of the file descriptors of the machine are open", r.Detail)
	require.Equal(t, 3.0, value(t, r, "process_open"), "without the one that reads")
	require.Equal(t, 0.03, value(t, r, "process_used"))
	tr.write("proc/self/limits", "Max open files            unlimited            unlimited            files\n")
	tr.write("proc/sys/fs/file-nr", "1 0 9223372036854775807\n")
	r = newDescriptors(t, &hostcheck.DescriptorOptions{Root: tr.root}).Check(t.Context())
	require.Equal(t, monitor.Pass, r.Status)
	require.Zero(t, value(t, r, "process_used"))
}

// For the race detector.
func TestConcurrentRuns(t *testing.T) {
	t.Parallel()
	disk, err := hostcheck.NewDisk(t.TempDir(), nil)
	require.NoError(t, err)
	for _, c := range []monitor.Check{newCPU(t, nil), newMemory(t, nil), disk, newDescriptors(t, nil)} {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 5 {
					c.Check(t.Context())
				}
			})
		}
		wg.Wait()
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	wrong := hostcheck.Limits{Warn: 0.9, Fail: 0.5}
	_, err := hostcheck.NewCPU(&hostcheck.CPUOptions{Load: wrong})
	require.EqualError(t, err, "hostcheck.NewCPU: Load: Warn 0.9 is above Fail 0.5: negative is none")
	_, err = hostcheck.NewMemory(&hostcheck.MemoryOptions{Used: wrong, Swap: wrong})
	require.ErrorContains(t, err, "Swap: Warn 0.9")
	_, err = hostcheck.NewDisk("", nil)
	require.ErrorContains(t, err, "the path is empty")
	_, err = hostcheck.NewDisk("/", &hostcheck.DiskOptions{TrendOver: -1})
	require.ErrorContains(t, err, "TrendOver")
	_, err = hostcheck.NewDisk("/", &hostcheck.DiskOptions{WarnFullIn: time.Hour})
	require.ErrorContains(t, err, "WarnFullIn 1h0m0s is below FailFullIn 24h0m0s")
	_, err = hostcheck.NewDescriptors(&hostcheck.DescriptorOptions{PID: -1, System: wrong})
	require.ErrorContains(t, err, "PID -1")
	require.ErrorContains(t, err, "System: Warn")
}
