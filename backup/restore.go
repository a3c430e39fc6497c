package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// RestoreOptions configure a restore. The zero value is the default.
type RestoreOptions struct {
	// Place returns where the file of a path goes, as an absolute path; nil puts
	// everything below the target. Folders that it leads to outside of the
	// target must be missing or empty as well, and be named in Folders.
	Place   func(path string) string
	Folders []string
	// Progress is told, from several goroutines, how many bytes of content a
	// file added to those that are restored.
	Progress func(bytes int64)
}

// RestorePlan is what a restore would do.
type RestorePlan struct {
	Backup *Listing `json:"backup"`
	Target string   `json:"target"`
	// Files and Bytes are what it makes; Objects and Fetch what it reads from
	// the store, in bytes.
	Files   int64 `json:"files"`
	Bytes   int64 `json:"bytes"`
	Objects int   `json:"objects"`
	Fetch   int64 `json:"fetch"`
	// Free is the space that the target's file system has; negative where that
	// cannot be told.
	Free int64 `json:"free"`
	// Problems are why the restore would be refused.
	Problems []string `json:"problems,omitempty"`
}

// RestoreReport is what a restore did.
type RestoreReport struct {
	Backup   *Listing      `json:"backup"`
	Target   string        `json:"target"`
	Files    int64         `json:"files"`
	Bytes    int64         `json:"bytes"`
	Fetched  int64         `json:"fetched"`
	Resumed  bool          `json:"resumed,omitempty"`
	Duration time.Duration `json:"duration_ns"`
}

// TargetError reports what a restore could not write.
type TargetError struct {
	Path string
	Err  error
}

// Error names the path and the cause.
func (e *TargetError) Error() string { return fmt.Sprintf("restore to %s: %v", e.Path, e.Err) }

// Unwrap returns the cause.
func (e *TargetError) Unwrap() error { return e.Err }

// markerName is the file in the target that says that a restore is not
// complete, and of which backup. It is the first thing that is made and the
// last that is removed.
const markerName = "devops-restore-incomplete.json"

type marker struct {
	Repository string `json:"repository"`
	Backup     string `json:"backup"`
	Record     string `json:"record"`
	// Objects are those whose files are all there, durably.
	Objects []string `json:"objects,omitempty"`
}

// restore is one restore at work.
type restore struct {
	*Reader
	b       *Listing
	dir     string
	opts    RestoreOptions
	entries map[string][]Entry
	fsys    durable.FS

	mu      sync.Mutex
	marker  marker
	fetched int64
}

// Plan tells what [Reader.Restore] would do, and does none of it. An empty id is
// the newest backup that may be restored.
func (r *Reader) Plan(ctx context.Context, id, dir string, opts *RestoreOptions) (*RestorePlan, error) {
	x, err := r.prepare(ctx, id, dir, opts)
	if err != nil {
		return nil, fmt.Errorf("plan of a restore: %w", err)
	}
	p := &RestorePlan{Backup: x.b, Target: x.dir, Files: x.b.Files, Bytes: x.b.Bytes, Objects: len(x.b.Objects), Free: free(x.dir)}
	for _, o := range x.b.Objects {
		p.Fetch += o.Size
	}
	if _, err := x.refuse(); err != nil {
		p.Problems = append(p.Problems, err.Error())
	}
	return p, nil
}

