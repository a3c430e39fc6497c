package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
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
