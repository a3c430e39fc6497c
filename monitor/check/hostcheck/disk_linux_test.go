package hostcheck_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	c, err = hostcheck.NewDisk(dir, &hostcheck.DiskOptions{Inodes: hostcheck.Limits{Warn: -1, Fail: -1}})
	require.NoError(t, err)
	require.Equal(t, monitor.Pass, c.Check(t.Context()).Status)
}

// grows fills a real disk in the time of a bubble, by 128 KiB an hour.
func grows(t *testing.T, dir string) {
	c, err := hostcheck.NewDisk(dir, &hostcheck.DiskOptions{WarnFullIn: 54 * time.Hour, FailFullIn: 47 * time.Hour})
	require.NoError(t, err)
	short, err := hostcheck.NewDisk(dir, &hostcheck.DiskOptions{TrendOver: 4 * time.Hour, WarnFullIn: -1, FailFullIn: -1})
	require.NoError(t, err)
	f, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	defer f.Close()
	for half := range 40 {
		r := c.Check(t.Context())
		left, status := 64-float64(half)/2, monitor.Pass
		if half < 12 { // a quarter of a day
			require.NotContains(t, names(r), "full_in", half)
		} else {
			require.InDelta(t, left/24, value(t, r, "full_in"), 1e-6, half)
			if left < 54 {
				status = monitor.Warn
			}
			if left < 47 {
				status = monitor.Fail
			}
		}
		require.Equal(t, status, r.Status, "%d: %v", half, r.Err)
		if status != monitor.Pass {
			require.Equal(t, fmt.Sprintf("the disk is full in %.1f days", left/24), r.Detail)
			require.ErrorContains(t, r.Err, "it grows by 3.15e+06 bytes a day")
		}
		r = short.Check(t.Context())
		require.Equal(t, monitor.Pass, r.Status)
		require.Equal(t, half >= 7, slices.ContainsFunc(r.Measurements, func(m monitor.Measurement) bool { return m.Name == "full_in" }), "8 samples: %d", half)
		_, err = f.Write(make([]byte, 64<<10))
		require.NoError(t, err)
		time.Sleep(30 * time.Minute)
	}
	// When it stops to grow, that is seen once the past has left the window, and
	// one that gets empty is never full.
	for hour := range 50 {
		if hour >= 26 {
			require.NoError(t, f.Truncate(int64(50-hour)<<10))
		}
		time.Sleep(time.Hour)
		r := c.Check(t.Context())
		if hour >= 25 {
			require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
			require.NotContains(t, names(r), "full_in")
		}
	}
	thinned(t, dir, f)
}

// thinned checks a disk each minute, which grows in the first half of a day only.
// What is kept of the samples says the same as all of them.
func thinned(t *testing.T, dir string, f *os.File) {
	c, err := hostcheck.NewDisk(dir, nil)
	require.NoError(t, err)
	const minutes = 24 * 60
	var both, square float64
	for n := range minutes {
		c.Check(t.Context())
		require.Less(t, c.Samples(), 520)
		x, y := float64(n)-(minutes-1)/2.0, float64(min(n, minutes/2))*4096
		both, square = both+x*y, square+x*x
		if n < minutes/2 {
			_, err = f.Write(make([]byte, 4096))
			require.NoError(t, err)
		}
		time.Sleep(time.Minute)
	}
	r := c.Check(t.Context())
	require.Greater(t, c.Samples(), 200)
	require.InEpsilon(t, value(t, r, "available")/(both/square*minutes), value(t, r, "full_in"), 0.02)
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
