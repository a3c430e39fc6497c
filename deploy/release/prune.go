package release

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/masaruk/devops/internal/durable"
)

// Remove deletes a release. The error wraps [ErrProtected] where it is live or
// the one proven last.
func (d *Dir) Remove(ctx context.Context, id string) error {
	return d.change(ctx, "remove", id, func() error {
		if _, err := d.load(id); err != nil {
			return err
		}
		protected, err := d.protected()
		if err != nil {
			return err
		}
		if why := protected[id]; why != "" {
			return fmt.Errorf("it is %s: %w", why, ErrProtected)
		}
		return d.remove(id)
	})
}

// Prune keeps the newest releases, as many as keep says, the live one, the one
// proven last, and those of keepIDs, such as releases that still drain; it
// deletes the others and returns their ids, oldest first. Where any record
// cannot be read it deletes nothing.
func (d *Dir) Prune(ctx context.Context, keep int, keepIDs ...string) (removed []string, err error) {
	if keep < 0 {
		return nil, d.wrap("prune", "", fmt.Errorf("keep is %d, it may not be negative: %w", keep, ErrSpec))
	}
	err = d.locked(ctx, func() error {
		protected, err := d.protected()
		if err != nil {
			return err
		}
		var all []string
		for r, err := range d.List() {
			if err != nil {
				return err
			}
			all = append(all, r.ID)
		}
		for _, id := range all[:max(0, len(all)-keep)] {
			if protected[id] != "" || slices.Contains(keepIDs, id) {
				continue
			}
			if err := context.Cause(ctx); err != nil {
				return err
			}
			if err := d.remove(id); err != nil {
				return err
			}
			removed = append(removed, id)
		}
		return nil
	})
	return removed, d.wrap("prune", "", err)
}

// protected tells which releases may not be removed, and why.
func (d *Dir) protected() (map[string]string, error) {
	why := map[string]string{}
	last, err := d.LastProven()
	if err == nil {
		why[last.ID] = "the one proven last"
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	live, err := d.live()
	if err == nil {
		why[live] = "live"
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return why, nil
}

// remove takes a release away, in steps that can be continued: its record is
// set aside, then it loses its name, its record and its files. Each may be
// missing.
func (d *Dir) remove(id string) error {
	aside := d.recordPath(id) + removingSuffix
	trash := filepath.Join(d.releases(), trashPrefix+id+"-"+rand.Text()[:12])
	if err := d.setAside(d.recordPath(id), aside); err != nil {
		return err
	}
	if err := d.setAside(d.path(id), trash); err != nil {
		return err
	}
	if err := durable.RemoveAll(d.fsys, aside); err != nil {
		return err
	}
	return durable.RemoveAll(d.fsys, trash)
}

// setAside renames what is there.
func (d *Dir) setAside(name, aside string) error {
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return durable.Rename(d.fsys, name, aside)
}

// finishRemovals continues what a killed process had begun.
func (d *Dir) finishRemovals() error {
	entries, err := os.ReadDir(d.records())
	if err != nil {
		return err
	}
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), ".json"+removingSuffix)
		if !ok {
			continue
		}
		if err := d.remove(id); err != nil {
			return err
		}
	}
	return nil
}
