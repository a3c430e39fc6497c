package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/masaruk/devops/secrets"
)

// DefaultGrace is how long a backup that was given up stays at least.
const DefaultGrace = 24 * time.Hour

// KeeperOptions configure a [Keeper]. The zero value is the default.
type KeeperOptions struct {
	// Grace is how long after its tombstone a backup stays at least; zero is
	// [DefaultGrace]. Restores that have begun need it, and records that are
	// listed late.
	Grace time.Duration
}

// Keeper lets backups go. It reads no content. It is safe for concurrent use,
// also with others of the same key.
type Keeper struct {
	store   Store
	records *records
	key     key
	grace   time.Duration
}

// OpenKeeper opens a repository with the key that [Init] made, as [OpenWriter]
// does.
func OpenKeeper(ctx context.Context, store Store, text secrets.Value, opts *KeeperOptions) (*Keeper, error) {
	k, err := parseKey(text, RoleKeeper)
	if err != nil {
		return nil, fmt.Errorf("open keeper: %w", err)
	}
	recs, err := openRecords(ctx, store, k)
	if err != nil {
		return nil, fmt.Errorf("open keeper: %w", err)
	}
	keeper := &Keeper{store: store, records: recs, key: k, grace: DefaultGrace}
	if opts != nil && opts.Grace != 0 {
		keeper.grace = opts.Grace
	}
	if keeper.grace < 0 {
		return nil, fmt.Errorf("open keeper: field Grace is negative (%s)", keeper.grace)
	}
	return keeper, nil
}

// List yields all backups as [Writer.List] does.
func (k *Keeper) List(ctx context.Context) iter.Seq2[*Listing, error] { return k.records.list(ctx) }

// GiveUp puts a tombstone on each of the backups: nothing refers to them from
// now on, and [Keeper.Delete] removes them after the grace. A backup that another
// one, which stays, refers to is refused, and then none is given up. One that has
// a tombstone already keeps it.
func (k *Keeper) GiveUp(ctx context.Context, reason string, ids ...string) error {
	all, err := k.all(ctx)
	if err != nil {
		return fmt.Errorf("give up: %w", err)
	}
	if err := keepsParents(all, ids); err != nil {
		return fmt.Errorf("give up: %w", err)
	}
	for _, id := range ids {
		t := Tombstone{Backup: id, Time: time.Now().UTC(), Reason: reason}
		err := k.records.put(ctx, recordName(id, recordTombstone), recordTombstone, k.key.signing(), t)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("give up backup %s: %w", id, err)
		}
	}
	return nil
}

// all reads every record. One that cannot be read ends it: nothing is given up
// or deleted by half a picture.
func (k *Keeper) all(ctx context.Context) (map[string]*Listing, error) {
	all := map[string]*Listing{}
	for l, err := range k.List(ctx) {
		if err != nil {
			return nil, err
		}
		all[l.ID] = l
	}
	return all, nil
}

// keepsParents refuses to let a parent go before its children.
func keepsParents(all map[string]*Listing, going []string) error {
	var errs []error
	for _, id := range going {
		if all[id] == nil {
			errs = append(errs, fmt.Errorf("no backup %s: %w", id, fs.ErrNotExist))
		}
	}
	for _, l := range all {
		if !l.Restorable() || slices.Contains(going, l.ID) {
			continue
		}
		for _, parent := range l.Parents {
			if slices.Contains(going, parent) {
				errs = append(errs, fmt.Errorf("backup %s refers to %s, which must stay as long as it does", l.ID, parent))
			}
		}
	}
	return errors.Join(errs...)
}

// DeleteReport is what a [Keeper.Delete] removed.
type DeleteReport struct {
	// Backups were given up longer ago than the grace.
	Backups []string `json:"backups,omitempty"`
	// Orphans is the number of objects that belonged to no backup.
	Orphans int `json:"orphans,omitempty"`
	// Waiting are given up, and their grace is not over.
	Waiting []string `json:"waiting,omitempty"`
}

