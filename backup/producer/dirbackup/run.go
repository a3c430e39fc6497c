package dirbackup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/masaruk/devops/backup"
)

// run is one backup at work. A walk lists the tree in order, several readers
// read small files ahead and hash large ones, and one goroutine, which owns the
// session and all fields but for the walk's, adds what comes in the order of the
// walk.
type run struct {
	*Producer
	session *backup.Session
	root    *os.Root
	device  uint64
	details *Details
	done    Progress
	added   bool // something

	earlier *backup.Backup
	known   map[string]backup.Entry // files of earlier that have a hash
}

// ahead is how many entries are listed and read before they are added. With
// smallFile it bounds the memory that content takes.
const (
	ahead     = 16
	smallFile = 1 << 20
)

// item is one entry on its way.
type item struct {
	entry  backup.Entry
	listed fs.FileInfo
	ready  chan struct{} // closed when what follows is set; nil for what is not read

	names   uint64 // hard links
	refer   bool   // the earlier backup has the content
	gone    bool   // it vanished
	changed bool   // the content is what it was at the last of all attempts
	content []byte // where it is small
	large   bool   // it is read by the one that adds it
	err     error
}

// compare finds the newest backup of the same source, and reads what it has.
func (x *run) compare(ctx context.Context) error {
	w := x.session.Writer()
	for l, err := range w.List(ctx) {
		if err != nil && l == nil {
			return err
		}
		// One whose records cannot be read is nothing to rely on.
		if err != nil || l.Kind != Kind || !l.Restorable() {
			continue
		}
		var d Details
		if json.Unmarshal(l.Details, &d) == nil && d.Source == x.details.Source &&
			(x.earlier == nil || l.Started.After(x.earlier.Started)) { // within a second the order of IDs is random
			x.earlier = &l.Backup
		}
	}
	if x.earlier == nil {
		return nil
	}
	x.details.Earlier = x.earlier.ID
	x.known = map[string]backup.Entry{}
	for e, err := range w.Entries(ctx, x.earlier) {
		if err != nil {
			return fmt.Errorf("%w; the option Full makes a backup without it", err)
		}
		if e.Type == backup.EntryFile && e.SHA256 != "" {
			x.known[e.Path] = e
		}
	}
	return nil
}

// all backs up the tree.
func (x *run) all(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &walk{run: x, order: make(chan *item, ahead), work: make(chan *item, ahead)}
	var group sync.WaitGroup
	group.Go(func() { w.walk(ctx) })
	for range x.options.Parallel {
		group.Go(func() {
			for it := range w.work {
				if ctx.Err() == nil {
					x.read(ctx, it)
				}
				close(it.ready)
			}
		})
	}
	err := x.addAll(ctx, w.order)
	cancel(err)
	group.Wait()
	if err = errors.Join(w.problem(), err); err != nil {
		return err
	}
	w.tell(x.details)
	return nil
}

func (x *run) addAll(ctx context.Context, order <-chan *item) error {
	for it := range order {
		if it.ready != nil {
			select {
			case <-it.ready:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if err := x.add(ctx, it); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// add adds one entry to the session.
func (x *run) add(ctx context.Context, it *item) error {
	err := it.err
	switch {
	case err != nil:
	case it.gone:
	case it.refer:
		err = x.session.Refer(it.entry, x.earlier)
	case it.large:
		err = x.stream(ctx, it)
	default:
		_, err = x.session.Add(it.entry, bytes.NewReader(it.content))
	}
	if err != nil {
		return err
	}
	if it.gone {
		x.details.Vanished.add(it.entry.Path)
		return nil
	}
	x.added = true
	x.count(it)
	return nil
}

func (x *run) count(it *item) {
	if it.entry.Type != backup.EntryFile {
		return
	}
	d := x.details
	if it.changed {
		d.Inconsistent.add(it.entry.Path)
	}
	if it.names > 1 {
		d.HardLinked++
	}
	if it.refer {
		d.Referred, d.ReferredBytes = d.Referred+1, d.ReferredBytes+it.entry.Size
	}
	x.done = Progress{Files: x.done.Files + 1, Bytes: x.done.Bytes + it.entry.Size, Referred: d.ReferredBytes}
	if x.options.Progress != nil {
		x.options.Progress(x.done)
	}
}

// clockStep is more than the steps in which file systems count time: what
// changed twice in one step has one time.
const clockStep = 20 * time.Millisecond

// trustMargin is how much older than the earlier backup a change must be that
// can be told by its time: clocks of file systems are coarse, and differ.
const trustMargin = 2 * time.Second

// trusted tells that the earlier backup has the file as it is, by its times.
func (x *run) trusted(e backup.Entry) bool {
	k, ok := x.known[e.Path]
	return ok && x.options.TrustTimes && !e.Changed.IsZero() && e.Inode != 0 &&
		k.Size == e.Size && k.Inode == e.Inode && k.Modified.Equal(e.Modified) && k.Changed.Equal(e.Changed) &&
		e.Changed.Before(x.earlier.Started.Add(-x.margin))
}

// held makes the item one that the earlier backup holds, if it has the content.
func (x *run) held(it *item) {
	k, ok := x.known[it.entry.Path]
	if !ok || k.SHA256 != it.entry.SHA256 || k.Size != it.entry.Size {
		return
	}
	it.entry.CRC32C, it.entry.Object, it.refer = k.CRC32C, k.Object, true
}
