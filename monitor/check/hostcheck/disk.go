package hostcheck

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shirou/gopsutil/v4/disk"

	"github.com/masaruk/devops/monitor"
)

// DiskOptions configure a [Disk]. The zero value is the default.
type DiskOptions struct {
	// Space is the fraction in use of what users other than root can use, as df
	// shows it; Inodes that of the inodes. Both are a warning above 0.85 and a
	// failure above 0.95 by default.
	Space, Inodes Limits
	// WarnFullIn and FailFullIn are how soon the disk may be full before that is
	// a warning or a failure; zero is 7 days and 1 day, negative is none.
	WarnFullIn, FailFullIn time.Duration
	// TrendOver is the time whose growth tells when the disk is full; zero is 24
	// hours.
	TrendOver time.Duration
}

// Disk checks the file system that a path is on. [NewDisk] makes it.
type Disk struct {
	path  string
	o     DiskOptions
	begun time.Time
	trend trend
}

var _ monitor.Check = (*Disk)(nil)

// NewDisk makes a check of the file system that holds path. Nil options are the
// defaults. The error tells what cannot be used.
func NewDisk(path string, opts *DiskOptions) (*Disk, error) {
	c := &Disk{path: path, begun: time.Now()}
	if opts != nil {
		c.o = *opts
	}
	o := &c.o
	o.Space = o.Space.or(Limits{0.85, 0.95})
	o.Inodes = o.Inodes.or(Limits{0.85, 0.95})
	o.WarnFullIn = orTime(o.WarnFullIn, 7*24*time.Hour)
	o.FailFullIn = orTime(o.FailFullIn, 24*time.Hour)
	o.TrendOver = orTime(o.TrendOver, 24*time.Hour)
	err := errors.Join(o.Space.validate("Space"), o.Inodes.validate("Inodes"))
	switch {
	case path == "":
		err = errors.New("the path is empty: give a folder on the disk")
	case o.TrendOver < 0:
		err = errors.Join(err, fmt.Errorf("TrendOver %s is negative", o.TrendOver))
	case o.WarnFullIn >= 0 && o.WarnFullIn < o.FailFullIn:
		err = errors.Join(err, fmt.Errorf("WarnFullIn %s is below FailFullIn %s: negative is none", o.WarnFullIn, o.FailFullIn))
	}
	if err != nil {
		return nil, fmt.Errorf("hostcheck.NewDisk: %w", err)
	}
	return c, nil
}

func orTime(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// Check asks the file system once.
func (c *Disk) Check(ctx context.Context) monitor.Result {
	u, err := disk.UsageWithContext(ctx, c.path)
	if err == nil && u.Total == 0 {
		err = errors.New("the file system has no size")
	}
	if err != nil {
		return monitor.Result{Status: monitor.Fail, Detail: "cannot be read", Err: fmt.Errorf("read the file system of %s: %w", c.path, err)}
	}
	r := monitor.Result{Status: monitor.Pass}
	c.judge(&r, u, time.Since(c.begun))
	if r.Err != nil {
		r.Err = fmt.Errorf("%s: %w", c.path, r.Err)
	}
	return r
}

// farAway is a time until full that nobody plans for: it may be the error of the
// arithmetic alone.
const farAway = 10 * 365 * 24 * time.Hour

// judge looks at what was in use at a time since the check began.
func (c *Disk) judge(r *monitor.Result, u *disk.UsageStat, at time.Duration) {
	free := float64(u.Free)
	used := part(float64(u.Used), float64(u.Used)+free)
	add(r, "used", used, "1")
	add(r, "available", free, "By")
	c.o.Space.judge(r, used, percent, "the disk is %s full")
	if u.InodesTotal > 0 { // some file systems make them as needed
		inodes := part(float64(u.InodesUsed), float64(u.InodesTotal))
		add(r, "inodes_used", inodes, "1")
		c.o.Inodes.judge(r, inodes, percent, "%s of the inodes are used")
	}
	growth, ok := c.trend.add(at, float64(u.Used), c.o.TrendOver)
	fullIn := free / growth // seconds
	if !ok || growth <= 0 || fullIn > farAway.Seconds() {
		return
	}
	add(r, "full_in", fullIn/86400, "d")
	status := monitor.Pass
	switch {
	case fullIn < c.o.FailFullIn.Seconds():
		status = monitor.Fail
	case fullIn < c.o.WarnFullIn.Seconds():
		status = monitor.Warn
	default:
		return
	}
	worsen(r, status, fmt.Sprintf("the disk is full in %.1f days", fullIn/86400),
		fmt.Errorf("it grows by %.3g bytes a day and is full in %.1f days", growth*86400, fullIn/86400))
}
