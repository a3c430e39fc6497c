package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// VerifyOptions configure a verification. The zero value is the default.
type VerifyOptions struct {
	// Deep reads, decrypts, decompresses and compares all content. Otherwise the
	// objects must be there and have their sizes, and the index must be whole.
	Deep bool
	// NoRecord leaves no signed statement in the store.
	NoRecord bool
	// Progress is told, from several goroutines, how many stored bytes were read.
	Progress func(bytes int64)
}

// Verify makes sure that a backup is what its Writer stored, and leaves a signed
// statement of it beside the backup. An empty id is the newest one. All that is
// wrong is in the error, which wraps [ErrDamaged] where it is about what is
// stored.
func (r *Reader) Verify(ctx context.Context, id string, opts *VerifyOptions) (*Verification, error) {
	var o VerifyOptions
	if opts != nil {
		o = *opts
	}
	b, err := r.find(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	v, err := r.verify(ctx, b, o)
	if err == nil && !o.NoRecord {
		name := backupsPrefix + b.ID + "/" + string(recordVerified) + "-" + v.Time.Format("20060102T150405Z") + "-" + randomName(8) + ".age"
		err = r.records.put(ctx, name, recordVerified, r.signing, v)
	}
	if err != nil {
		return nil, fmt.Errorf("verify backup %s: %w", b.ID, err)
	}
	return v, nil
}

func (r *Reader) verify(ctx context.Context, b *Listing, o VerifyOptions) (*Verification, error) {
	if b.Void != "" {
		return nil, fmt.Errorf("it is worthless, as its Writer says: %s", b.Void)
	}
	errs := present(ctx, r.store, &b.Backup)
	entries, err := r.index(ctx, &b.Backup)
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	if o.Deep {
		errs = append(errs, r.inParallel(ctx, parts(&b.Backup), func(part StoredObject) error {
			err := r.readPart(ctx, part, entries[part.Name], func(_ Entry, content io.Reader) error {
				_, err := io.Copy(io.Discard, content)
				return err
			})
			if err == nil && o.Progress != nil {
				o.Progress(part.Size)
			}
			return err
		}))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	v := &Verification{Backup: b.ID, Time: time.Now().UTC(), Record: b.digest, Deep: o.Deep, Objects: len(b.Objects)}
	for _, object := range b.Objects {
		v.Bytes += object.Size
	}
	return v, nil
}

// present compares the objects of the record with those that the store lists.
func present(ctx context.Context, store Store, b *Backup) []error {
	missing := map[string]StoredObject{}
	prefixes := map[string]bool{}
	for _, o := range b.Objects {
		missing[o.Name] = o
		of, _, _ := strings.Cut(strings.TrimPrefix(o.Name, dataPrefix), "/")
		prefixes[dataPrefix+of+"/"] = true
	}
	var errs []error
	for prefix := range prefixes {
		for object, err := range store.List(ctx, prefix) {
			if err != nil {
				return append(errs, err)
			}
			want, ok := missing[object.Name]
			if ok && want.Size != object.Size {
				errs = append(errs, fmt.Errorf("object %s: %w: it has %d bytes, stored were %d", object.Name, ErrDamaged, object.Size, want.Size))
			}
			delete(missing, object.Name)
		}
	}
	for name := range missing {
		errs = append(errs, fmt.Errorf("object %s: %w: it is missing", name, ErrDamaged))
	}
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return errs
}

// inParallel calls do for all objects, several at a time, and joins the errors.
// One that is damaged does not hide the next; ctx's end stops it.
func (r *Reader) inParallel(ctx context.Context, objects []StoredObject, do func(StoredObject) error) error {
	var mu sync.Mutex
	var errs []error
	slots := make(chan struct{}, r.options.Parallel)
	var group sync.WaitGroup
	for _, o := range objects {
		slots <- struct{}{}
		if context.Cause(ctx) != nil {
			break
		}
		group.Go(func() {
			defer func() { <-slots }()
			if err := do(o); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return errors.Join(errs...)
}
