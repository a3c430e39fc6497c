package artefact

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/masaruk/devops/internal/durable"
)

// Limits bound what an archive may grow to, so that a small one cannot fill
// the disk.
type Limits struct {
	// Bytes is the size of the tar inside, that is of all contents and some
	// 512 bytes for each entry; the holes of a sparse file count as what they
	// become. 0 is 8 GiB, negative is no limit.
	Bytes int64 `json:"bytes,omitempty"`
	// Entries is the number of files, folders and links; 0 is 500,000,
	// negative is no limit.
	Entries int `json:"entries,omitempty"`
}

const (
	defaultBytes   = 8 << 30
	defaultEntries = 500_000
	noLimit        = 1<<63 - 2
)

func (l Limits) bytes() int64 {
	switch {
	case l.Bytes < 0:
		return noLimit
	case l.Bytes == 0:
		return defaultBytes
	}
	return l.Bytes
}

func (l Limits) entries() int {
	if l.Entries == 0 {
		return defaultEntries
	}
	return l.Entries
}

// extraction fills an empty folder.
type extraction struct {
	fsys durable.FS
	dir  string
	most int   // entries; negative is no limit
	left int64 // bytes that may still be written: a hole is larger than what was read
	over error // what tells that they are used up
	// seen has the type of each name; a folder that was made for what is in it
	// has none yet.
	seen map[string]byte
	// perms are those of folders, set at the end.
	perms map[string]fs.FileMode
}

// extract writes what is in the archive into dir, an empty folder that nobody
// else changes. What it made of a bad archive stays.
func extract(ctx context.Context, fsys durable.FS, r io.Reader, dir string, limits Limits) error {
	zr, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("it is no archive: %w", err)
	}
	over := fmt.Errorf("%w: its content is more than %d bytes; see Limits.Bytes", ErrLimit, limits.bytes())
	plain := newReader(ctx, zr, limits.bytes(), over)
	x := &extraction{fsys, dir, limits.entries(), limits.bytes(), over, map[string]byte{}, map[string]fs.FileMode{}}
	tr := tar.NewReader(plain)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = x.entry(h, tr)
		}
		if err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, plain); err != nil { // up to gzip's checksum
		return err
	}
	return x.finish()
}

// entry makes what a header says.
func (x *extraction) entry(h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader { // a comment of git archive
		return nil
	}
	name := strings.TrimPrefix(h.Name, "./")
	if h.Typeflag == tar.TypeDir {
		name = strings.TrimSuffix(name, "/")
		if name == "" || name == "." {
			return nil // the folder itself
		}
	}
	if err := checkName(name); err != nil {
		return err
	}
	if err := x.parents(path.Dir(name)); err != nil {
		return err
	}
	file := filepath.Join(x.dir, filepath.FromSlash(name))
	if was, there := x.seen[name]; there {
		if h.Typeflag == tar.TypeDir && was == implied {
			x.seen[name], x.perms[file] = tar.TypeDir, perm(h)|dirPerm
			return nil
		}
		return fmt.Errorf("%w: %q comes twice", ErrUnsafe, name)
	}
	if err := x.count(name, h.Typeflag); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		x.perms[file] = perm(h) | dirPerm
		return x.fsys.Mkdir(file, dirPerm)
	case tar.TypeReg:
		if x.left -= h.Size; x.left < 0 {
			return x.over
		}
		return x.file(file, perm(h)|filePerm, content)
	case tar.TypeSymlink:
		if err := checkLink(name, h.Linkname); err != nil {
			return err
		}
		return x.fsys.Symlink(filepath.FromSlash(h.Linkname), file)
	}
	return fmt.Errorf("%w: %q has type %q, which is no folder, regular file or symbolic link", ErrUnsafe, name, h.Typeflag)
}

// implied is the type of a folder that was only named in front of an entry.
const implied byte = 1

func perm(h *tar.Header) fs.FileMode { return fs.FileMode(h.Mode) & fs.ModePerm }

// count remembers a name.
func (x *extraction) count(name string, typ byte) error {
	if x.most >= 0 && len(x.seen) >= x.most {
		return fmt.Errorf("%w: it has more than %d entries; see Limits.Entries", ErrLimit, x.most)
	}
	x.seen[name] = typ
	return nil
}

// parents makes the folders above an entry that the archive has not named. All
// must be folders: through a link an entry could go anywhere.
func (x *extraction) parents(dir string) error {
	if dir == "." {
		return nil
	}
	switch typ, there := x.seen[dir]; {
	case there && (typ == tar.TypeDir || typ == implied):
		return nil
	case there:
		return fmt.Errorf("%w: something is below %q, which is no folder", ErrUnsafe, dir)
	}
	if err := x.parents(path.Dir(dir)); err != nil {
		return err
	}
	if err := x.count(dir, implied); err != nil {
		return err
	}
	file := filepath.Join(x.dir, filepath.FromSlash(dir))
	x.perms[file] = 0o755
	return x.fsys.Mkdir(file, dirPerm)
}

func (x *extraction) file(name string, mode fs.FileMode, content io.Reader) error {
	f, err := x.fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Chmod(name, mode)
}

// finish gives the folders their permissions.
func (x *extraction) finish() error {
	for name, mode := range x.perms {
		if err := os.Chmod(name, mode); err != nil {
			return err
		}
	}
	return nil
}
