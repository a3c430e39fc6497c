package hostcheck_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/hostcheck"
)

// inNamespace tells the test binary to run the tests of a small disk.
const inNamespace = "DEVOPS_HOSTCHECK_DISK"

// TestSmallDisk runs itself again in a mount namespace of its own, where a disk
// can be filled that nobody else sees and that ends with the process.
func TestSmallDisk(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(inNamespace); dir != "" {
		t.Run("full", func(t *testing.T) { full(t, mount(t, dir)) })
		t.Run("grows", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { grows(t, mount(t, dir)) }) })
		return
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestSmallDisk$")
	cmd.Env = append(os.Environ(), inNamespace+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func mount(t *testing.T, dir string) string {
	t.Helper()
	require.NoError(t, syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""))
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m,nr_inodes=200"))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return dir
}

func full(t *testing.T, dir string) {
	c, err := hostcheck.NewDisk(dir, nil)
	require.NoError(t, err)
	r := c.Check(t.Context())
	require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
	require.Zero(t, value(t, r, "used"))
	require.Equal(t, 8.0*(1<<20), value(t, r, "available"))
	require.Equal(t, "used 1,available By,inodes_used 1", names(r))

	name := filepath.Join(dir, "ballast")
	require.NoError(t, os.WriteFile(name, make([]byte, 7<<20), 0o600))
	r = c.Check(t.Context())
	require.Equal(t, monitor.Warn, r.Status)
	require.Equal(t, "the disk is 87.5 % full", r.Detail)
	require.ErrorIs(t, os.WriteFile(name, make([]byte, 9<<20), 0o600), syscall.ENOSPC)
	r = c.Check(t.Context())
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "the disk is 100 % full", r.Detail)
	require.ErrorContains(t, r.Err, dir+": the disk is 100 % full, more than 95 %")
	require.Zero(t, value(t, r, "available"))
	require.NoError(t, os.Remove(name))
	require.Equal(t, monitor.Pass, c.Check(t.Context()).Status)

	for n := 0; ; n++ {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(n)), nil, 0o600); err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			break
		}
	}
	r = c.Check(t.Context())
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "100 % of the inodes are used", r.Detail)
	require.Zero(t, value(t, r, "used"), "the space is not")
}

// grows fills a real disk in the time of a bubble, by 128 KiB an hour.
func grows(t *testing.T, dir string) {
	opts := &hostcheck.DiskOptions{WarnFullIn: 54 * time.Hour, FailFullIn: 47 * time.Hour}
	c, err := hostcheck.NewDisk(dir, opts)
	require.NoError(t, err)
	f, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	defer f.Close()
	for hour := range 18 {
		r := c.Check(t.Context())
		status := monitor.Pass
		if hour < 7 { // a quarter of a day and 8 samples
			require.NotContains(t, names(r), "full_in", hour)
		} else {
			left := float64(64 - hour)
			require.InDelta(t, left/24, value(t, r, "full_in"), 1e-6, hour)
			if left < 54 {
				status = monitor.Warn
			}
			if left < 47 {
				status = monitor.Fail
			}
		}
		require.Equal(t, status, r.Status, "%d: %v", hour, r.Err)
		if status != monitor.Pass {
			require.Equal(t, fmt.Sprintf("the disk is full in %.1f days", float64(64-hour)/24), r.Detail)
			require.ErrorContains(t, r.Err, "it grows by 3.15e+06 bytes a day")
		}
		_, err = f.Write(make([]byte, 128<<10))
		require.NoError(t, err)
		time.Sleep(time.Hour)
	}
	// When it stops to grow, that is seen once the past has left the window.
	for range 25 {
		time.Sleep(time.Hour)
		c.Check(t.Context())
	}
	r := c.Check(t.Context())
	require.Equal(t, monitor.Pass, r.Status)
	require.NotContains(t, names(r), "full_in")
}

func TestRealDisk(t *testing.T) {
	t.Parallel()
	c, err := hostcheck.NewDisk(t.TempDir(), &hostcheck.DiskOptions{Space: hostcheck.Limits{Warn: -1, Fail: -1}, Inodes: hostcheck.Limits{Warn: -1, Fail: -1}})
	require.NoError(t, err)
	r := c.Check(t.Context())
	require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
	c, err = hostcheck.NewDisk(filepath.Join(t.TempDir(), "absent"), nil)
	require.NoError(t, err)
	r = c.Check(t.Context())
	require.Equal(t, monitor.Fail, r.Status)
	require.Equal(t, "cannot be read", r.Detail)
	require.True(t, errors.Is(r.Err, fs.ErrNotExist))
}
