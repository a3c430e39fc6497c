package hostcheck

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/load"

	"github.com/masaruk/devops/monitor"
)

// CPUOptions configure a [CPU]. The zero value is the default.
type CPUOptions struct {
	// Utilisation is the fraction of the processor time between two runs that
	// was used; by default 0.9 is a warning and nothing a failure: who is busy
	// works, and latency tells who suffers.
	Utilisation Limits
	// Load is the load average of 5 minutes per core, a warning above 2 and a
	// failure above 5 by default.
	Load Limits
	// Throttled is the fraction of the periods of a cgroup's quota in which it
	// was used up; a warning above 0.25 and never a failure by default.
	Throttled Limits
	// Root is the folder that holds proc and sys of the machine, where they are
	// mounted elsewhere, such as "/host"; empty is "/".
	Root string
}

// CPU checks the processor. [NewCPU] makes it.
type CPU struct {
	o       CPUOptions
	machine machine
	begun   time.Time

	mu   sync.Mutex
	last cpuSample
}

var _ monitor.Check = (*CPU)(nil)

// NewCPU makes a check of the processor. Nil options are the defaults. The error
// tells what cannot be used.
func NewCPU(opts *CPUOptions) (*CPU, error) {
	c := &CPU{begun: time.Now()}
	if opts != nil {
		c.o = *opts
	}
	c.machine = newMachine(c.o.Root)
	c.o.Utilisation = c.o.Utilisation.or(Limits{0.9, none})
	c.o.Load = c.o.Load.or(Limits{2, 5})
	c.o.Throttled = c.o.Throttled.or(Limits{0.25, none})
	if err := errors.Join(c.o.Utilisation.validate("Utilisation"), c.o.Load.validate("Load"), c.o.Throttled.validate("Throttled")); err != nil {
		return nil, fmt.Errorf("hostcheck.NewCPU: %w", err)
	}
	return c, nil
}

// firstSpan is over how long the first run measures at most.
const firstSpan = 250 * time.Millisecond

// Check measures since the last run. The first one takes a quarter of a second,
// or half of the time that ctx leaves if that is less.
func (c *CPU) Check(ctx context.Context) monitor.Result {
	c.mu.Lock()
	before := c.last
	c.mu.Unlock()
	now, err := c.sample(ctx)
	if err == nil && now.group != before.group || before.at.IsZero() {
		before = now
		span := firstSpan
		if deadline, has := ctx.Deadline(); has {
			span = min(span, time.Until(deadline)/2)
		}
		select {
		case <-ctx.Done():
			return monitor.Result{Status: monitor.Fail, Detail: "not done in time", Err: context.Cause(ctx)}
		case <-time.After(span):
		}
		now, err = c.sample(ctx)
	}
	if err != nil {
		return monitor.Result{Status: monitor.Fail, Detail: "cannot be read", Err: err}
	}
	c.mu.Lock()
	c.last = now
	c.mu.Unlock()
	r := monitor.Result{Status: monitor.Pass}
	c.judge(ctx, &r, before, now)
	return r
}

func (c *CPU) judge(ctx context.Context, r *monitor.Result, before, now cpuSample) {
	utilisation := min(max(part(now.busy-before.busy, now.all-before.all), 0), 1)
	add(r, "utilisation", utilisation, "1")
	c.o.Utilisation.judge(r, utilisation, percent, "the processor is %s busy")
	if now.group != "" {
		throttled := max(part(now.throttled-before.throttled, now.periods-before.periods), 0)
		add(r, "throttled", throttled, "1")
		c.o.Throttled.judge(r, throttled, percent, "the processor is throttled in %s of the time")
		return
	}
	if perCore, ok := c.loadPerCore(ctx); ok {
		add(r, "load_per_core", perCore, "1")
		c.o.Load.judge(r, perCore, plain, "the load per core is %s")
	}
}

// cpuSample is counted since the start of the machine.
type cpuSample struct {
	at                 time.Time
	group              string // folder and cores of the cgroup; empty is the machine
	busy, all          float64
	periods, throttled float64
}

func (c *CPU) sample(ctx context.Context) (cpuSample, error) {
	now := time.Now()
	if g, ok := c.machine.cpuLimit(); ok {
		return cpuSample{
			at: now, group: fmt.Sprintf("%s %g", g.folder, g.cores),
			busy: g.used, all: now.Sub(c.begun).Seconds() * g.cores, // what the quota allowed
			periods: g.periods, throttled: g.throttled,
		}, nil
	}
	times, err := cpu.TimesWithContext(c.machine.at(ctx), false)
	if err != nil {
		return cpuSample{}, fmt.Errorf("read the processor's times: %w", err)
	}
	if len(times) != 1 {
		return cpuSample{}, errors.New("read the processor's times: there are none")
	}
	t := times[0]
	// Guest time is contained in user time. Stolen time counts as busy: other
	// machines had it, and there was none left for this one.
	busy := t.User + t.System + t.Nice + t.Irq + t.Softirq + t.Steal
	return cpuSample{at: now, busy: busy, all: busy + t.Idle + t.Iowait}, nil
}

// loadPerCore is the load of 5 minutes. Windows has none.
func (c *CPU) loadPerCore(ctx context.Context) (float64, bool) {
	if runtime.GOOS == "windows" {
		return 0, false // gopsutil would start a goroutine that estimates one
	}
	average, err1 := load.AvgWithContext(c.machine.at(ctx))
	cores, err2 := cpu.CountsWithContext(c.machine.at(ctx), true)
	if err1 != nil || err2 != nil || cores == 0 {
		return 0, false
	}
	return average.Load5 / float64(cores), true
}
