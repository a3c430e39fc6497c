package hostcheck

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/mem"

	"github.com/masaruk/devops/monitor"
)

// MemoryOptions configure a [Memory]. The zero value is the default.
type MemoryOptions struct {
	// Used is the fraction of the memory that is not available; a warning above
	// 0.9 and a failure above 0.95 by default.
	Used Limits
	// Swap is the fraction of the swap space in use; a warning above 0.8 and
	// never a failure by default.
	Swap Limits
	// KillFor is how long it is a failure that the kernel killed a process for
	// want of memory; zero is 10 minutes, negative is none.
	KillFor time.Duration
	// Root is as in [CPUOptions].
	Root string
}

// Memory checks memory and swap. [NewMemory] makes it.
type Memory struct {
	o       MemoryOptions
	machine machine

	mu    sync.Mutex
	kills kills
}

var _ monitor.Check = (*Memory)(nil)

// NewMemory makes a check of memory. Nil options are the defaults. The error
// tells what cannot be used.
func NewMemory(opts *MemoryOptions) (*Memory, error) {
	c := &Memory{}
	if opts != nil {
		c.o = *opts
	}
	c.machine = newMachine(c.o.Root)
	c.o.Used = c.o.Used.or(Limits{0.9, 0.95})
	c.o.Swap = c.o.Swap.or(Limits{0.8, none})
	if c.o.KillFor == 0 {
		c.o.KillFor = 10 * time.Minute
	}
	if err := errors.Join(c.o.Used.validate("Used"), c.o.Swap.validate("Swap")); err != nil {
		return nil, fmt.Errorf("hostcheck.NewMemory: %w", err)
	}
	return c, nil
}

// Check reads memory and swap once.
func (c *Memory) Check(ctx context.Context) monitor.Result {
	m, err := mem.VirtualMemoryWithContext(c.machine.at(ctx))
	if err == nil && m.Total == 0 {
		err = errors.New("there is none")
	}
	if err != nil {
		return monitor.Result{Status: monitor.Fail, Detail: "cannot be read", Err: fmt.Errorf("read the memory: %w", err)}
	}
	r := monitor.Result{Status: monitor.Pass}
	group, limited := c.machine.memoryLimit()
	used, of := group.used, group.max
	if !limited {
		used, of = float64(m.Total)-float64(m.Available), float64(m.Total)
	}
	add(&r, "used", used/of, "1")
	add(&r, "available", max(of-used, 0), "By")
	c.o.Used.judge(&r, used/of, percent, "memory is %s used")
	swap, ok := group.swap()
	if !ok {
		swap, ok = swapOf(ctx, m)
	}
	if ok {
		add(&r, "swap_used", swap, "1")
		c.o.Swap.judge(&r, swap, percent, "swap is %s used")
	}
	c.judgeKills(&r, limited)
	return r
}

// swapOf returns the fraction of the machine's swap space in use, of which there
// may be none.
func swapOf(ctx context.Context, m *mem.VirtualMemoryStat) (float64, bool) {
	if runtime.GOOS == "linux" {
		return part(float64(m.SwapTotal)-float64(m.SwapFree), float64(m.SwapTotal)), true
	}
	s, err := mem.SwapMemoryWithContext(ctx)
	if err != nil {
		return 0, false
	}
	return part(float64(s.Used), float64(s.Total)), true
}

// kills is what was counted of the kernel's kills.
type kills struct {
	where       string // is counted; empty before the first run
	base, count float64
	seen        time.Time // when the count rose last
}

func (c *Memory) judgeKills(r *monitor.Result, limited bool) {
	where := c.machine.path("proc", "vmstat")
	if limited {
		// The own one counts also what a limit above it led to.
		where = filepath.Join(c.machine.groups()[0], "memory.events")
	}
	count, ok := table(where)["oom_kill"]
	if !ok || c.o.KillFor < 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &c.kills
	if k.where != where || count < k.count { // the first run, or counted anew
		*k = kills{where: where, base: count, count: count}
	}
	if count > k.count {
		k.count, k.seen = count, time.Now()
	}
	add(r, "oom_kills", k.count-k.base, "1")
	if !k.seen.IsZero() && time.Since(k.seen) < c.o.KillFor {
		worsen(r, monitor.Fail, "a process was killed for want of memory",
			fmt.Errorf("the kernel killed a process for want of memory, noticed at %s", k.seen.UTC().Format(time.RFC3339)))
	}
}
