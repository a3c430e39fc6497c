package powercut

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Recording is a sequence of operations.
type Recording struct {
	start *disk
	root  *node
	ops   []*op
}

// State is what a power cut left.
type State struct {
	// Dir holds the tree; it is removed when the next state is asked for.
	Dir string
	// Marks are the notes recorded before the power cut.
	Marks []string
	// Cut names the last operation before it and what became of those that
	// were not synced.
	Cut string
}

// Options are the options of [Recording.States].
type Options struct {
	// Samples is how many states are sampled for each prefix beside the
	// systematic ones; 0 is 8, negative is none.
	Samples int
	// Seed chooses the samples.
	Seed uint64
	// From is the number of operations that are done before the first cut;
	// zero is none.
	From int
}

// Ops names the operations in order.
func (r *Recording) Ops() []string {
	var names []string
	for _, o := range r.ops {
		names = append(names, o.String())
	}
	return names
}

// Syncs returns the indices into [Recording.Ops] of the syncs that made
// something durable.
func (r *Recording) Syncs() []int {
	var found []int
	d := r.start.clone()
	for i, o := range r.ops {
		if d.apply(o) {
			found = append(found, i)
		}
	}
	return found
}

// Without returns the recording without some operations, as if a sync had been
// forgotten.
func (r *Recording) Without(indices ...int) *Recording {
	left := &Recording{start: r.start, root: r.root}
	for i, o := range r.ops {
		if !slices.Contains(indices, i) {
			left.ops = append(left.ops, o)
		}
	}
	return left
}

// States yields the states that a power cut at any time may leave, each in a
// temporary directory of its own, in memory where the system has such a place.
// It stops at the first error.
func (r *Recording) States(opts *Options) iter.Seq2[State, error] {
	if opts == nil {
		opts = &Options{}
	}
	samples := opts.Samples
	if samples == 0 {
		samples = 8
	}
	return func(yield func(State, error) bool) {
		dir, err := scratch()
		if err != nil {
			yield(State{}, err)
			return
		}
		defer os.RemoveAll(dir)
		d := r.start.clone()
		rng := rand.New(rand.NewPCG(opts.Seed, 1))
		seen := map[[sha256.Size]byte]bool{}
		marks, last := []string(nil), "nothing"
		for i := 0; ; i++ {
			for _, fates := range d.fates(rng, samples) {
				if i < opts.From {
					break
				}
				t := d.tree(r.root, fates)
				sum := t.digest(len(marks))
				if seen[sum] {
					continue
				}
				seen[sum] = true
				s := State{Dir: filepath.Join(dir, fmt.Sprintf("cut-%d-%d", i, len(seen))), Marks: slices.Clone(marks), Cut: d.describe(last, fates)}
				err := t.write(s.Dir)
				if !yield(s, err) || err != nil {
					return
				}
				if err := os.RemoveAll(s.Dir); err != nil {
					yield(State{}, err)
					return
				}
			}
			if i == len(r.ops) {
				return
			}
			last = r.ops[i].String()
			d.apply(r.ops[i])
			if r.ops[i].kind == opMark {
				marks = append(marks, r.ops[i].text)
			}
		}
	}
}

// scratch makes a directory, in memory if it can.
func scratch() (string, error) {
	if dir, err := os.MkdirTemp("/dev/shm", "powercut-"); err == nil {
		return dir, nil
	}
	return os.MkdirTemp("", "powercut-")
}

// fates lists what may have become of the pending operations.
func (d *disk) fates(rng *rand.Rand, samples int) [][]fate {
	n := len(d.pending)
	all := func(how how) []fate { return slices.Repeat([]fate{{how, 0.5}}, n) }
	list := [][]fate{all(kept)}
	if n == 0 {
		return list
	}
	for h := lost; h < hows; h++ { // entries know kept and lost only
		list = append(list, all(h))
	}
	for i := range n {
		for h := lost; h < hows; h++ {
			if d.pending[i].kind != opWrite && h != lost {
				break
			}
			one := all(kept)
			one[i].how = h
			list = append(list, one)
		}
		one := all(lost)
		one[i].how = kept
		list = append(list, one)
	}
	for range samples {
		some := all(kept)
		for i := range some {
			some[i] = fate{how(rng.IntN(int(hows))), rng.Float64()}
		}
		list = append(list, some)
	}
	return list
}

// tree builds what a power cut leaves.
func (d *disk) tree(n *node, fates []fate) *node {
	content, entries := d.content[n], d.entries[n]
	for i, o := range d.pending {
		switch {
		case o.node != n:
		case o.kind != opEntry:
			content = o.edit(content, fates[i])
		case fates[i].how != lost && !d.lost(o.after, fates):
			entries = o.link(entries)
		}
	}
	t := &node{mode: n.mode, target: n.target, content: content}
	if n.mode.IsDir() {
		t.entries = map[string]*node{}
		for name, child := range entries {
			t.entries[name] = d.tree(child, fates)
		}
	}
	return t
}

// lost tells whether a pending operation got lost; nil never does.
func (d *disk) lost(o *op, fates []fate) bool {
	i := slices.Index(d.pending, o)
	return i >= 0 && fates[i].how == lost
}

func (d *disk) describe(last string, fates []fate) string {
	parts := []string{"after " + last}
	for i, o := range d.pending {
		became := [...]string{"there", "lost", "torn", "torn and zeroed", "holed"}[fates[i].how]
		parts = append(parts, o.String()+": "+became)
	}
	return strings.Join(parts, "; ")
}

// digest identifies a tree.
func (n *node) digest(marks int) (sum [sha256.Size]byte) {
	h := sha256.New()
	var add func(name string, n *node)
	add = func(name string, n *node) {
		fmt.Fprintf(h, "%q %v %q %q %d\n", name, n.mode, n.target, n.content, len(n.entries))
		for _, child := range slices.Sorted(maps.Keys(n.entries)) {
			add(child, n.entries[child])
		}
	}
	add(fmt.Sprint(marks), n)
	h.Sum(sum[:0])
	return sum
}

// write makes the tree at path.
func (n *node) write(path string) error {
	switch {
	case n.mode&fs.ModeSymlink != 0:
		return os.Symlink(n.target, path)
	case !n.mode.IsDir():
		return os.WriteFile(path, n.content, n.mode.Perm())
	}
	if err := os.Mkdir(path, n.mode.Perm()|0o700); err != nil {
		return err
	}
	for name, child := range n.entries {
		if err := child.write(filepath.Join(path, name)); err != nil {
			return err
		}
	}
	return nil
}
