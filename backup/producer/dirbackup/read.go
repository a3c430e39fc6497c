package dirbackup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"
)

// errChanged marks what was seen of a file that changed.
var errChanged = errors.New("changed while it was read")

// read reads a small file, and tells of a large one whether the earlier backup
// holds it. It runs on several goroutines.
func (x *run) read(ctx context.Context, it *item) {
	if x.trusted(it.entry) {
		it.entry.SHA256 = x.known[it.entry.Path].SHA256
		x.held(it)
		return
	}
	if it.entry.Size > smallFile && x.known[it.entry.Path].Size != it.entry.Size {
		it.large = true
		return
	}
	it.err = x.attempts(ctx, it, func(r *reading, last bool) error {
		it.large = r.entry.Size > smallFile
		if !it.large {
			return x.slurp(it, r, last)
		}
		if x.known[r.entry.Path].Size == r.entry.Size {
			return x.hash(ctx, it, r)
		}
		return nil // it has grown
	})
}

// attempts opens a file and hands it to use, again where it changed. The file may
// vanish.
func (x *run) attempts(ctx context.Context, it *item, use func(r *reading, last bool) error) error {
	for n := 1; ; n++ {
		last := n == x.options.Attempts
		r, err := x.open(ctx, it)
		if vanished(err) {
			it.gone = true
			return nil
		}
		if err == nil {
			if x.opened != nil {
				x.opened(it.entry.Path, n)
			}
			it.names = r.names
			err = errors.Join(use(r, last), r.file.Close())
		}
		switch {
		case err == nil || !errors.Is(err, errChanged):
			return err
		case last:
			return &ChangedError{Path: it.entry.Path, Attempts: n, Err: err}
		}
		if err := wait(ctx, time.Duration(n)*50*time.Millisecond); err != nil {
			return err
		}
	}
}

// slurp reads a small file as a whole.
func (x *run) slurp(it *item, r *reading, last bool) error {
	content := make([]byte, r.entry.Size)
	if _, err := io.ReadFull(r, content); err != nil {
		return err
	}
	if err := x.judge(it, r, last); err != nil {
		return err
	}
	it.entry, it.content = r.entry, content
	if x.held(it); it.refer {
		it.content = nil
	}
	return nil
}

// hash reads a large file whose size is known. Where it changes meanwhile it is
// one to be added, and that attempts it again.
func (x *run) hash(ctx context.Context, it *item, r *reading) error {
	if _, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{&stopped{ctx, r}}, make([]byte, 256<<10)); err != nil {
		return err
	}
	if err := r.finish(); err == nil {
		it.entry = r.entry
		x.held(it)
	} else if !errors.Is(err, errChanged) {
		return err
	}
	return nil
}

// stream reads a large file and adds it meanwhile.
func (x *run) stream(ctx context.Context, it *item) error {
	return x.attempts(ctx, it, func(r *reading, last bool) error {
		r.entry.SHA256 = ""
		e, err := x.session.AddChecked(r.entry, r, func() (string, error) {
			err := x.judge(it, r, last)
			return r.entry.SHA256, err
		})
		it.entry = e
		return err
	})
}

// judge tells whether what was read may be kept.
func (x *run) judge(it *item, r *reading, last bool) error {
	err := r.finish()
	if err != nil && errors.Is(err, errChanged) && last && x.options.KeepChanging {
		it.changed = true
		r.entry.Inode = 0 // it is not to be known again
		return nil
	}
	return err
}

// open opens a file for reading. The status is of what was opened, which need
// not be what was listed.
func (x *run) open(ctx context.Context, it *item) (*reading, error) {
	f, err := x.root.OpenFile(it.entry.Path, openFlags, 0)
	if err != nil {
		return nil, err
	}
	r := &reading{file: f, sum: sha256.New()}
	if err = x.same(it, f); err == nil {
		err = r.begin(ctx, it.entry.Path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// same makes sure that f is the file of the path, and not one that a link leads
// to: the root follows those that stay inside of it, also in place of a folder. A
// file that is as it was listed is the one; another may have come in its place.
// What is no file any more has vanished.
func (x *run) same(it *item, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() && os.SameFile(info, it.listed) && statusOf(info).changed.Equal(statusOf(it.listed).changed) {
		return nil
	}
	for dir := path.Dir(it.entry.Path); dir != "."; dir = path.Dir(dir) {
		above, err := x.root.Lstat(dir)
		if err != nil {
			return err
		}
		if !above.IsDir() {
			return fmt.Errorf("%q is no folder any more: %w", dir, fs.ErrNotExist)
		}
	}
	now, err := x.root.Lstat(it.entry.Path)
	switch {
	case err != nil:
	case !now.Mode().IsRegular():
		err = fmt.Errorf("%q is no file any more: %w", it.entry.Path, fs.ErrNotExist)
	case !os.SameFile(info, now):
		err = fmt.Errorf("%w: another file is in its place", errChanged)
	}
	return err
}

// stopped ends with the cause of its context.
type stopped struct {
	ctx  context.Context
	from io.Reader
}

func (s *stopped) Read(p []byte) (int, error) {
	if err := context.Cause(s.ctx); err != nil {
		return 0, err
	}
	return s.from.Read(p)
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
