package artefact

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/masaruk/devops/internal/durable"
)

// Folder is a [Store] in a folder of this machine, or of a file system that it
// shares with others if that has locks. Archives are files of mode 0600 named
// HEX.tar.gz in the folder sha256 below it, with HEX.tar.gz.sig beside them.
// Nothing is ever deleted: whoever does may.
type Folder struct {
	dir  string
	fsys durable.FS
}

var _ Signatures = (*Folder)(nil)

// NewFolder returns the store in a folder, which the first Put makes.
func NewFolder(dir string) (*Folder, error) {
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("artefact: the store's folder %q is not absolute", dir)
	}
	return &Folder{filepath.Clean(dir), durable.OS{}}, nil
}

// String names the folder.
func (f *Folder) String() string { return "folder " + f.dir }

func (f *Folder) path(digest string) string {
	return filepath.Join(f.dir, "sha256", strings.TrimPrefix(digest, digestPrefix)+".tar.gz")
}

// Put implements [Store]. An archive that is there is read again, and replaced
// if it was damaged.
func (f *Folder) Put(ctx context.Context, digest string, archive io.ReadSeeker) error {
	return wrap(f.put(ctx, digest, archive), "put", f.dir, digest)
}

func (f *Folder) put(ctx context.Context, digest string, archive io.ReadSeeker) error {
	if err := checkDigest(digest); err != nil {
		return err
	}
	name := f.path(digest)
	switch _, err := checkFile(ctx, name, digest); {
	case err == nil:
		return f.fsys.SyncDir(filepath.Dir(name)) // a killed process may not have
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrDigest):
		return err
	}
	if err := durable.MkdirAll(f.fsys, filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := sweep(ctx, f.fsys, filepath.Dir(name)); err != nil {
		return err
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return writeFile(ctx, f.fsys, name, func(w io.Writer) error {
		_, err := copyChecked(ctx, w, archive, digest)
		return err
	})
}

// Get implements [Store].
func (f *Folder) Get(ctx context.Context, digest string) (io.ReadCloser, error) {
	file, err := f.open(ctx, digest)
	if err != nil {
		return nil, wrap(err, "get", f.dir, digest)
	}
	return &checkedFile{file, sha256.New(), digest, f.dir}, nil
}

func (f *Folder) open(ctx context.Context, digest string) (*os.File, error) {
	if err := checkDigest(digest); err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return os.Open(f.path(digest))
}

// checkedFile fails at its end where the content has another digest.
type checkedFile struct {
	file   *os.File
	sum    hash.Hash
	digest string
	dir    string
}

// Close closes the file.
func (c *checkedFile) Close() error { return c.file.Close() }

// Read reads and sums.
func (c *checkedFile) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	c.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && format(c.sum) != c.digest {
		err = wrap(fmt.Errorf("%w: it has %s", ErrDigest, format(c.sum)), "get", c.dir, c.digest)
	}
	return n, err
}

// Stat implements [Store].
func (f *Folder) Stat(ctx context.Context, digest string) (int64, error) {
	file, err := f.open(ctx, digest)
	if err != nil {
		return 0, wrap(err, "stat", f.dir, digest)
	}
	defer file.Close() // read only
	info, err := file.Stat()
	if err != nil {
		return 0, wrap(err, "stat", f.dir, digest)
	}
	return info.Size(), nil
}

// PutSignature implements [Signatures].
func (f *Folder) PutSignature(ctx context.Context, digest, note string) error {
	err := checkDigest(digest)
	if err == nil && (note == "" || len(note) > maxNote) {
		err = fmt.Errorf("%w: a signature has 1 to %d bytes", ErrLimit, maxNote)
	}
	if err == nil {
		err = writeNote(ctx, f.fsys, f.path(digest), note)
	}
	return wrap(err, "sign", f.dir, digest)
}

// Signature implements [Signatures].
func (f *Folder) Signature(ctx context.Context, digest string) (string, error) {
	note, err := f.signature(ctx, digest)
	return note, wrap(err, "sign", f.dir, digest)
}

func (f *Folder) signature(ctx context.Context, digest string) (string, error) {
	if err := checkDigest(digest); err != nil {
		return "", err
	}
	if err := context.Cause(ctx); err != nil {
		return "", err
	}
	name := f.path(digest)
	if _, err := os.Stat(sigFile(name)); err != nil {
		return "", err
	}
	return readNote(name)
}
