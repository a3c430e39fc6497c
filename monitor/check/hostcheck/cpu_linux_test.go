package hostcheck_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/hostcheck"
)

func newCPU(t *testing.T, opts *hostcheck.CPUOptions) *hostcheck.CPU {
	t.Helper()
	c, err := hostcheck.NewCPU(opts)
	require.NoError(t, err)
	return c
}

// stat is /proc/stat with hundredths of seconds of user, idle and stolen time.
func stat(user, idle, steal string) string {
	return "cpu  " + user + " 0 0 " + idle + " 0 0 0 " + steal + " 0 0\ncpu0 1 0 0 1 0 0 0 0 0 0\ncpu1 1 0 0 1 0 0 0 0 0 0\n"
}

func TestMachineCPU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTree(t, map[string]string{"proc/stat": stat("1000", "1000", "0"), "proc/loadavg": "9 3.5 1 1/100 1\n"})
		c := newCPU(t, &hostcheck.CPUOptions{Root: tr.root})
		time.AfterFunc(time.Millisecond, func() { tr.write("proc/stat", stat("1060", "1040", "0")) })
		r := c.Check(t.Context())
		require.Equal(t, monitor.Pass, r.Status, "%v", r.Err)
		require.Equal(t, "utilisation 1,load_per_core 1", names(r))
		require.InDelta(t, 0.6, value(t, r, "utilisation"), 1e-9)
		require.InDelta(t, 1.75, value(t, r, "load_per_core"), 1e-9)

		// The next run measures since the last one, and counts stolen time.
		tr.write("proc/stat", stat("1150", "1045", "5"))
		tr.write("proc/loadavg", "9 10.2 1 1/100 1\n")
		r = c.Check(t.Context())
		require.InDelta(t, 0.95, value(t, r, "utilisation"), 1e-9)
		require.Equal(t, monitor.Fail, r.Status)
		require.Equal(t, "the processor is 95 % busy; the load per core is 5.1", r.Detail)
		require.ErrorContains(t, r.Err, "the processor is 95 % busy, more than 90 %")
		require.ErrorContains(t, r.Err, "the load per core is 5.1, more than 5")

		tr.write("proc/stat", "")
		r = c.Check(t.Context())
		require.Equal(t, monitor.Fail, r.Status)
		require.Equal(t, "cannot be read", r.Detail)
	})
}

// A quota of the container takes the place of the machine, also one of a cgroup
// above the own one; the lowest counts.
func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const own = "sys/fs/cgroup/pods/app/"
		tr := newTree(t, map[string]string{
			"proc/stat": stat("1000", "1000", "0"), "proc/loadavg": "90 90 90 1/100 1\n",
			"proc/self/cgroup":                 "0::/pods/app\n",
			"sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
			own + "cpu.max":                    "200000 100000\n",
			own + "cpu.stat":                   "usage_usec 5\n",
			"sys/fs/cgroup/pods/cpu.max":       "50000 100000\n",
			"sys/fs/cgroup/pods/cpu.stat":      "usage_usec 1000000\nnr_periods 100\nnr_throttled 10\n",
		})
		c := newCPU(t, &hostcheck.CPUOptions{Root: tr.root})
		time.AfterFunc(time.Millisecond, func() {
			tr.write("sys/fs/cgroup/pods/cpu.stat", "usage_usec 1100000\nnr_periods 110\nnr_throttled 12\n")
		})
		r := c.Check(t.Context())
		require.Equal(t, "utilisation 1,throttled 1", names(r), "load is of the machine")
		require.InDelta(t, 0.1/(0.25*0.5), value(t, r, "utilisation"), 1e-6)
		require.InDelta(t, 0.2, value(t, r, "throttled"), 1e-9)
		require.Equal(t, monitor.Pass, r.Status)

		time.Sleep(10 * time.Second)
		tr.write("sys/fs/cgroup/pods/cpu.stat", "usage_usec 5850000\nnr_periods 210\nnr_throttled 92\n")
		r = c.Check(t.Context())
		require.InDelta(t, 0.95, value(t, r, "utilisation"), 1e-6)
		require.Equal(t, monitor.Warn, r.Status)
		require.Equal(t, "the processor is 95 % busy; the processor is throttled in 80 % of the time", r.Detail)

		// Another quota begins anew rather than compare what cannot be.
		tr.write("sys/fs/cgroup/pods/cpu.max", "150000 100000\n")
		tr.write("sys/fs/cgroup/pods/cpu.stat", "usage_usec 9000000\nnr_periods 310\nnr_throttled 192\n")
		time.Sleep(10 * time.Second)
		r = c.Check(t.Context())
		require.Zero(t, value(t, r, "utilisation"))
	})
}

func TestCPUStopped(t *testing.T) {
	t.Parallel()
	why := errors.New("the program ends")
	ctx, stop := context.WithCancelCause(t.Context())
	stop(why)
	require.ErrorIs(t, newCPU(t, nil).Check(ctx).Err, why)
}

// The first run has to measure for a while, also where it has less time for it.
func TestFirstRunWithLittleTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCPU(t, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		r := c.Check(ctx)
		require.NoError(t, ctx.Err())
		require.Contains(t, names(r), "utilisation", "%+v", r)
	})
}

// The real machine is really made busy.
func TestBusyCPU(t *testing.T) {
	t.Parallel()
	c := newCPU(t, &hostcheck.CPUOptions{Utilisation: hostcheck.Limits{Warn: 0.5}, Load: hostcheck.Limits{Warn: -1, Fail: -1}})
	var stop atomic.Bool
	defer stop.Store(true)
	for range runtime.NumCPU() {
		go func() {
			for !stop.Load() {
				runtime.Gosched()
			}
		}()
	}
	require.Eventually(t, func() bool {
		r := c.Check(t.Context())
		u := value(t, r, "utilisation")
		require.True(t, u >= 0 && u <= 1)
		return r.Status == monitor.Warn && strings.Contains(r.Detail, "busy")
	}, time.Minute, time.Millisecond)
}
