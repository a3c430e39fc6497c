package backup

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"runtime"
	"slices"
	"sync"

	"filippo.io/age"

	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/secrets"
)

// ReaderOptions configure a [Reader]. The zero value is the default.
type ReaderOptions struct {
	// Fingerprint is the one that [Init] returned. Without it a repository that
	// somebody has put in place of the true one, made for the same operators, is
	// taken for it.
	Fingerprint string
	// Parallel is how many objects are read at the same time; zero is two for
	// each processor.
	Parallel int
}

// Reader reads, verifies and restores. It is safe for concurrent use.
type Reader struct {
	store       Store
	records     *records
	content     *age.X25519Identity
	metadata    *age.X25519Identity
	operator    []age.Identity // who has opened it
	signing     ed25519.PrivateKey
	fingerprint string
	options     ReaderOptions
	fsys        durable.FS // that restores go to
	decoders    sync.Pool  // of *zstd.Decoder
}

// OpenReader opens a repository with the age identity of an operator: the text
// of an identity file, as age-keygen writes it. The error wraps [ErrKey] where it
// is not one of the repository's operators.
func OpenReader(ctx context.Context, store Store, identity secrets.Value, opts *ReaderOptions) (*Reader, error) {
	r := &Reader{store: store, fsys: durable.OS{}}
	if opts != nil {
		r.options = *opts
	}
	r.options.Parallel = cmp.Or(r.options.Parallel, 2*runtime.GOMAXPROCS(0))
	if err := r.open(ctx, identity); err != nil {
		return nil, fmt.Errorf("open reader: %w", err)
	}
	return r, nil
}

func (r *Reader) open(ctx context.Context, identity secrets.Value) error {
	e, print, err := loadEpoch(ctx, r.store, r.options.Fingerprint)
	if err != nil {
		return err
	}
	r.fingerprint = print
	if r.operator, err = identities(identity); err != nil {
		return err
	}
	if r.content, r.metadata, err = openIdentities(ctx, r.store, print, r.operator); err != nil {
		return err
	}
	if r.content.Recipient().String() != e.Content {
		return fmt.Errorf("%w: the sealed identities are not those of the repository", ErrDamaged)
	}
	if r.records, err = newRecords(r.store, e, r.metadata); err != nil {
		return err
	}
	r.signing, err = readerKey(r.content)
	return err
}

// Fingerprint is that of the repository; see [Keys].
func (r *Reader) Fingerprint() string { return r.fingerprint }

// List yields all backups as [Writer.List] does.
func (r *Reader) List(ctx context.Context) iter.Seq2[*Listing, error] { return r.records.list(ctx) }

// Last returns the newest backup that may be restored. The error wraps
// [fs.ErrNotExist] when there is none. Where the records of a newer one cannot be
// read it wraps [ErrDamaged]: an older one is taken only when it is asked for.
func (r *Reader) Last(ctx context.Context) (*Listing, error) {
	var last *Listing
	var unread error // of newer ones
	for l, err := range r.List(ctx) {
		switch {
		case l == nil:
			return nil, err
		case l.broken != nil:
			unread = errors.Join(unread, l.broken)
		case l.Restorable():
			last, unread = l, nil
		}
	}
	if unread != nil {
		if last != nil {
			unread = fmt.Errorf("%w; the newest one that is in order is %s, which you can ask for", unread, last.ID)
		}
		return nil, fmt.Errorf("the newest backup cannot be used: %w", unread)
	}
	if last == nil {
		return nil, fmt.Errorf("no backup that may be restored: %w", fs.ErrNotExist)
	}
	return last, nil
}

