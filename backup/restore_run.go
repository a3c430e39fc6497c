package backup

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/masaruk/devops/internal/durable"
)

func (x *restore) run(ctx context.Context) error {
	if err := x.begin(); err != nil {
		return err
	}
	if err := x.fetch(ctx); err != nil {
		return err
	}
	return x.complete()
}

// begin makes the marker, and then the folders.
func (x *restore) begin() error {
	for _, dir := range x.bases {
		if err := durable.MkdirAll(x.fsys, dir, 0o700); err != nil {
			return &TargetError{dir, err}
		}
	}
	if err := x.mark(); err != nil {
		return err
	}
	for _, e := range x.all(EntryDir) {
		// Open for us until the end; the mode of the backup comes last.
		name := x.opts.Place(e.Path)
		if err := x.folders.make(name); err != nil {
			return err
		}
		if err := os.Chmod(name, 0o700); err != nil {
			return &TargetError{name, err}
		}
	}
	x.marker.Objects = slices.DeleteFunc(x.marker.Objects, func(name string) bool { return !x.there(x.entries[name]) })
	return nil
}

// there tells whether the files of a part, which were durable, have kept their
// names too: these are synced at the end only.
func (x *restore) there(entries []Entry) bool {
	for _, e := range entries {
		if e.Type != EntryFile {
			continue
		}
		info, err := os.Lstat(x.opts.Place(e.Path))
		if err != nil || !info.Mode().IsRegular() || info.Size() != e.Size {
			return false
		}
	}
	return true
}

// mark writes the marker as it is now.
func (x *restore) mark() error {
	raw, err := json.Marshal(x.marker)
	if err == nil {
		err = durable.WriteFile(x.fsys, filepath.Join(x.dir, markerName), append(raw, '\n'), 0o600)
	}
	if err != nil {
		return &TargetError{filepath.Join(x.dir, markerName), err}
	}
	return nil
}

// all returns the entries of a type, by path.
func (x *restore) all(kind EntryType) []Entry {
	var all []Entry
	for _, entries := range x.entries {
		for _, e := range entries {
			if e.Type == kind {
				all = append(all, e)
			}
		}
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// fetch reads all parts that are not there yet, several at a time.
func (x *restore) fetch(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	missing := slices.DeleteFunc(parts(&x.b.Backup), func(o StoredObject) bool {
		return slices.Contains(x.marker.Objects, o.Name)
	})
	work := make(chan StoredObject)
	var group sync.WaitGroup
	for range x.options.Parallel {
		group.Go(func() {
			buffer := make([]byte, 256<<10)
			for o := range work {
				if err := x.fetchPart(ctx, o, buffer); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, o := range missing {
		select {
		case work <- o:
		case <-ctx.Done():
		}
	}
	close(work)
	group.Wait()
	return context.Cause(ctx)
}

func (x *restore) fetchPart(ctx context.Context, o StoredObject, buffer []byte) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	err := x.readPart(ctx, o, x.entries[o.Name], func(e Entry, content io.Reader) error {
		return x.write(e, content, buffer)
	})
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.fetched += o.Size
	x.marker.Objects = append(x.marker.Objects, o.Name)
	return x.mark()
}

// write makes one file. Its content is durable when it returns; its name will
// be at the end.
func (x *restore) write(e Entry, content io.Reader, buffer []byte) error {
	if e.Type != EntryFile {
		return nil
	}
	name := x.opts.Place(e.Path)
	if err := x.folders.make(filepath.Dir(name)); err != nil {
		return err
	}
	if err := x.writeFile(name, e, content, buffer); err != nil {
		return err
	}
	if x.opts.Progress != nil {
		x.opts.Progress(e.Size)
	}
	return nil
}

func (x *restore) writeFile(name string, e Entry, content io.Reader, buffer []byte) error {
	f, err := x.create(name)
	if err != nil {
		return &TargetError{name, err}
	}
	to := &targetWriter{f: f, name: name}
	if x.opts.Sparse {
		to.seek, _ = f.(io.Seeker)
	} else if err := preallocate(f, e.Size); err != nil {
		return errors.Join(&TargetError{name, err}, f.Close())
	}
	if _, err := io.CopyBuffer(to, content, buffer); err != nil {
		return errors.Join(err, f.Close())
	}
	if to.seek != nil { // a hole at the end
		err = f.Truncate(e.Size)
	}
	err = errors.Join(err, x.dress(name, e), f.Sync(), f.Close())
	if err != nil {
		return &TargetError{name, err}
	}
	return nil
}

// create makes a new file, in place of one that a restore that was cut off has
// left.
func (x *restore) create(name string) (durable.File, error) {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := x.fsys.OpenFile(name, flags, 0o600)
	if !errors.Is(err, fs.ErrExist) {
		return f, err
	}
	if err := x.fsys.Remove(name); err != nil {
		return nil, err
	}
	return x.fsys.OpenFile(name, flags, 0o600)
}

// dress gives a file or a folder its owner, mode and time.
func (x *restore) dress(name string, e Entry) error {
	if x.opts.Owners { // first: it takes setuid away
		if err := os.Lchown(name, e.UID, e.GID); err != nil {
			return err
		}
	}
	if e.Type == EntryLink {
		return nil
	}
	return errors.Join(os.Chtimes(name, time.Time{}, e.Modified), os.Chmod(name, fileMode(e.Mode)))
}
