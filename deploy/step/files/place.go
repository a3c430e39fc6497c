package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
)

// place is a path that a step changes, with the names beside it.
type place struct {
	fsys durable.FS
	to   string
	// saved holds what was there before the step, absent says that there was
	// nothing: one of the two, or none as long as nothing was changed.
	saved, absent string
	staged, half  string // what is about to be moved there, and to saved
	mine, run     string // how the keys of this service's steps begin, and those of this run
}

func newPlace(c *deploy.Call, fsys durable.FS, to string) (*place, error) {
	to, err := c.Expand(to)
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(to) {
		return nil, fmt.Errorf("%q is no absolute path", to)
	}
	dir, base := filepath.Split(filepath.Clean(to))
	if base == "" {
		return nil, fmt.Errorf("%s is no name of a file", to)
	}
	to = filepath.Join(dir, base)
	service := short(c.Environment + "/" + c.Service)
	run := service + "-" + short(string(c.Run))
	step := run + "-" + short(c.Step+"/"+c.Host)
	beside := func(what, key string) string { return filepath.Join(dir, "."+base+"."+what+"-"+key) }
	return &place{
		fsys: fsys, to: to, mine: service, run: run,
		saved: beside("before", step), absent: beside("absent", step), staged: beside("staged", step), half: beside("half", step),
	}, nil
}

// checkPath reports a path that depends on where the program runs, which is
// another place when another program goes on.
func checkPath(field, path string) error {
	switch {
	case path == "":
		return fmt.Errorf("field %s is empty", field)
	case !filepath.IsAbs(path) && !strings.HasPrefix(path, "${"):
		return fmt.Errorf("field %s: %q is no absolute path", field, path)
	}
	return nil
}

// short names something in a file name, which has little room.
func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

// form is what stands at a path.
type form int

const (
	isNothing form = iota
	isFile
	isFolder
)

func formOf(path string) (form, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return isNothing, nil
	case err != nil:
		return isNothing, err
	case info.Mode().IsRegular():
		return isFile, nil
	case info.IsDir():
		return isFolder, nil
	case info.Mode()&fs.ModeSymlink != 0:
		return isNothing, fmt.Errorf("%s is a symbolic link; name what it leads to", path)
	}
	return isNothing, fmt.Errorf("%s is neither a file nor a folder", path)
}

// begin refuses a place that holds something of another form, and removes what
// was left over: by a killed attempt of this step, and by earlier runs.
func (p *place) begin(of form) error {
	there, err := formOf(p.to)
	switch {
	case err != nil:
		return err
	case there != isNothing && there != of:
		return fmt.Errorf("%s is there and is a %s: remove it first", p.to, map[form]string{isFile: "file", isFolder: "folder"}[there])
	}
	if err := p.clear(); err != nil {
		return err
	}
	return p.sweep()
}

// clear removes what a killed attempt of this step has left over.
func (p *place) clear() error {
	if err := durable.RemoveTree(p.fsys, p.staged); err != nil {
		return err
	}
	return durable.RemoveTree(p.fsys, p.half)
}

// replaceTree moves a folder to the place, where one may be: that is moved away
// first, so that what stands there is whole at every instant.
func (p *place) replaceTree(from string) error {
	there, err := formOf(p.to)
	if err == nil && there != isNothing {
		err = durable.Rename(p.fsys, p.to, p.half)
	}
	if err == nil {
		err = durable.Rename(p.fsys, from, p.to)
	}
	if err != nil {
		return err
	}
	return durable.RemoveTree(p.fsys, p.half)
}

// sweep removes what earlier runs of the service in the environment left beside
// the place: they have ended, or this one could not have begun.
func (p *place) sweep() error {
	dir, base := filepath.Split(p.to)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		for _, what := range []string{"before", "absent", "staged", "half"} {
			rest, ours := strings.CutPrefix(e.Name(), "."+base+"."+what+"-"+p.mine+"-")
			if !ours || len(rest) != len("1a2b3c4d-5e6f7a8b") || strings.HasPrefix(p.mine+"-"+rest, p.run+"-") {
				continue
			}
			if err := durable.RemoveAll(p.fsys, filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// isSaved tells whether an attempt of this step has saved what was there.
func (p *place) isSaved() (bool, error) {
	for _, name := range []string{p.saved, p.absent} {
		if there, err := formOf(name); there != isNothing || err != nil {
			return there != isNothing, err
		}
	}
	return false, nil
}

// save keeps what is there, once for each step of a run. A folder is moved, a
// file copied, since its name must not be without content.
func (p *place) save(ctx context.Context) error {
	if done, err := p.isSaved(); done || err != nil {
		return err
	}
	there, err := formOf(p.to)
	switch {
	case err != nil:
		return err
	case there == isNothing:
		return p.mark()
	case there == isFolder:
		return durable.Rename(p.fsys, p.to, p.saved)
	}
	info, err := os.Stat(p.to)
	if err != nil {
		return err
	}
	// By way of another name: what is called saved is whole.
	if _, err := p.fillFrom(ctx, p.half, p.to, info.Mode().Perm(), true); err != nil {
		return errors.Join(err, durable.RemoveTree(p.fsys, p.half))
	}
	return durable.Rename(p.fsys, p.half, p.saved)
}

// mark says that there was nothing. The file is empty, so its name is all.
func (p *place) mark() error {
	f, err := p.fsys.OpenFile(p.absent, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), p.fsys.SyncDir(filepath.Dir(p.absent)))
}

// restore puts back what was saved.
func (p *place) restore() (said string, err error) {
	if err := p.clear(); err != nil {
		return "", err
	}
	was, err := formOf(p.saved)
	if err != nil {
		return "", err
	}
	none, err := formOf(p.absent)
	if err != nil {
		return "", err
	}
	switch {
	case was == isFile:
		return "put back", durable.Rename(p.fsys, p.saved, p.to)
	case was == isFolder:
		return "put back", p.replaceTree(p.saved)
	case none == isNothing:
		return "nothing was changed", nil
	}
	return "removed", p.remove()
}

// remove takes away what the step has placed where nothing was, and then the
// mark.
func (p *place) remove() error {
	there, err := formOf(p.to)
	switch {
	case err != nil:
		return err
	case there == isFolder:
		if err := durable.Rename(p.fsys, p.to, p.half); err != nil {
			return err
		}
		if err := durable.RemoveTree(p.fsys, p.half); err != nil {
			return err
		}
	case there == isFile:
		if err := durable.RemoveAll(p.fsys, p.to); err != nil {
			return err
		}
	}
	return durable.RemoveAll(p.fsys, p.absent)
}
