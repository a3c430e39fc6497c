package release

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
)

// copyTree copies from into the directory, which exists.
func (d *Dir) copyTree(ctx context.Context, from fs.FS, dir string) error {
	return fs.WalkDir(from, ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil || name == "." {
			return err
		}
		target := filepath.Join(dir, filepath.FromSlash(name))
		info, err := e.Info()
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return d.fsys.Mkdir(target, info.Mode().Perm()|0o700)
		case e.Type().IsRegular():
			return d.copyFile(from, name, target, info.Mode().Perm())
		case e.Type()&fs.ModeSymlink != 0:
			link, err := fs.ReadLink(from, name)
			if err != nil {
				return err
			}
			return d.fsys.Symlink(link, target)
		}
		return &fs.PathError{Op: "copy", Path: name, Err: errors.New("it is no directory, regular file or symbolic link")}
	})
}

func (d *Dir) copyFile(from fs.FS, name, target string, perm fs.FileMode) error {
	src, err := from.Open(name)
	if err != nil {
		return err
	}
	defer src.Close() // read only
	dst, err := d.fsys.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// writeEnv makes the env file.
func (d *Dir) writeEnv(path string, env []byte) error {
	f, err := d.fsys.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &Error{Op: "write env file", Path: path, Err: fmt.Errorf("the artefact has a file of that name: take it out, or set EnvFile: %w", ErrSpec)}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(env)
	return errors.Join(err, f.Close())
}

// digestTree is the digest of a directory. Each entry adds one line, in the order of names: its type, quoted path, and the
// SHA-256 of the content or the quoted target.
func digestTree(ctx context.Context, dir string) (string, error) {
	sum := sha256.New()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return digestEntry(sum, path, filepath.ToSlash(rel), e)
	})
	return fmt.Sprintf("sha256:%x", sum.Sum(nil)), err
}

func digestEntry(sum hash.Hash, path, rel string, e fs.DirEntry) error {
	switch {
	case e.IsDir():
		fmt.Fprintf(sum, "dir %q\n", rel)
	case e.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "link %q %q\n", rel, target)
	case e.Type().IsRegular():
		info, err := e.Info()
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close() // read only
		content := sha256.New()
		if _, err := io.Copy(content, f); err != nil {
			return err
		}
		fmt.Fprintf(sum, "file %q %t %x\n", rel, info.Mode()&0o111 != 0, content.Sum(nil))
	default:
		return &fs.PathError{Op: "stage", Path: path, Err: errors.New("it is no directory, regular file or symbolic link")}
	}
	return nil
}
