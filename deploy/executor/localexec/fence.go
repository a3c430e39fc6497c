package localexec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
)

const (
	// fenceVersion is the version of the files of a fence.
	fenceVersion = 1
	// fenceWait is how long a takeover waits, beyond the Grace of what it
	// ends, for what it cannot or must not end.
	fenceWait = 10 * time.Second
)

var _ deploy.Fencer = (*Executor)(nil)

// fence is the right of one epoch to act under a name.
type fence struct {
	name  string
	dir   string // of the name
	epoch uint64
	fsys  durable.FS
	wait  time.Duration
}

// Fence implements [deploy.Fencer]: the Executor it returns runs commands like
// e for as long as no higher epoch has been fenced under name in
// Options.Fence, and Start is held back like Run. Before it returns it ends
// the process groups of commands that lower epochs left, as Run does when ctx
// ends and with the same Grace, and waits until nothing holds their locks, for
// 10 seconds beyond that. Without Options.Fence it returns e. The error
// wraps [deploy.ErrFenced] when a later controller is there already, and is
// [errors.ErrUnsupported] on other systems than linux.
func (e *Executor) Fence(ctx context.Context, name string, epoch uint64) (deploy.Executor, error) {
	if e.folder == "" {
		return e, nil
	}
	f, err := newFence(e.folder, name, epoch)
	if err == nil {
		err = f.takeOver(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("localexec: fence %q, epoch %d: %w", name, epoch, err)
	}
	fenced := *e
	fenced.fence = f
	return &fenced, nil
}

func newFence(folder, name string, epoch uint64) (*fence, error) {
	if name == "" {
		return nil, errors.New("it needs a name")
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(folder, fmt.Sprintf("v%d", fenceVersion), url.PathEscape(name)+".fence")
	return &fence{name: name, dir: dir, epoch: epoch, fsys: durable.OS{}, wait: fenceWait}, nil
}

// claimed is what the file of a claim says first. A line with the [Process]
// that leads the group of the command follows once it was started.
type claimed struct {
	Version int    `json:"version"`
	Program string `json:"program"`
	// Controller is the program that runs the command, in a group and a
	// session of these numbers.
	Controller Process       `json:"controller"`
	Group      int           `json:"controller_group"`
	Session    int           `json:"controller_session"`
	Grace      time.Duration `json:"grace_ns"`
}

// claim is a locked file that a command holds open for as long as it runs. The
// lock belongs to the open file, which the command inherits, so it outlives
// this program. A nil claim is that of a command which needs none.
type claim struct {
	name string
	file *os.File // nil once the command holds it alone
}

// claim claims the host for one command: it locks a file of its own first and
// looks at the epoch afterwards, while a takeover raises the epoch first and
// looks for such files afterwards. So one of the two sees the other.
func (e *Executor) claim(ctx context.Context, cmd deploy.Command) (*claim, error) {
	if e.fence == nil || cmd.ReadOnly {
		return nil, nil
	}
	c, err := e.fence.claim(ctx, claimed{
		Version: fenceVersion, Program: cmd.Argv[0], Grace: graceOf(cmd.Grace),
	})
	if err != nil {
		return nil, fmt.Errorf("fence %q, epoch %d: %w", e.fence.name, e.fence.epoch, err)
	}
	return c, nil
}

// files are what the command inherits.
func (c *claim) files() []*os.File {
	if c == nil {
		return nil
	}
	return []*os.File{c.file}
}

// started records the group of the command, and leaves the lock to it alone:
// this program may be stopped, and must not hold up a takeover then.
func (c *claim) started(pid int) error {
	if c == nil {
		return nil
	}
	leader, err := identify(pid)
	if err == nil {
		err = json.NewEncoder(c.file).Encode(leader) // one write, behind the first line
	}
	if err != nil {
		return err
	}
	err = c.file.Close()
	c.file = nil
	return err
}

// drop gives the claim up once the command has ended. A daemon that it left
// may hold the lock for ever, and nobody minds, since the file has no name.
func (c *claim) drop() {
	if c == nil {
		return
	}
	_ = os.Remove(c.name) // what stays is locked by nobody, and cleared away by the next takeover
	if c.file != nil {
		c.file.Close()
		c.file = nil
	}
}

// parse reads the file of a claim; leader is the zero Process where the
// command was not started yet. A line that is not whole is not there.
func parseClaim(raw []byte) (c claimed, leader Process, err error) {
	for i, into := range []any{&c, &leader} {
		line, rest, whole := strings.Cut(string(raw), "\n")
		if !whole {
			break
		}
		if err := json.Unmarshal([]byte(line), into); err != nil {
			return c, leader, fmt.Errorf("line %d: %w", i+1, err)
		}
		raw = []byte(rest)
	}
	if c.Version > fenceVersion {
		return c, leader, fmt.Errorf("it has version %d and this program knows up to %d; use the newer program", c.Version, fenceVersion)
	}
	return c, leader, nil
}
