package powercut

import (
	"bytes"
	"io/fs"
	"os"

	"github.com/masaruk/devops/internal/durable"
)

// file is an open file of a Recorder.
type file struct {
	real   *os.File // not embedded: it can write in ways not recorded
	r      *Recorder
	node   *node // nil is outside of root
	append bool
	offset int64
}

var _ durable.File = (*file)(nil)

// OpenFile implements [durable.FS].
func (r *Recorder) OpenFile(name string, flag int, perm fs.FileMode) (durable.File, error) {
	f := &file{r: r, append: flag&os.O_APPEND != 0}
	_, statErr := os.Stat(name)
	open := func() (err error) {
		f.real, err = os.OpenFile(name, flag, perm)
		return err
	}
	err := r.do(open, func() error {
		if statErr != nil { // made just now
			if err := r.change("create", name, &node{mode: perm}); err != nil {
				return err
			}
		}
		n, err := r.lookup(name)
		if n == nil || err != nil {
			return err
		}
		f.node = n
		if flag&os.O_TRUNC != 0 {
			r.record(&op{kind: opTruncate, text: "truncate " + r.rel(name), node: n})
		}
		return nil
	})
	if err != nil {
		if f.real != nil {
			f.real.Close()
		}
		return nil, err
	}
	return f, nil
}

// Write implements [io.Writer].
func (f *file) Write(p []byte) (n int, err error) {
	err = f.r.do(func() (err error) {
		n, err = f.real.Write(p)
		return err
	}, func() error {
		if f.node == nil {
			return nil
		}
		if f.append {
			f.offset = int64(len(f.node.content))
		}
		f.r.record(&op{kind: opWrite, text: "write " + f.r.rel(f.real.Name()), node: f.node, offset: f.offset, data: bytes.Clone(p)})
		f.offset += int64(len(p))
		return nil
	})
	return n, err
}

// Close implements [io.Closer].
func (f *file) Close() error { return f.real.Close() }

// Stat implements [durable.File].
func (f *file) Stat() (fs.FileInfo, error) { return f.real.Stat() }

// Truncate implements [durable.File].
func (f *file) Truncate(size int64) error {
	return f.r.do(func() error { return f.real.Truncate(size) }, func() error {
		if f.node != nil {
			f.r.record(&op{kind: opTruncate, text: "truncate " + f.r.rel(f.real.Name()), node: f.node, offset: size})
		}
		return nil
	})
}

// Sync implements [durable.File].
func (f *file) Sync() error {
	return f.r.do(func() error { return nil }, func() error {
		if f.node == nil {
			return nil
		}
		if now, err := os.ReadFile(f.real.Name()); err == nil && !bytes.Equal(now, f.node.content) {
			f.r.record(&op{kind: opTruncate, text: "found change of " + f.r.rel(f.real.Name()), node: f.node})
			f.r.record(&op{kind: opWrite, text: "found change of " + f.r.rel(f.real.Name()), node: f.node, data: now})
		}
		f.r.record(&op{kind: opSync, text: "sync " + f.r.rel(f.real.Name()), node: f.node})
		return nil
	})
}
