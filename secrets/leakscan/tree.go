package leakscan

import (
	"context"
	"io/fs"
	"iter"
	"sync"
)

// Tree gives the findings in the regular files of fsys, in the order of the
// walk ([fs.WalkDir]) and of the lines. Symbolic links are not followed, and
// archives and compressed files not opened. To read a directory that others
// write to, take the FS method of an [os.Root]: a link that is put there
// meanwhile does not lead out of it.
//
// A file or directory that cannot be read, and one with too many findings
// ([ErrTooMany]), gives an [*Error] in its place, and the walk goes on; the
// cause of ctx ends it. Some files are read ahead, Options.Workers at a time;
// nothing goes on when the loop is over.
func (s *Scanner) Tree(ctx context.Context, fsys fs.FS) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		work, stop := context.WithCancel(ctx)
		w := &walk{scanner: s, fsys: fsys, ctx: work, files: make(chan *file), order: make(chan *file, 2*s.workers)}
		var running sync.WaitGroup
		running.Go(w.list)
		for range s.workers {
			running.Go(w.scan)
		}
		defer running.Wait()
		defer stop()
		for f := range w.order {
			select {
			case <-f.done:
			case <-ctx.Done():
			}
			if ctx.Err() != nil {
				break // f may not be done
			}
			for _, found := range f.findings {
				if !yield(found, nil) {
					return
				}
			}
			if f.err != nil && !yield(Finding{}, &Error{Op: "tree", Path: f.path, Err: f.err}) {
				return
			}
		}
		if ctx.Err() != nil {
			yield(Finding{}, &Error{Op: "tree", Err: context.Cause(ctx)})
		}
	}
}

// walk is one call of Tree.
type walk struct {
	scanner *Scanner
	fsys    fs.FS
	ctx     context.Context
	files   chan *file // to be read
	order   chan *file // the same, and directories that cannot be read
}

// file is one of the tree. Its results are there when done is closed.
type file struct {
	path     string
	done     chan struct{}
	findings []Finding
	err      error
}

// list finds the files.
func (w *walk) list() {
	defer close(w.files)
	defer close(w.order)
	_ = fs.WalkDir(w.fsys, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case w.ctx.Err() != nil:
			return fs.SkipAll
		case path != "." && w.scanner.skipsEntry(path):
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case err != nil:
			f := &file{path: path, done: make(chan struct{}), err: err}
			close(f.done)
			return w.send(w.order, f)
		case !d.Type().IsRegular():
			return nil
		}
		f := &file{path: path, done: make(chan struct{})}
		if err := w.send(w.order, f); err != nil {
			return err
		}
		return w.send(w.files, f)
	}) // the function reports every error and returns none but SkipAll
}

func (w *walk) send(to chan<- *file, f *file) error {
	select {
	case to <- f:
		return nil
	case <-w.ctx.Done():
		return fs.SkipAll
	}
}

// scan reads files.
func (w *walk) scan() {
	c := &content{scanner: w.scanner}
	for f := range w.files {
		c.emit = func(found Finding, _ span) { f.findings = append(f.findings, found) }
		f.err = w.read(c, f.path)
		close(f.done)
	}
}

func (w *walk) read(c *content, path string) error {
	opened, err := w.fsys.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = opened.Close() }() // it was only read
	info, err := opened.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return nil // it became something else since it was listed
	}
	return c.readAll(w.ctx, path, opened, func() bool { return false })
}
