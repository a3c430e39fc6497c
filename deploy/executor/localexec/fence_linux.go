package localexec

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
)

const (
	epochSuffix = ".epoch" // files whose name is the number of an epoch
	claimSuffix = ".run"   // files of commands: epoch, "-", and random letters
)

// identify returns the process of this number, which must be a child that was
// not reaped, or this program.
func identify(pid int) (Process, error) {
	boot, err := bootID()
	if err != nil {
		return Process{}, err
	}
	s, err := readStat(pid)
	return Process{PID: s.pid, Ticks: s.start, Boot: boot}, err
}

func (f *fence) epochFile(epoch uint64) string {
	return filepath.Join(f.dir, strconv.FormatUint(epoch, 10)+epochSuffix)
}

// claim makes and locks the file of one command, and then checks the epoch.
func (f *fence) claim(ctx context.Context, what claimed) (*claim, error) {
	self, err := readStat(os.Getpid())
	if err == nil {
		what.Controller, err = identify(self.pid)
	}
	if err != nil {
		return nil, err
	}
	what.Group, what.Session = self.pgrp, self.session
	c := &claim{name: filepath.Join(f.dir, fmt.Sprintf("%d-%s%s", f.epoch, rand.Text()[:12], claimSuffix))}
	c.file, err = durable.OpenLocked(ctx, c.name, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600, durable.Exclusive)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, f.lost(err)
	}
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(c.file).Encode(what); err != nil {
		c.drop()
		return nil, err
	}
	if err := f.holds(); err != nil {
		c.drop()
		return nil, err
	}
	return c, nil
}

// holds tells whether no higher epoch has taken over.
func (f *fence) holds() error {
	_, err := os.Lstat(f.epochFile(f.epoch))
	if errors.Is(err, fs.ErrNotExist) {
		return f.lost(nil)
	}
	return err
}

// lost says why this epoch has no right to act.
func (f *fence) lost(cause error) error {
	newest := "the folder of the fence was removed"
	if epochs, err := f.epochs(); err == nil && len(epochs) > 0 {
		newest = "epoch " + strconv.FormatUint(epochs[len(epochs)-1], 10) + " has the host"
	}
	if cause != nil {
		return fmt.Errorf("%w: %s: %w", deploy.ErrFenced, newest, cause)
	}
	return fmt.Errorf("%w: %s", deploy.ErrFenced, newest)
}

// epochs lists the epochs that have a file, lowest first.
func (f *fence) epochs() ([]uint64, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	var all []uint64
	for _, entry := range entries {
		text, ok := strings.CutSuffix(entry.Name(), epochSuffix)
		if n, err := strconv.ParseUint(text, 10, 64); ok && err == nil {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}

// raise makes f.epoch the one that acts, durably, and removes the lower ones.
// The highest file counts, and each is made by one controller only, so two
// that raise at once need no lock that one of them could be stopped with.
func (f *fence) raise() error {
	if err := f.makeDir(); err != nil {
		return err
	}
	if err := f.highest(false); err != nil {
		return err
	}
	file, err := f.fsys.OpenFile(f.epochFile(f.epoch), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err // that it exists, too: highest has looked
	}
	if err := errors.Join(file.Close(), f.fsys.SyncDir(f.dir)); err != nil {
		return err
	}
	if err := f.highest(true); err != nil {
		return errors.Join(err, f.remove(f.epoch))
	}
	epochs, err := f.epochs()
	for _, n := range epochs {
		if n < f.epoch {
			err = errors.Join(err, f.remove(n))
		}
	}
	return err
}

// makeDir makes the folder, and refuses one in which somebody else could name
// processes to be ended.
func (f *fence) makeDir() error {
	if err := durable.MkdirAll(f.fsys, f.dir, 0o700); err != nil {
		return err
	}
	folder := filepath.Dir(filepath.Dir(f.dir))
	info, err := os.Stat(folder)
	if err == nil && info.Mode().Perm()&0o022 != 0 {
		err = fmt.Errorf("others may write in the folder %s (mode %s); give the fence one of its own with mode 0700", folder, info.Mode().Perm())
	}
	return err
}

// highest refuses where there is a higher epoch, or this one unless it is
// ours.
func (f *fence) highest(ours bool) error {
	epochs, err := f.epochs()
	if err != nil || len(epochs) == 0 {
		return err
	}
	if n := epochs[len(epochs)-1]; n > f.epoch || n == f.epoch && !ours {
		return fmt.Errorf("%w, or the log is another than that of the fence, which then needs a folder of its own instead of %s", f.lost(nil), f.dir)
	}
	return nil
}

func (f *fence) remove(epoch uint64) error {
	if err := f.fsys.Remove(f.epochFile(epoch)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
