package hostcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/masaruk/devops/monitor"
)

// DescriptorOptions configure [Descriptors]. The zero value is the default.
type DescriptorOptions struct {
	// Process is the fraction of the limit of the process (RLIMIT_NOFILE) that is
	// open, System that of the machine (fs.file-max). Both are a warning above
	// 0.8 and a failure above 0.95 by default.
	Process, System Limits
	// PID is the process, of this user unless the program is root; zero is this
	// program.
	PID int
	// Root is as in [CPUOptions].
	Root string
}

// Descriptors checks open files. [NewDescriptors] makes it.
type Descriptors struct {
	o       DescriptorOptions
	machine machine
}

var _ monitor.Check = (*Descriptors)(nil)

// NewDescriptors makes a check of file descriptors. Nil options are the defaults.
// The error tells what cannot be used, or wraps [errors.ErrUnsupported] where the
// system is not Linux.
func NewDescriptors(opts *DescriptorOptions) (*Descriptors, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("hostcheck.NewDescriptors: on %s: %w", runtime.GOOS, errors.ErrUnsupported)
	}
	c := &Descriptors{}
	if opts != nil {
		c.o = *opts
	}
	c.machine = newMachine(c.o.Root)
	c.o.Process = c.o.Process.or(Limits{0.8, 0.95})
	c.o.System = c.o.System.or(Limits{0.8, 0.95})
	err := errors.Join(c.o.Process.validate("Process"), c.o.System.validate("System"))
	if c.o.PID < 0 {
		err = errors.Join(err, fmt.Errorf("PID %d is negative", c.o.PID))
	}
	if err != nil {
		return nil, fmt.Errorf("hostcheck.NewDescriptors: %w", err)
	}
	return c, nil
}

// Check counts once.
func (c *Descriptors) Check(ctx context.Context) monitor.Result {
	r := monitor.Result{Status: monitor.Pass}
	open, limit, err := c.process(ctx)
	if err != nil {
		return monitor.Result{Status: monitor.Fail, Detail: "cannot be read", Err: err}
	}
	used := part(open, limit)
	add(&r, "process_used", used, "1")
	add(&r, "process_open", open, "1")
	c.o.Process.judge(&r, used, percent, "%s of the file descriptors of the process are open")
	if system, ok := c.system(); ok {
		add(&r, "system_used", system, "1")
		c.o.System.judge(&r, system, percent, "%s of the file descriptors of the machine are open")
	}
	return r
}

// process counts the descriptors of the process and tells how many it may have.
func (c *Descriptors) process(ctx context.Context) (open, limit float64, err error) {
	folder := "self"
	if c.o.PID > 0 {
		folder = strconv.Itoa(c.o.PID)
	}
	text, err := os.ReadFile(c.machine.path("proc", folder, "limits"))
	if err != nil {
		return 0, 0, fmt.Errorf("read the limits of the process: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if f := strings.Fields(rest); len(f) > 0 && f[0] != "unlimited" {
				limit, err = strconv.ParseFloat(f[0], 64)
			}
		}
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read the limits of the process: %w", err)
	}
	d, err := os.Open(c.machine.path("proc", folder, "fd"))
	if err != nil {
		return 0, 0, fmt.Errorf("count the file descriptors: %w", err)
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(1000)
		open += float64(len(names))
		switch {
		case errors.Is(err, io.EOF):
			if c.o.PID == 0 {
				open-- // the one that reads the folder
			}
			return open, limit, nil
		case err != nil:
			return 0, 0, fmt.Errorf("count the file descriptors: %w", err)
		case ctx.Err() != nil:
			return 0, 0, context.Cause(ctx)
		}
	}
}

// system is the fraction of the machine's limit in use.
func (c *Descriptors) system() (float64, bool) {
	text, err := os.ReadFile(c.machine.path("proc", "sys", "fs", "file-nr"))
	if err != nil {
		return 0, false
	}
	f := strings.Fields(string(text)) // allocated, unused (always 0), limit
	if len(f) != 3 {
		return 0, false
	}
	open, err1 := strconv.ParseFloat(f[0], 64)
	limit, err2 := strconv.ParseFloat(f[2], 64)
	return part(open, limit), err1 == nil && err2 == nil
}
