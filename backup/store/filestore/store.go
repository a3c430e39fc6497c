package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/internal/durable"
)

// Store keeps each object as a file below one folder. It is safe for
// concurrent use by several goroutines and processes.
type Store struct {
	dir  string
	fsys durable.FS
}

var (
	_ backup.Store   = (*Store)(nil)
	_ backup.Sweeper = (*Store)(nil)
)

// New returns the store in the folder dir. It does no I/O; the folder is made,
// with mode 0700, by the first Put.
func New(dir string) (*Store, error) {
	if dir == "" {
		return nil, errors.New("filestore.New: dir is empty")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("filestore.New: %w", err)
	}
	return &Store{abs, durable.OS{}}, nil
}

func (s *Store) file(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// Put implements [backup.Store].
func (s *Store) Put(ctx context.Context, name string, body io.Reader) error {
	err := backup.CheckName(name)
	if err == nil {
		err = s.put(ctx, s.file(name), body)
	}
	return explain("put", name, err)
}

func (s *Store) put(ctx context.Context, file string, body io.Reader) error {
	read := &cancelable{ctx: ctx, from: body}
	for range maxTries {
		err := durable.MkdirAll(s.fsys, filepath.Dir(file), 0o700)
		if err == nil {
			err = durable.Create(s.fsys, file, read, 0o600)
		}
		// A Delete may have removed a folder, which was empty, before anything of
		// the body was read.
		if !errors.Is(err, fs.ErrNotExist) || read.begun {
			return err
		}
	}
	return fmt.Errorf("the folder of %s is removed again and again", file)
}

// maxTries bounds how often a Put and the Deletes of its neighbours may get in
// each other's way.
const maxTries = 100

// Get implements [backup.Store].
func (s *Store) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := s.get(ctx, name, offset, length)
	if err != nil {
		return nil, explain("get", name, err)
	}
	return r, nil
}

func (s *Store) get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := backup.CheckName(name); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, fmt.Errorf("offset %d is negative", offset)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	f, err := os.Open(s.file(name))
	if errors.Is(err, syscall.ENOTDIR) { // below another object there is none
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	n := max(0, info.Size()-offset)
	if length >= 0 {
		n = min(n, length)
	}
	return &part{cancelable{ctx: ctx, from: io.NewSectionReader(f, offset, n)}, n, f}, nil
}

// List implements [backup.Store].
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[backup.Object, error] {
	return func(yield func(backup.Object, error) bool) {
		all, err := s.walk(ctx, prefix)
		if err != nil {
			yield(backup.Object{}, explain("list", prefix, err))
			return
		}
		slices.SortFunc(all, func(a, b backup.Object) int { return strings.Compare(a.Name, b.Name) })
		for _, object := range all {
			if err := context.Cause(ctx); err != nil {
				yield(backup.Object{}, explain("list", prefix, err))
				return
			}
			if !yield(object, nil) {
				return
			}
		}
	}
}

// walk collects the objects below the last folder that the prefix names.
func (s *Store) walk(ctx context.Context, prefix string) ([]backup.Object, error) {
	root := s.dir
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		if backup.CheckName(prefix[:i]) != nil {
			return nil, nil // no object has such a name
		}
		root = s.file(prefix[:i])
	}
	var all []backup.Object
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return nil // removed meanwhile, or never there
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(s.dir, file)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if !strings.HasPrefix(name, prefix) || backup.CheckName(name) != nil || !d.Type().IsRegular() {
			return nil // unfinished, or nothing of ours
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		all = append(all, backup.Object{Name: name, Size: info.Size(), Created: info.ModTime()})
		return nil
	})
	return all, err
}

// Delete implements [backup.Store]. Folders that become empty are removed.
func (s *Store) Delete(ctx context.Context, name string) error {
	err := backup.CheckName(name)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = s.delete(s.file(name))
	}
	return explain("delete", name, err)
}

func (s *Store) delete(file string) error {
	dir := filepath.Dir(file)
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, syscall.ENOTDIR): // below another object
		return nil
	case err == nil && info.IsDir(): // which is no object
		return nil
	case err == nil:
		err = s.fsys.Remove(file)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.fsys.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for dir != s.dir && s.fsys.Remove(dir) == nil { // it is empty, or stays
		dir = filepath.Dir(dir)
	}
	return nil
}

// Sweep removes what Puts that were cut off before then have left. It tells
// them from those that are at work by the time of the last write alone, so give
// it a time that no Put may be older than, such as a day ago.
func (s *Store) Sweep(ctx context.Context, before time.Time) error {
	err := filepath.WalkDir(s.dir, func(file string, d fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() || !durable.IsTemporary(d.Name()) {
			return err
		}
		info, err := d.Info()
		if err == nil && info.ModTime().Before(before) {
			err = s.fsys.Remove(file)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return explain("sweep", "", err)
}

func explain(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &backup.StoreError{Op: op, Name: name, Err: err}
}

// cancelable is a Reader that ends with the cause of its context.
type cancelable struct {
	ctx   context.Context
	from  io.Reader
	begun bool
}

func (r *cancelable) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	r.begun = true
	return r.from.Read(p)
}

// part is a range of a file. A file that is shorter than it was is an error.
type part struct {
	cancelable
	left int64
	file *os.File
}

func (p *part) Read(b []byte) (int, error) {
	n, err := p.cancelable.Read(b)
	p.left -= int64(n)
	if err == io.EOF && p.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (p *part) Close() error { return p.file.Close() }
