package backup

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/masaruk/devops/internal/durable"
)

// TargetError reports what a restore could not write.
type TargetError struct {
	Path string
	Err  error
}

// Error names the path and the cause.
func (e *TargetError) Error() string { return "restore to " + e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *TargetError) Unwrap() error { return e.Err }

// folders makes the folders of a restore below its bases. It goes through no
// link, which somebody might have put there. It is safe for concurrent use.
type folders struct {
	fsys  durable.FS
	bases []string

	mu   sync.Mutex
	made map[string]bool
}

// base is the innermost of the folders that name is in, or is; empty where it is
// in none.
func (f *folders) base(name string) string {
	found := ""
	for _, base := range f.bases {
		if (name == base || strings.HasPrefix(name, strings.TrimSuffix(base, "/")+string(filepath.Separator))) && len(base) > len(found) && filepath.Clean(name) == name {
			found = base
		}
	}
	return found
}

// make makes a folder and those above it, up to its base, which exists.
func (f *folders) make(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.makeAll(name, f.base(name))
}

func (f *folders) makeAll(name, base string) error {
	if f.made[name] || name == base {
		f.made[name] = true
		return nil
	}
	if err := f.makeAll(filepath.Dir(name), base); err != nil {
		return err
	}
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = f.fsys.Mkdir(name, 0o700)
	case err == nil && !info.IsDir():
		err = errors.New("it is in the way, and no folder")
	}
	if err != nil {
		return &TargetError{name, err}
	}
	f.made[name] = true
	return nil
}

// sync makes the names in all of the folders durable, the innermost first.
func (f *folders) sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, base := range f.bases {
		f.made[base] = true
	}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(f.made))) {
		if err := f.fsys.SyncDir(name); err != nil {
			return &TargetError{name, err}
		}
	}
	return nil
}

// syncBases does so for the bases alone.
func (f *folders) syncBases() error {
	for _, name := range f.bases {
		if err := f.fsys.SyncDir(name); err != nil {
			return &TargetError{name, err}
		}
	}
	return nil
}

// targetWriter marks what fails as the target's. With seek it leaves holes for
// blocks of zero bytes.
type targetWriter struct {
	f    io.Writer
	name string
	seek io.Seeker
}

var zeros [4 << 10]byte

func (w *targetWriter) Write(p []byte) (int, error) {
	if w.seek == nil {
		return w.write(p)
	}
	n := 0
	for n < len(p) {
		hole := 0
		for len(p)-n-hole >= len(zeros) && bytes.Equal(p[n+hole:n+hole+len(zeros)], zeros[:]) {
			hole += len(zeros)
		}
		if hole > 0 {
			if _, err := w.seek.Seek(int64(hole), io.SeekCurrent); err != nil {
				return n, &TargetError{w.name, err}
			}
			n += hole
			continue
		}
		wrote, err := w.write(p[n:min(len(p), n+len(zeros))])
		n += wrote
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (w *targetWriter) write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	if err != nil {
		err = &TargetError{w.name, err}
	}
	return n, err
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
