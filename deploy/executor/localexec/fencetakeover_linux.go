package localexec

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/masaruk/devops/internal/durable"
)

// takeOver raises the epoch and clears the host of what lower ones left.
func (f *fence) takeOver(ctx context.Context) error {
	if err := f.raise(); err != nil {
		return err
	}
	left, err := f.left()
	if err != nil {
		return err
	}
	if err := f.clear(ctx, left); err != nil {
		return err
	}
	return f.holds() // a later one may have come meanwhile
}

// left returns the claims of lower epochs. It is called after the epoch was
// raised: a claim that comes later gives itself up.
func (f *fence) left() ([]*leftClaim, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	var all []*leftClaim
	for _, entry := range entries {
		text, isClaim := strings.CutSuffix(entry.Name(), claimSuffix)
		number, _, _ := strings.Cut(text, "-")
		n, err := strconv.ParseUint(number, 10, 64)
		if isClaim && err == nil && n < f.epoch {
			all = append(all, &leftClaim{name: filepath.Join(f.dir, entry.Name()), epoch: n})
		}
	}
	return all, nil
}

// clear ends what may be ended and waits for the rest.
func (f *fence) clear(ctx context.Context, left []*leftClaim) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	began, limit := time.Now(), f.wait
	for {
		var err error
		if left, err = release(left); err != nil || len(left) == 0 {
			return err
		}
		grace := time.Duration(0)
		for _, c := range left {
			grace = max(grace, c.Grace)
			limit = max(limit, c.Grace+f.wait)
		}
		rest := limit - time.Since(began)
		if rest <= 0 {
			return fmt.Errorf("after %s something of an earlier controller still runs: %s; end it, or where it is meant to live on, remove the file, and run again", limit, describe(left))
		}
		bound, cancel := context.WithTimeout(ctx, rest)
		_, err = endAll(bound, func() ([]stat, error) { return members(left) }, grace)
		timedOut := bound.Err() != nil && ctx.Err() == nil
		cancel()
		if err != nil && ctx.Err() == nil && !timedOut {
			return fmt.Errorf("ending what an earlier controller left: %w: %s", err, describe(left))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("something of an earlier controller still runs: %s: %w", describe(left), context.Cause(ctx))
		}
	}
}

// leftClaim is a claim of an epoch that is over.
type leftClaim struct {
	claimed
	name   string
	epoch  uint64
	leader Process
}

// release removes the claims that nobody holds any more and returns the rest.
func release(claims []*leftClaim) (left []*leftClaim, err error) {
	for _, c := range claims {
		over, err := c.release()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		if !over {
			left = append(left, c)
		}
	}
	return left, nil
}

// release tells whether no process of the command is left, neither one that
// holds the lock nor, since a program may close what it inherits, one of the
// group.
func (c *leftClaim) release() (over bool, err error) {
	file, err := durable.OpenLocked(context.Background(), c.name, os.O_RDWR, 0, durable.TryExclusive)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case errors.Is(err, durable.ErrLocked):
		err := c.read()
		return errors.Is(err, fs.ErrNotExist), ignoreMissing(err)
	case err != nil:
		return false, err
	}
	defer file.Close()
	if err := c.read(); err != nil {
		return errors.Is(err, fs.ErrNotExist), ignoreMissing(err)
	}
	group, err := members([]*leftClaim{c})
	if err != nil || len(group) > 0 {
		return false, err
	}
	return true, ignoreMissing(os.Remove(c.name))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// read reads what the controller wrote, which it may do at any time.
func (c *leftClaim) read() error {
	raw, err := os.ReadFile(c.name)
	if err == nil {
		c.claimed, c.leader, err = parseClaim(raw)
	}
	return err
}

// members returns the processes of all claims that may be ended: those of the
// recorded groups, and those that hold a lock, with their groups, unless they
// have left the session, as daemons do. The controllers, this program and its
// ancestors are none of them.
func members(claims []*leftClaim) ([]stat, error) {
	all, err := allStats()
	if err != nil {
		return nil, err
	}
	open := holders(claims)
	for _, pids := range open {
		delete(pids, os.Getpid()) // release looks with the file open, which makes nothing of its group
	}
	skip := family()
	var found []stat
	for _, s := range all {
		if s.dead || skip[s.pid] {
			continue
		}
		if slices.ContainsFunc(claims, func(c *leftClaim) bool { return c.owns(s, all, open[c]) }) {
			found = append(found, s)
		}
	}
	return found, nil
}

// owns tells whether s is of the command and may be ended.
func (c *leftClaim) owns(s stat, all []stat, open map[int]bool) bool {
	if c.Controller.is(s) || !c.Controller.thisBoot() {
		return false
	}
	if c.leader.PID > 0 && s.pgrp == c.leader.PID {
		// Without its leader the number of the group could be a stranger's by
		// now, though hardly one of the same session.
		i := slices.IndexFunc(all, func(l stat) bool { return l.pid == c.leader.PID })
		if i < 0 {
			return s.session == c.Session && s.start >= c.leader.Ticks
		}
		return c.leader.is(all[i])
	}
	if s.session != c.Session {
		return false
	}
	if open[s.pid] {
		return true
	}
	return s.pgrp != c.Group && slices.ContainsFunc(all, func(o stat) bool { return o.pgrp == s.pgrp && o.session == s.session && open[o.pid] })
}

// holders returns the processes that have the files of the claims open, where
// this program may see it.
func holders(claims []*leftClaim) map[*leftClaim]map[int]bool {
	byFile := map[string]*leftClaim{}
	open := map[*leftClaim]map[int]bool{}
	for _, c := range claims {
		byFile[filepath.Base(c.name)] = c // random, so that a mount elsewhere does not matter
		open[c] = map[int]bool{}
	}
	pids, _ := allPIDs()
	for _, pid := range pids {
		dir := "/proc/" + strconv.Itoa(pid) + "/fd"
		fds, _ := os.ReadDir(dir)
		for _, fd := range fds {
			target, _ := os.Readlink(dir + "/" + fd.Name())
			if c := byFile[filepath.Base(target)]; c != nil {
				open[c][pid] = true
			}
		}
	}
	return open
}

// describe says what holds the claims.
func describe(claims []*leftClaim) string {
	open := holders(claims)
	all, _ := allStats()
	var texts []string
	for _, c := range claims {
		var who []string
		for _, s := range all {
			switch {
			case s.dead || !open[c][s.pid] && !c.owns(s, all, open[c]):
			case c.Controller.is(s):
				who = append(who, fmt.Sprintf("process %d (%s), the controller that was about to start it and is perhaps stopped", s.pid, s.comm))
			default:
				who = append(who, fmt.Sprintf("process %d (%s)", s.pid, s.comm))
			}
		}
		if len(who) == 0 {
			who = []string{"a process that cannot be seen from here"}
		}
		texts = append(texts, fmt.Sprintf("command %s of epoch %d, held by %s (%s)", c.Program, c.epoch, strings.Join(who, ", "), c.name))
	}
	return strings.Join(texts, "; ")
}