// SetOperators makes the given age recipients those who may read, for all
// backups, past and to come; no content is written again. The one who calls it
// must be among them, or it is refused. An operator who is left out and has kept the identities
// of the repository can still read: that needs a new repository.
func (r *Reader) SetOperators(ctx context.Context, recipients []string) error {
	to, err := operators(recipients)
	if err != nil {
		return fmt.Errorf("set operators: %w", err)
	}
	n, names, err := newestKeys(ctx, r.store, r.fingerprint)
	if err != nil {
		return fmt.Errorf("set operators: %w", err)
	}
	sealed, err := seal(epochIdentities(r.records.epoch.Repository, r.fingerprint, r.content, r.metadata), to...)
	if err == nil {
		if _, mine := age.Decrypt(bytes.NewReader(sealed), r.operator...); mine != nil {
			err = fmt.Errorf("%w: the identity that opened this Reader would not be one of them", ErrKey)
		}
	}
	if err == nil {
		err = putSmall(ctx, r.store, keysName(r.fingerprint, n+1), sealed)
	}
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("somebody else has changed them at the same time, look and try again: %w", err)
	}
	for _, name := range names { // of those who may read no more
		if err == nil {
			err = r.store.Delete(ctx, name)
		}
	}
	if err != nil {
		return fmt.Errorf("set operators: %w", err)
	}
	return nil
}

// index reads the entries of a backup, by the object that holds them, and checks
// that they fit the record.
func (r *Reader) index(ctx context.Context, b *Backup) (map[string][]Entry, error) {
	known := map[string]bool{}
	var index *StoredObject
	for i, o := range b.Objects {
		if o.Role == ObjectIndex && index != nil {
			return nil, fmt.Errorf("%w: the record names two indexes", ErrDamaged)
		}
		if o.Role == ObjectIndex {
			index = &b.Objects[i]
		}
		known[o.Name] = o.Role == ObjectPart
	}
	if index == nil {
		return nil, fmt.Errorf("%w: the record names no index", ErrDamaged)
	}
	all, tree := map[string][]Entry{}, newPaths()
	files, size := int64(0), int64(0)
	err := r.read(ctx, *index, func(content *bufio.Reader) error {
		dec := json.NewDecoder(content)
		for dec.More() {
			var e Entry
			if err := dec.Decode(&e); err != nil {
				return err
			}
			if err := errors.Join(e.validate(), tree.add(&e)); err != nil {
				return err
			}
			if !known[e.Object] {
				return fmt.Errorf("%s is in the object %q, which the record does not name", e.Path, e.Object)
			}
			if e.Type == EntryFile {
				files, size = files+1, size+e.Size
			}
			all[e.Object] = append(all[e.Object], e)
		}
		return nil
	})
	if err == nil && (files != b.Files || size != b.Bytes) {
		err = fmt.Errorf("it lists %d files of %d bytes, the record says %d of %d", files, size, b.Files, b.Bytes)
	}
	if err != nil {
		return nil, damaged(index.Name, err)
	}
	return all, nil
}

// damaged marks an error about the content of an object, unless it is one of the
// store, of the target, or of the end of a context.
func damaged(name string, err error) error {
	var store *StoreError
	var target *TargetError
	lasting := errors.As(err, &store) && !errors.Is(err, fs.ErrNotExist)
	if lasting || errors.As(err, &target) || errors.Is(err, ErrDamaged) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("object %s: %w", name, err)
	}
	return fmt.Errorf("object %s: %w: %w", name, ErrDamaged, err)
}

// find returns the backup, or the newest one where id is empty.
func (r *Reader) find(ctx context.Context, id string) (*Listing, error) {
	if id == "" {
		return r.Last(ctx)
	}
	if CheckName(id) != nil {
		return nil, fmt.Errorf("%q is not the ID of a backup", id)
	}
	var names []string
	for object, err := range r.store.List(ctx, backupsPrefix+id+"/") {
		if err != nil {
			return nil, err
		}
		names = append(names, object.Name)
	}
	l, err := r.records.listing(ctx, id, names)
	switch {
	case l == nil && err != nil:
		return nil, err
	case l == nil:
		return nil, fmt.Errorf("no backup %s: %w", id, fs.ErrNotExist)
	case l.broken != nil:
		return nil, l.broken
	}
	return l, nil // also where a statement of others about it cannot be read
}

// parts returns the objects that are parts, largest first, so that the longest
// work is not left for the end.
func parts(b *Backup) []StoredObject {
	all := slices.DeleteFunc(slices.Clone(b.Objects), func(o StoredObject) bool { return o.Role != ObjectPart })
	slices.SortStableFunc(all, func(a, b StoredObject) int { return cmp.Compare(b.Size, a.Size) })
	return all
}
