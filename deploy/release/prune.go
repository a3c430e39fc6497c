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

// remove takes a release away: first its name, in one step, then its record,
// then its files. Each may be missing already.
func (d *Dir) remove(id string) error {
	trash := filepath.Join(d.releases(), trashPrefix+id+"-"+rand.Text()[:12])
	if _, err := os.Lstat(d.path(id)); err == nil {
		if err := durable.Rename(d.fsys, d.path(id), trash); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := durable.RemoveAll(d.fsys, d.recordPath(id)); err != nil {
		return err
	}
	return durable.RemoveAll(d.fsys, trash)
}
