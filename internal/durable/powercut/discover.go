package powercut

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// parent finds the directory that holds name; nil is one outside of root.
func (r *Recorder) parent(name string) (dir *node, base string, err error) {
	dir, err = r.lookup(filepath.Dir(name))
	return dir, filepath.Base(name), err
}

// lookup finds the node of a name; nil is one outside of root. Symbolic links
// are followed but for the last element. What is met for the first time is
// recorded as if it had just been made.
func (r *Recorder) lookup(name string) (*node, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if abs == r.root {
		return r.tree, nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(r.root, filepath.Join(dir, filepath.Base(abs)))
	if err != nil {
		return nil, err
	}
	if rel == "." {
		return r.tree, nil
	}
	n, path := r.tree, r.root
	for part := range strings.SplitSeq(filepath.ToSlash(rel), "/") {
		if part == ".." {
			return nil, nil
		}
		path = filepath.Join(path, part)
		if n.entries[part] == nil {
			if err := r.meet(n, path); err != nil {
				return nil, err
			}
		}
		n = n.entries[part]
	}
	return n, nil
}

// meet records something that came into being behind the recorder's back.
func (r *Recorder) meet(dir *node, path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	n := &node{mode: info.Mode().Perm()}
	var content []byte
	switch {
	case info.IsDir():
		n = newDir(info.Mode().Perm())
	case info.Mode()&fs.ModeSymlink != 0:
		n.mode = fs.ModeSymlink
		n.target, err = os.Readlink(path)
	default:
		content, err = os.ReadFile(path)
	}
	if err != nil {
		return err
	}
	r.record(&op{kind: opEntry, text: "found " + r.rel(path), node: dir, changes: []change{{filepath.Base(path), n}}})
	if len(content) > 0 {
		r.record(&op{kind: opWrite, text: "found content of " + r.rel(path), node: n, data: content})
	}
	return nil
}

// discover meets what is new in a directory.
func (r *Recorder) discover(dir *node, path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if dir.entries[e.Name()] == nil {
			if err := r.meet(dir, filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// discoverAll meets what is new in a directory and below.
func (r *Recorder) discoverAll(dir *node, path string) error {
	if err := r.discover(dir, path); err != nil {
		return err
	}
	for name, n := range dir.entries {
		if n.mode.IsDir() {
			if err := r.discoverAll(n, filepath.Join(path, name)); err != nil {
				return err
			}
		}
	}
	return nil
}
