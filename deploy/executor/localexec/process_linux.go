package localexec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

func startDetached(ctx context.Context, p *prepared, log *os.File) (Process, error) {
	boot, err := bootID()
	if err != nil {
		return Process{}, fmt.Errorf("not started: %w", err)
	}
	c, err := startBusy(ctx, func() *exec.Cmd {
		return &exec.Cmd{
			Path: p.path, Args: p.argv, Env: p.env, Dir: p.dir, Stdout: log, Stderr: log,
			SysProcAttr: &syscall.SysProcAttr{Setsid: true},
		}
	})
	if err != nil {
		return Process{}, err
	}
	s, err := readStat(c.Process.Pid) // ours until it is reaped, even if it has ended
	if err != nil {
		_ = c.Process.Kill()
		_ = c.Wait()
		return Process{}, fmt.Errorf("started and ended again, since it could not be identified: %w", err)
	}
	go func() { _ = c.Wait() }()
	return Process{PID: s.pid, Ticks: s.start, Boot: boot}, nil
}

// is tells whether s describes p.
func (p Process) is(s stat) bool { return s.pid == p.PID && s.start == p.Ticks }

// thisBoot tells whether p can still be there at all.
func (p Process) thisBoot() bool {
	boot, err := bootID()
	return err == nil && p.Boot == boot && p.PID > 0
}

func alive(p Process) bool {
	s, err := readStat(p.PID)
	return err == nil && p.is(s) && !s.dead && p.thisBoot()
}

func stop(ctx context.Context, p Process, grace time.Duration) (bool, error) {
	if !p.thisBoot() {
		return false, nil
	}
	if family()[p.PID] && alive(p) {
		return false, fmt.Errorf("localexec: process %d is this program or an ancestor and is not ended", p.PID)
	}
	return endAll(ctx, (&session{leader: p}).members, grace)
}

// session finds the processes of a session for as long as it is certain that
// its number still means the same: the kernel gives it to nobody else while it
// has a member.
type session struct {
	leader Process
	known  map[Process]bool
}

func (g *session) members() ([]stat, error) {
	all, err := allStats()
	if err != nil {
		return nil, err
	}
	certain := false
	for _, s := range all {
		certain = certain || g.leader.is(s) || g.known[Process{PID: s.pid, Ticks: s.start}]
	}
	known := map[Process]bool{}
	skip := family()
	var members []stat
	for _, s := range all {
		if s.dead || skip[s.pid] || s.session != g.leader.PID && !g.leader.is(s) {
			continue
		}
		if !certain {
			if m, _ := marker(s.pid); m == "" || m != g.leader.Marker {
				continue
			}
		}
		known[Process{PID: s.pid, Ticks: s.start}] = true
		members = append(members, s)
	}
	g.known = known
	return members, nil
}

func end(ctx context.Context, procs []Process, grace time.Duration) error {
	_, err := endAll(ctx, func() ([]stat, error) {
		skip := family()
		var members []stat
		for _, p := range procs {
			s, err := readStat(p.PID)
			if err == nil && p.is(s) && !s.dead && !skip[p.PID] && p.thisBoot() {
				members = append(members, s)
			}
		}
		return members, nil
	}, grace)
	return err
}

// endAll ends what members returns until it returns nothing.
func endAll(ctx context.Context, members func() ([]stat, error), grace time.Duration) (killed bool, err error) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	asked := map[Process]bool{}
	for force := grace <= 0; ; {
		now, err := members()
		if err != nil || len(now) == 0 {
			return killed, err
		}
		var errs []error
		for _, s := range now {
			id := Process{PID: s.pid, Ticks: s.start}
			switch {
			case force:
				killed = true
				errs = append(errs, s.signal(syscall.SIGKILL))
			case !asked[id]:
				asked[id] = true
				errs = append(errs, s.signal(syscall.SIGTERM), s.signal(syscall.SIGCONT))
			}
		}
		if err := errors.Join(errs...); err != nil {
			return killed, err // not permitted, which no waiting changes
		}
		select {
		case <-tick.C:
		case <-timer.C:
			force = true
		case <-ctx.Done():
			return killed, fmt.Errorf("localexec: %d processes run on: %w", len(now), context.Cause(ctx))
		}
	}
}

func marked(of string) ([]Process, error) {
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	all, err := allStats()
	if err != nil {
		return nil, err
	}
	skip := family()
	var found []Process
	for _, s := range all {
		value, ok := marker(s.pid)
		if !ok || value != of && !strings.HasPrefix(value, of+"/") || s.dead || skip[s.pid] {
			continue
		}
		p := Process{PID: s.pid, Ticks: s.start, Boot: boot, Marker: value}
		if alive(p) { // the environment was that of this process
			found = append(found, p)
		}
	}
	return found, nil
}