// Restore makes the files of a backup again below the folder dir, which must be
// missing or empty, or hold what a restore of the same backup that was cut off
// has left: that one goes on. An empty id is the newest backup that may be
// restored. What it wrote is durable and compared with the backup when the error
// is nil. After an error the file devops-restore-incomplete.json says that the
// folder is not to be used.
func (r *Reader) Restore(ctx context.Context, id, dir string, opts *RestoreOptions) (*RestoreReport, error) {
	began := time.Now()
	x, err := r.prepare(ctx, id, dir, opts)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	rep := &RestoreReport{Backup: x.b, Target: x.dir, Files: x.b.Files, Bytes: x.b.Bytes}
	if rep.Resumed, err = x.refuse(); err == nil {
		err = x.run(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("restore of backup %s: %w", x.b.ID, err)
	}
	rep.Fetched, rep.Duration = x.fetched, time.Since(began)
	return rep, nil
}

func (r *Reader) prepare(ctx context.Context, id, dir string, opts *RestoreOptions) (*restore, error) {
	if dir == "" {
		return nil, errors.New("the target folder is empty")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	b, err := r.find(ctx, id)
	if err != nil {
		return nil, err
	}
	if b.Void != "" {
		return nil, fmt.Errorf("backup %s is worthless, as its Writer says: %s", b.ID, b.Void)
	}
	x := &restore{Reader: r, b: b, dir: abs, fsys: durable.OS{}}
	x.marker = marker{Repository: b.Repository, Backup: b.ID, Record: b.digest}
	if opts != nil {
		x.opts = *opts
	}
	if x.opts.Place == nil {
		x.opts.Place = func(path string) string { return filepath.Join(abs, filepath.FromSlash(path)) }
	}
	x.entries, err = r.index(ctx, &b.Backup)
	return x, err
}

// refuse tells why nothing may be written into the target; resumed is set where
// an earlier restore of the same backup has left it.
func (x *restore) refuse() (resumed bool, err error) {
	raw, err := os.ReadFile(filepath.Join(x.dir, markerName))
	switch {
	case err == nil:
		var there marker
		if err := json.Unmarshal(raw, &there); err != nil || there.Record != x.marker.Record || there.Repository != x.marker.Repository {
			return false, fmt.Errorf("%s holds an incomplete restore of backup %q; remove the folder, or restore that one", x.dir, there.Backup)
		}
		x.marker = there
		return true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, &TargetError{x.dir, err}
	}
	for _, dir := range append([]string{x.dir}, x.opts.Folders...) {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, &TargetError{dir, err}
		}
		if len(entries) > 0 {
			return false, fmt.Errorf("%s is not empty (%s); a restore writes over nothing: give it a new folder", dir, entries[0].Name())
		}
	}
	if left := free(x.dir); left >= 0 && left < x.b.Bytes {
		return false, &TargetError{x.dir, fmt.Errorf("%d bytes are needed, and %d are free", x.b.Bytes, left)}
	}
	return false, nil
}

func (x *restore) run(ctx context.Context) error {
	if err := x.begin(); err != nil {
		return err
	}
	if err := x.fetch(ctx); err != nil {
		return err
	}
	return x.complete()
}

// begin makes the folders and the marker.
func (x *restore) begin() error {
	for _, dir := range append([]string{x.dir}, x.opts.Folders...) {
		if err := durable.MkdirAll(x.fsys, dir, 0o700); err != nil {
			return &TargetError{dir, err}
		}
	}
	if err := x.mark(); err != nil {
		return err
	}
	for _, e := range x.all(EntryDir) {
		// Open for us until the end; the mode of the backup comes last.
		if err := os.MkdirAll(x.opts.Place(e.Path), 0o700); err != nil {
			return &TargetError{e.Path, err}
		}
	}
	return nil
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
	work := make(chan StoredObject)
	var group sync.WaitGroup
	for range x.options.Parallel {
		group.Go(func() {
			for o := range work {
				if err := x.fetchPart(ctx, o); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, o := range parts(&x.b.Backup) {
		if slices.Contains(x.marker.Objects, o.Name) {
			continue
		}
		select {
		case work <- o:
		case <-ctx.Done():
		}
	}
	close(work)
	group.Wait()
	return context.Cause(ctx)
}

func (x *restore) fetchPart(ctx context.Context, o StoredObject) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := x.readPart(ctx, o, x.entries[o.Name], x.write); err != nil {
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
func (x *restore) write(e Entry, content io.Reader) error {
	if e.Type != EntryFile {
		return nil
	}
	name := x.opts.Place(e.Path)
	if err := x.writeFile(name, e, content); err != nil {
		return err
	}
	if x.opts.Progress != nil {
		x.opts.Progress(e.Size)
	}
	return nil
}

func (x *restore) writeFile(name string, e Entry, content io.Reader) error {
	f, err := create(name)
	if err != nil {
		return &TargetError{name, err}
	}
	target := &targetWriter{f, name}
	if err := preallocate(f, e.Size); err != nil {
		return errors.Join(&TargetError{name, err}, f.Close())
	}
	if _, err := io.CopyBuffer(target, content, make([]byte, 128<<10)); err != nil {
		return errors.Join(err, f.Close())
	}
	err = errors.Join(f.Chmod(fileMode(e.Mode)), os.Chtimes(name, time.Time{}, e.Modified), f.Sync(), f.Close())
	if err != nil {
		return &TargetError{name, err}
	}
	return nil
}

// create makes a new file, in place of one that a restore that was cut off has
// left.
func create(name string) (*os.File, error) {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := os.OpenFile(name, flags, 0o600)
	switch {
	case errors.Is(err, fs.ErrNotExist): // in a folder that the backup does not list
		err = os.MkdirAll(filepath.Dir(name), 0o700)
	case errors.Is(err, fs.ErrExist):
		err = os.Remove(name)
	default:
		return f, err
	}
	if err != nil {
		return nil, err
	}
	return os.OpenFile(name, flags, 0o600)
}

// targetWriter marks what fails as the target's.
type targetWriter struct {
	f    *os.File
	name string
}

func (w *targetWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	if err != nil {
		err = &TargetError{w.name, err}
	}
	return n, err
}

// complete makes links, gives the folders their modes, makes all names durable,
// and removes the marker.
func (x *restore) complete() error {
	for _, e := range x.all(EntryLink) {
		name := x.opts.Place(e.Path)
		if there, err := os.Readlink(name); err == nil && there == e.Link {
			continue
		}
		if err := os.Symlink(e.Link, name); err != nil {
			return &TargetError{name, err}
		}
	}
	dirs := x.all(EntryDir)
	for _, e := range slices.Backward(dirs) {
		name := x.opts.Place(e.Path)
		if err := errors.Join(x.fsys.SyncDir(name), os.Chtimes(name, time.Time{}, e.Modified), os.Chmod(name, fileMode(e.Mode))); err != nil {
			return &TargetError{name, err}
		}
	}
	for _, dir := range append([]string{x.dir}, x.opts.Folders...) {
		if err := x.fsys.SyncDir(dir); err != nil {
			return &TargetError{dir, err}
		}
	}
	name := filepath.Join(x.dir, markerName)
	if err := errors.Join(x.fsys.Remove(name), x.fsys.SyncDir(x.dir)); err != nil {
		return &TargetError{name, err}
	}
	return nil
}

// fileMode turns the bits of tar into those of package fs.
func fileMode(mode int64) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	for bit, with := range map[int64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if mode&bit != 0 {
			m |= with
		}
	}
	return m
}
