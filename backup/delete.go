package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// DeleteReport is what a [Keeper.Delete] removed.
type DeleteReport struct {
	// Backups were given up longer ago than the grace.
	Backups []string `json:"backups,omitempty"`
	// Orphans is the number of objects that belonged to no backup.
	Orphans int `json:"orphans,omitempty"`
	// Waiting are given up, and their grace is not over.
	Waiting []string `json:"waiting,omitempty"`
}

// Delete removes the backups that were given up before the grace, goes on where
// a Delete was cut off, and removes objects that belong to no backup, which cut off
// backups leave: of those that began more than [MaxDuration] and a day ago, so that
// none is still at work. A record that cannot be read, or a list that fails, stops
// it before anything is removed. A backup that the store does not let go of yet is
// in the error, and does not hold up the others.
func (k *Keeper) Delete(ctx context.Context) (*DeleteReport, error) {
	d := &deletion{Keeper: k, now: time.Now(), needed: map[string]bool{}}
	err := d.look(ctx)
	if err == nil {
		err = d.remove(ctx)
	}
	if err != nil {
		return &d.rep, fmt.Errorf("delete: %w", err)
	}
	return &d.rep, nil
}

// deletion is one Delete at work.
type deletion struct {
	*Keeper
	now     time.Time
	rep     DeleteReport
	objects []Object
	listed  []Object // records
	all     map[string]*Listing
	needed  map[string]bool // objects of backups that stay
	going   []string
}

// look reads everything, and decides what goes.
func (d *deletion) look(ctx context.Context) error {
	var err error
	// The objects first: what a backup adds after this is not among them.
	if d.objects, err = collect(ctx, d.store, dataPrefix); err != nil {
		return err
	}
	if d.listed, err = collect(ctx, d.store, backupsPrefix); err != nil {
		return err
	}
	// After the grace: a child that was made in it is seen.
	if d.all, err = d.Keeper.all(ctx); err != nil {
		return err
	}
	for _, l := range d.all {
		if l.Tombstone != nil && d.over(l.Tombstone) {
			d.going = append(d.going, l.ID)
			continue
		}
		if l.Tombstone != nil {
			d.rep.Waiting = append(d.rep.Waiting, l.ID)
		}
		for _, o := range l.Objects {
			d.needed[o.Name] = true
		}
	}
	rests, err := d.rests(ctx)
	d.going = append(d.going, rests...)
	slices.Sort(d.going)
	slices.Sort(d.rep.Waiting)
	return err
}

func (d *deletion) over(t *Tombstone) bool { return d.now.Sub(t.Time) >= d.grace }

// rests returns the backups whose removal was cut off: those that have a
// tombstone and no record any more.
func (d *deletion) rests(ctx context.Context) ([]string, error) {
	var found []string
	for _, o := range d.listed {
		id := backupOf(o.Name)
		if d.all[id] != nil || o.Name != recordName(id, recordTombstone) {
			continue
		}
		var t Tombstone
		_, err := d.records.get(ctx, o.Name, recordTombstone, &t)
		if errors.Is(err, fs.ErrNotExist) { // another Keeper is at it
			continue
		}
		if err != nil {
			return nil, err
		}
		if t.Backup == id && d.over(&t) {
			found = append(found, id)
		}
	}
	return found, nil
}

// remove removes what goes.
func (d *deletion) remove(ctx context.Context) error {
	var errs []error
	for _, id := range d.going {
		switch err := d.removeBackup(ctx, id); {
		case errors.Is(err, fs.ErrPermission): // not yet
			errs = append(errs, fmt.Errorf("backup %s: %w", id, err))
		case err != nil:
			return fmt.Errorf("backup %s: %w", id, err)
		default:
			d.rep.Backups = append(d.rep.Backups, id)
		}
	}
	if err := d.removeOrphans(ctx); err != nil {
		return err
	}
	if s, ok := d.store.(Sweeper); ok {
		errs = append(errs, s.Sweep(ctx, d.now.Add(-MaxDuration-clockMargin)))
	}
	return errors.Join(errs...)
}

// removeOrphans removes the objects and records of what never was a backup.
func (d *deletion) removeOrphans(ctx context.Context) error {
	looked := map[string]bool{}
	for _, o := range slices.Concat(d.objects, d.listed) {
		id := backupOf(o.Name)
		if !d.gone(id) || d.needed[o.Name] || !d.abandoned(id, o) {
			continue
		}
		if !looked[id] { // a store that forgets something in a list must not lose it
			_, err := getSmall(ctx, d.store, recordName(id, recordBackup))
			if err == nil {
				return fmt.Errorf("the store has the record of backup %s, and it is not listed", id)
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			looked[id] = true
		}
		if err := d.store.Delete(ctx, o.Name); err != nil {
			return err
		}
		if strings.HasPrefix(o.Name, dataPrefix) {
			d.rep.Orphans++
		}
	}
	return nil
}

// gone tells that there is no backup of the ID, and none whose removal goes on.
func (d *deletion) gone(id string) bool { return d.all[id] == nil && !slices.Contains(d.going, id) }

// collect reads a list to its end.
func collect(ctx context.Context, store Store, prefix string) ([]Object, error) {
	var all []Object
	for o, err := range store.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// backupOf is the ID of the backup that a record or an object belongs to.
func backupOf(name string) string {
	_, rest, _ := strings.Cut(name, "/")
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// clockMargin is how much the clocks of Writer, Keeper and store may differ.
const clockMargin = 24 * time.Hour

// abandoned tells that a backup that has no record will never have one.
func (d *deletion) abandoned(id string, o Object) bool {
	const most = MaxDuration + clockMargin
	return d.now.Sub(o.Created) > most && d.now.Sub(begun(id)) > most
}

// begun is when a backup began, as its ID says; a name that is none is as old as
// can be.
func begun(id string) time.Time {
	stamp, _, _ := strings.Cut(id, "-")
	t, err := time.Parse("20060102T150405Z", stamp)
	if err != nil {
		return time.Time{}
	}
	return t
}

// removeBackup deletes a backup: the record first, so that nobody takes what is
// left for whole, and the tombstone last, so that a removal that is cut off goes
// on.
func (d *deletion) removeBackup(ctx context.Context, id string) error {
	if err := d.store.Delete(ctx, recordName(id, recordBackup)); err != nil {
		return err
	}
	for _, o := range d.objects {
		if backupOf(o.Name) == id && !d.needed[o.Name] {
			if err := d.store.Delete(ctx, o.Name); err != nil {
				return err
			}
		}
	}
	rest, err := collect(ctx, d.store, backupsPrefix+id+"/")
	if err != nil {
		return err
	}
	tombstone := recordName(id, recordTombstone)
	for _, o := range rest {
		if o.Name != tombstone {
			if err := d.store.Delete(ctx, o.Name); err != nil {
				return err
			}
		}
	}
	return d.store.Delete(ctx, tombstone)
}