// Delete removes the backups that were given up before the grace, and objects
// that belong to no backup, which cut off backups leave: of those that began more
// than [MaxDuration] and a day ago, so that none is still at work. A record that
// cannot be read stops it before anything is removed.
func (k *Keeper) Delete(ctx context.Context) (*DeleteReport, error) {
	rep := &DeleteReport{}
	if err := k.delete(ctx, rep); err != nil {
		return rep, fmt.Errorf("delete: %w", err)
	}
	return rep, nil
}

func (k *Keeper) delete(ctx context.Context, rep *DeleteReport) error {
	now := time.Now()
	// The objects first: what a backup adds after this is not among them.
	var objects []Object
	for o, err := range k.store.List(ctx, dataPrefix) {
		if err != nil {
			return err
		}
		objects = append(objects, o)
	}
	all, err := k.all(ctx) // after the grace: a child that was made in it is seen
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	for _, l := range all {
		if l.Tombstone == nil || now.Sub(l.Tombstone.Time) < k.grace {
			if l.Tombstone != nil {
				rep.Waiting = append(rep.Waiting, l.ID)
			}
			for _, o := range l.Objects {
				needed[o.Name] = true
			}
			continue
		}
		rep.Backups = append(rep.Backups, l.ID)
	}
	slices.Sort(rep.Backups)
	slices.Sort(rep.Waiting)
	for _, id := range rep.Backups {
		if err := k.remove(ctx, id, needed, objects); err != nil {
			return err
		}
	}
	for _, o := range objects {
		of, _, _ := strings.Cut(strings.TrimPrefix(o.Name, dataPrefix), "/")
		if all[of] != nil || needed[o.Name] || !abandoned(of, o, now) {
			continue
		}
		if err := k.store.Delete(ctx, o.Name); err != nil {
			return err
		}
		rep.Orphans++
	}
	if err := k.removeRests(ctx, all, now); err != nil {
		return err
	}
	if s, ok := k.store.(Sweeper); ok {
		return s.Sweep(ctx, now.Add(-MaxDuration-clockMargin))
	}
	return nil
}

// removeRests removes the other records of backups whose own record is gone: a
// removal was cut off.
func (k *Keeper) removeRests(ctx context.Context, all map[string]*Listing, now time.Time) error {
	for o, err := range k.store.List(ctx, backupsPrefix) {
		if err != nil {
			return err
		}
		of, _, _ := strings.Cut(strings.TrimPrefix(o.Name, backupsPrefix), "/")
		if all[of] == nil && abandoned(of, o, now) {
			if err := k.store.Delete(ctx, o.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// clockMargin is how much the clocks of Writer, Keeper and store may differ.
const clockMargin = 24 * time.Hour

// abandoned tells that a backup that has no record will never have one.
func abandoned(id string, o Object, now time.Time) bool {
	const most = MaxDuration + clockMargin
	return now.Sub(o.Created) > most && now.Sub(begun(id)) > most
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

// remove deletes a backup: the record first, so that nobody takes what is left
// for whole, and the tombstone last, so that a removal that is cut off goes on.
func (k *Keeper) remove(ctx context.Context, id string, needed map[string]bool, objects []Object) error {
	if err := k.store.Delete(ctx, recordName(id, recordBackup)); err != nil {
		return err
	}
	for _, o := range objects {
		if strings.HasPrefix(o.Name, dataPrefix+id+"/") && !needed[o.Name] {
			if err := k.store.Delete(ctx, o.Name); err != nil {
				return err
			}
		}
	}
	var rest []string
	for o, err := range k.store.List(ctx, backupsPrefix+id+"/") {
		if err != nil {
			return err
		}
		rest = append(rest, o.Name)
	}
	slices.SortFunc(rest, func(a, b string) int { return strings.Compare(b, a) }) // "verified" and "void" before "tombstone"
	for _, name := range rest {
		if err := k.store.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
