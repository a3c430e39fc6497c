package dirbackup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/masaruk/devops/backup"
)

// walk lists the tree, each folder before what is in it, by name. It follows no
// link. After the first problem it hands on nothing more, and looks for others,
// so that all are told at once.
type walk struct {
	*run
	order chan *item // all, in order
	work  chan *item // those that are to be read

	problems                  []error
	more                      int // problems that are not in problems
	vanished, special, mounts Names
	excluded                  int64
}

// mostProblems bounds the text of an error.
const mostProblems = 20

func (w *walk) walk(ctx context.Context) {
	defer close(w.order)
	defer close(w.work)
	info, err := w.root.Lstat(".")
	if err != nil {
		w.report(err)
		return
	}
	w.folder(ctx, ".", info)
}

// folder lists one folder. Those below it are listed as they come, so no more
// than one list for each level is in memory.
func (w *walk) folder(ctx context.Context, dir string, info fs.FileInfo) {
	names, err := w.names(dir, info)
	if vanished(err) && dir != "." {
		w.vanished.add(dir)
		return
	}
	if err != nil {
		w.report(fmt.Errorf("folder %q: %w", dir, err))
		return
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return
		}
		w.visit(ctx, path.Join(dir, name))
	}
}

func (w *walk) names(dir string, listed fs.FileInfo) ([]string, error) {
	f, err := w.root.OpenFile(dir, openFlags, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !os.SameFile(info, listed) { // a link may be there now, which Open follows
		err = errors.New("it was exchanged for something else while it was read")
	}
	var names []string
	if err == nil {
		names, err = f.Readdirnames(-1)
	}
	slices.Sort(names)
	return names, errors.Join(err, f.Close())
}

// vanished tells that a path stands for nothing any more.
func vanished(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func (w *walk) visit(ctx context.Context, name string) {
	if w.leftOut(name) {
		w.excluded++
		return
	}
	if !utf8.ValidString(name) {
		w.report(fmt.Errorf("%q: the name is not UTF-8, and an index could not hold it: rename it, or exclude it", name))
		return
	}
	info, err := w.root.Lstat(name)
	if vanished(err) {
		w.vanished.add(name)
		return
	}
	if err != nil {
		w.report(fmt.Errorf("%q: %w", name, err))
		return
	}
	if y := info.ModTime().UTC().Year(); y < 1678 || y > 2261 { // what nanoseconds in 64 bits hold
		w.report(fmt.Errorf("%q: its time lies in the year %d, which a restore could not give it: touch it, or exclude it", name, y))
		return
	}
	elsewhere := w.options.OneFileSystem && statusOf(info).device != w.device
	if elsewhere {
		w.mounts.add(name)
	}
	switch it := (&item{entry: entryOf(name, info), listed: info, names: statusOf(info).names}); it.entry.Type {
	case backup.EntryDir: // the point of a mount is kept
		w.send(ctx, it)
		if !elsewhere {
			w.folder(ctx, name, info)
		}
	case backup.EntryLink:
		w.link(ctx, it)
	case backup.EntryFile:
		if !elsewhere {
			it.ready = make(chan struct{})
			w.send(ctx, it)
		}
	default:
		w.special.add(name)
		if w.options.RefuseSpecial {
			w.report(fmt.Errorf("%q is no file, folder or link (%s)", name, info.Mode().Type()))
		}
	}
}

func (w *walk) link(ctx context.Context, it *item) {
	target, err := w.root.Readlink(it.entry.Path)
	switch {
	case vanished(err):
		w.vanished.add(it.entry.Path)
		return
	case err == nil && !utf8.ValidString(target):
		err = fmt.Errorf("the link leads to %q, which is not UTF-8, and an index could not hold it: make it anew, or exclude it", target)
	}
	if err != nil {
		w.report(fmt.Errorf("%q: %w", it.entry.Path, err))
		return
	}
	it.entry.Link = target
	w.send(ctx, it)
}

// send hands an item on. It takes its place in the order first: that bounds how
// many are being read.
func (w *walk) send(ctx context.Context, it *item) {
	if len(w.problems) > 0 {
		return
	}
	select {
	case w.order <- it:
	case <-ctx.Done():
		return
	}
	if it.ready == nil {
		return
	}
	select {
	case w.work <- it:
	case <-ctx.Done():
	}
}

// report notes why there will be no backup.
func (w *walk) report(err error) {
	if len(w.problems) == mostProblems {
		w.more++
		return
	}
	w.problems = append(w.problems, err)
}

// problem returns all that were reported.
func (w *walk) problem() error {
	if w.more > 0 {
		return errors.Join(append(w.problems, fmt.Errorf("and %d more", w.more))...)
	}
	return errors.Join(w.problems...)
}

// tell puts what the walk has seen into the details, when it has ended.
func (w *walk) tell(d *Details) {
	for _, name := range w.vanished.First {
		d.Vanished.add(name)
	}
	d.Vanished.Count += w.vanished.Count - int64(len(w.vanished.First))
	d.Special, d.Mounts, d.Excluded = w.special, w.mounts, w.excluded
}

// leftOut tells whether a pattern matches.
func (w *walk) leftOut(name string) bool {
	for _, pattern := range w.options.Exclude {
		what := name
		if !strings.Contains(pattern, "/") {
			what = path.Base(name)
		}
		if ok, _ := path.Match(strings.TrimPrefix(pattern, "/"), what); ok { // New has looked at the patterns
			return true
		}
	}
	return false
}

// entryOf describes a file. The type is empty where a backup has none for it.
func entryOf(name string, info fs.FileInfo) backup.Entry {
	st := statusOf(info)
	e := backup.Entry{
		Path: name, Mode: tarMode(info.Mode()), UID: st.uid, GID: st.gid, Modified: info.ModTime().UTC(),
		Changed: st.changed, Inode: st.inode,
	}
	switch info.Mode().Type() {
	case 0:
		e.Type, e.Size = backup.EntryFile, info.Size()
	case fs.ModeDir:
		e.Type = backup.EntryDir
	case fs.ModeSymlink:
		e.Type, e.Mode = backup.EntryLink, 0o777
	}
	if e.Type != backup.EntryFile { // only files are known again by them
		e.Changed, e.Inode = time.Time{}, 0
	}
	return e
}
