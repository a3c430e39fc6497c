package powercut

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/masaruk/devops/internal/durable"
)

// ErrKilled is the error of every operation after the last one allowed by
// [Recorder.KillAfter].
var ErrKilled = errors.New("process was killed")

// Recorder performs operations in a directory and records them. It is safe for
// concurrent use.
type Recorder struct {
	root string

	mu     sync.Mutex
	tree   *node // as a running program sees it
	start  *disk
	ops    []*op
	budget int // operations left; negative is no limit
}

var _ durable.FS = (*Recorder)(nil)

// New records what is done in the directory root; what is there counts as
// durable. Operations elsewhere are performed and not recorded.
func New(root string) (*Recorder, error) {
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, err
	}
	if root, err = filepath.Abs(root); err != nil {
		return nil, err
	}
	r := &Recorder{root: root, tree: newDir(0o700), budget: -1}
	if err := r.discoverAll(r.tree, root); err != nil {
		return nil, err
	}
	r.ops = nil
	r.start = newDisk(r.tree)
	return r, nil
}

// Mark records a note, such as that something was acknowledged.
func (r *Recorder) Mark(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, &op{kind: opMark, text: text})
}

// KillAfter lets n more operations happen; a negative n is no limit.
func (r *Recorder) KillAfter(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.budget = n
}

// Recording returns what was recorded so far.
func (r *Recorder) Recording() *Recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &Recording{start: r.start, root: r.tree, ops: append([]*op(nil), r.ops...)}
}

// do performs one operation and then records it.
func (r *Recorder) do(perform func() error, record func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.budget == 0 {
		return ErrKilled
	}
	if r.budget > 0 {
		r.budget--
	}
	if err := perform(); err != nil {
		return err
	}
	return record()
}

// Mkdir implements [durable.FS].
func (r *Recorder) Mkdir(name string, perm fs.FileMode) error {
	return r.do(func() error { return os.Mkdir(name, perm) }, func() error {
		return r.change("mkdir", name, newDir(perm))
	})
}

// Symlink implements [durable.FS].
func (r *Recorder) Symlink(target, name string) error {
	return r.do(func() error { return os.Symlink(target, name) }, func() error {
		return r.change("symlink", name, &node{mode: fs.ModeSymlink, target: target})
	})
}

// Link implements [durable.FS].
func (r *Recorder) Link(oldname, newname string) error {
	var linked *node
	find := func() (err error) {
		linked, err = r.lookup(oldname)
		if err == nil {
			err = os.Link(oldname, newname)
		}
		return err
	}
	return r.do(find, func() error { return r.change("link", newname, linked) })
}

// Remove implements [durable.FS].
func (r *Recorder) Remove(name string) error {
	return r.do(func() error { return os.Remove(name) }, func() error { return r.change("remove", name, nil) })
}

// change records that name became n.
func (r *Recorder) change(verb, name string, n *node) error {
	dir, base, err := r.parent(name)
	if dir == nil || err != nil {
		return err
	}
	r.record(&op{kind: opEntry, text: verb + " " + r.rel(name), node: dir, changes: []change{{base, n}}})
	return nil
}

// record adds an operation and lets the tree follow.
func (r *Recorder) record(o *op) {
	r.ops = append(r.ops, o)
	switch o.kind {
	case opEntry:
		o.node.entries = o.link(o.node.entries)
	case opWrite, opTruncate:
		o.node.content = o.edit(o.node.content, whole)
	}
}

// Rename implements [durable.FS].
func (r *Recorder) Rename(oldname, newname string) error {
	var moved *node
	find := func() (err error) {
		moved, err = r.lookup(oldname)
		if err == nil {
			err = os.Rename(oldname, newname)
		}
		return err
	}
	return r.do(find, func() error {
		from, oldbase, err := r.parent(oldname)
		if err != nil {
			return err
		}
		to, newbase, err := r.parent(newname)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("rename %s to %s", r.rel(oldname), r.rel(newname))
		if from == to && from != nil {
			r.record(&op{kind: opEntry, text: text, node: to, changes: []change{{oldbase, nil}, {newbase, moved}}})
			return nil
		}
		if from == nil || to == nil {
			return fmt.Errorf("powercut: %s: one of them is not in the directory that is recorded", text)
		}
		added := &op{kind: opEntry, text: text, node: to, changes: []change{{newbase, moved}}}
		r.record(added)
		r.record(&op{kind: opEntry, text: text, node: from, changes: []change{{oldbase, nil}}, after: added})
		return nil
	})
}

// SyncDir implements [durable.FS].
func (r *Recorder) SyncDir(name string) error {
	exists := func() error { // to wait for the real disk would prove nothing
		_, err := os.ReadDir(name)
		return err
	}
	return r.do(exists, func() error {
		n, err := r.lookup(name)
		if n == nil || err != nil {
			return err
		}
		if err := r.discover(n, name); err != nil {
			return err
		}
		r.record(&op{kind: opSyncDir, text: "sync directory " + r.rel(name), node: n})
		return nil
	})
}

func (r *Recorder) rel(name string) string {
	if rel, err := filepath.Rel(r.root, name); err == nil {
		return rel
	}
	return name
}
