package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/masaruk/devops/internal/durable"
)

// copyTree stages the folder and moves it to its place.
func (p *place) copyTree(ctx context.Context, from string) (string, error) {
	if err := p.begin(isFolder); err != nil {
		return "", err
	}
	if inside(p.to, from) {
		return "", errors.New("a folder cannot be copied into itself")
	}
	n, err := p.stageTree(ctx, from)
	if err != nil {
		return "", errors.Join(err, durable.RemoveTree(p.fsys, p.staged))
	}
	if err := durable.SyncTree(p.fsys, p.staged); err != nil {
		return "", err
	}
	if err := p.save(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d files", n), p.replaceTree(p.staged)
}

// inside tells whether path is dir or below it, by their names.
func inside(path, dir string) bool {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	below, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(below)
}

// stageTree copies a folder to the staging name. The folder itself may be
// reached by a link.
func (p *place) stageTree(ctx context.Context, from string) (n int, err error) {
	from, err = filepath.EvalSymlinks(from)
	if err != nil {
		return 0, err
	}
	err = filepath.WalkDir(from, func(name string, e fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		if e.Type().IsRegular() {
			n++
		}
		return p.stageEntry(ctx, name, filepath.Join(p.staged, below), e)
	})
	return n, err
}

func (p *place) stageEntry(ctx context.Context, name, target string, e fs.DirEntry) error {
	info, err := e.Info()
	switch {
	case err != nil:
		return err
	case e.IsDir():
		perm := info.Mode().Perm() | 0o700
		if err := p.fsys.Mkdir(target, perm); err != nil {
			return err
		}
		return os.Chmod(target, perm) // the umask may have kept some of it away
	case e.Type()&fs.ModeSymlink != 0:
		link, err := os.Readlink(name)
		if err != nil {
			return err
		}
		return p.fsys.Symlink(link, target)
	case !e.Type().IsRegular():
		return fmt.Errorf("%s is neither a file nor a folder nor a link", name)
	}
	_, err = p.fillFrom(ctx, target, name, info.Mode().Perm(), false) // SyncTree follows
	return err
}
