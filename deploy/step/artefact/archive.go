package artefact

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// archive writes dir, which may be a link, to w and returns digest and size. It
// fails with errTooLarge where that is more than MaxSize.
func archive(ctx context.Context, w io.Writer, dir string, exclude []string) (digest string, size int64, err error) {
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", 0, err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", 0, errors.Join(fmt.Errorf("%s is no folder", dir), err)
	}
	sum := sha256.New()
	out := &writer{w: io.MultiWriter(w, sum), left: MaxSize}
	zw := gzip.NewWriter(out)
	tw := tar.NewWriter(zw)
	err = filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil || file == dir {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if excluded(name, exclude) {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return add(ctx, tw, file, name, e)
	})
	if err == nil {
		err = errors.Join(tw.Close(), zw.Close())
	}
	return format(sum), MaxSize - out.left, err
}

// excluded tells whether a pattern matches.
func excluded(name string, exclude []string) bool {
	for _, pattern := range exclude {
		if ok, err := path.Match(pattern, name); err == nil && ok { // Validate has tried each pattern
			return true
		}
	}
	return false
}

// add adds one entry.
func add(ctx context.Context, tw *tar.Writer, file, name string, e fs.DirEntry) error {
	if err := checkName(name); err != nil {
		return err
	}
	info, err := e.Info()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), ModTime: time.Unix(0, 0)}
	switch {
	case e.IsDir():
		h.Typeflag, h.Name, h.Mode = tar.TypeDir, name+"/", h.Mode|int64(dirPerm)
		return tw.WriteHeader(h)
	case e.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(file)
		if err != nil {
			return err
		}
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, filepath.ToSlash(target), 0o777
		if err := checkLink(name, h.Linkname); err != nil {
			return err
		}
		return tw.WriteHeader(h)
	case e.Type().IsRegular():
		h.Typeflag, h.Size, h.Mode = tar.TypeReg, info.Size(), h.Mode|int64(filePerm)
		return addFile(ctx, tw, file, h, info)
	}
	return fmt.Errorf("%w: %s is no folder, regular file or symbolic link", ErrUnsafe, file)
}

// addFile adds a file that must stay as it was when it was found.
func addFile(ctx context.Context, tw *tar.Writer, file string, h *tar.Header, found fs.FileInfo) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close() // read only
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	changed := fmt.Errorf("%s changes while it is packed; pack what nobody writes to", file)
	if !os.SameFile(info, found) {
		return changed
	}
	n, err := io.Copy(tw, newReader(ctx, f, h.Size, changed))
	if err == nil && n != h.Size {
		err = changed
	}
	return err
}

// writer writes at most so much.
type writer struct {
	w    io.Writer
	left int64
}

func (w *writer) Write(p []byte) (int, error) {
	if int64(len(p)) > w.left {
		return 0, errTooLarge
	}
	n, err := w.w.Write(p)
	w.left -= int64(n)
	return n, err
}
