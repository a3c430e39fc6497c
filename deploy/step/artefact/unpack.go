package artefact

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/stepinput"
)

// Unpack is the Action that verifies an archive and unpacks it into a folder
// that is not there yet. It may be repeated: a folder with the same content is
// what it would have made.
type Unpack struct {
	// Archive is the file.
	Archive string `json:"archive"`
	// Digest is what it must have, as in [Push].
	Digest string `json:"digest"`
	// Dir is the folder to make, with mode 0755. An empty one is replaced.
	Dir string `json:"dir"`
	// Keys, if any, are those of which one must have signed it, in the file
	// Archive.sig.
	Keys []deploy.VerifyingKey `json:"keys,omitempty"`
	// Limits bound what comes out.
	Limits Limits `json:"limits,omitzero"`

	fsys durable.FS // nil is that of the operating system
}

var _ deploy.Previewer = (*Unpack)(nil)

// Spec returns the fields.
func (u *Unpack) Spec() any { return u }

// Validate reports every field that cannot work.
func (u *Unpack) Validate() error {
	return errors.Join(checkPath("Archive", u.Archive), checkDigestField(u.Digest), checkPath("Dir", u.Dir), checkKeys(u.Keys))
}

// Preview returns what would be unpacked.
func (u *Unpack) Preview() []string {
	line := fmt.Sprintf("unpack %s (%s) into %s", u.Archive, stepinput.Shown(u.Digest), u.Dir)
	return append([]string{line}, previewKeys(u.Keys)...)
}

// Run makes the folder.
func (u *Unpack) Run(ctx context.Context, c *deploy.Call) error {
	digest, err := bound(c, u.Digest)
	if err == nil {
		err = u.unpack(ctx, digest)
	}
	if err != nil {
		return wrap(err, "unpack", u.Archive, digest)
	}
	c.Printf("%s has %s", u.Dir, digest)
	return nil
}

// Fill verifies the archive and writes its content into dir, an empty folder
// of the caller's, without syncing it: it is the Fill of a release.Spec. Digest
// is one, and no output; Dir is not used. After an error what is in dir must be
// thrown away.
func (u *Unpack) Fill(ctx context.Context, dir string) error {
	return wrap(u.fill(ctx, dir), "unpack", u.Archive, u.Digest)
}

func (u *Unpack) fill(ctx context.Context, dir string) error {
	if err := errors.Join(checkPath("Archive", u.Archive), checkDigest(u.Digest), checkKeys(u.Keys)); err != nil {
		return err
	}
	f, err := u.verified(ctx, u.Digest)
	if err != nil {
		return err
	}
	defer f.Close() // read only
	return u.extract(ctx, f, dir, u.Digest)
}

// verified opens the archive at its beginning, if all that must be verified
// is.
func (u *Unpack) verified(ctx context.Context, digest string) (f *os.File, err error) {
	if f, err = os.Open(u.Archive); err != nil {
		return nil, err
	}
	size, err := copyChecked(ctx, io.Discard, f, digest)
	if err == nil && len(u.Keys) > 0 {
		var note string
		if note, err = readNote(u.Archive); err == nil {
			err = checkNote(u.Keys, note, digest, size)
		}
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// extract sums again what it reads, which may have changed meanwhile.
func (u *Unpack) extract(ctx context.Context, f io.Reader, dir, digest string) error {
	sum := sha256.New()
	r := io.TeeReader(f, sum)
	if err := extract(ctx, orOS(u.fsys), r, dir, u.Limits); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	if format(sum) != digest {
		return fmt.Errorf("%w: it changed while it was unpacked", ErrDigest)
	}
	return nil
}

func (u *Unpack) unpack(ctx context.Context, digest string) error {
	if err := u.Validate(); err != nil {
		return err
	}
	f, err := u.verified(ctx, digest)
	if err != nil {
		return err
	}
	defer f.Close() // read only
	stage, lock, err := u.stage(ctx)
	if err != nil {
		return err
	}
	defer lock.Close() // it is a folder
	err = u.extract(ctx, f, stage, digest)
	if err == nil {
		err = os.Chmod(stage, 0o755)
	}
	if err == nil {
		err = durable.SyncTree(orOS(u.fsys), stage)
	}
	if err == nil {
		err = u.place(ctx, stage)
	}
	if err != nil {
		return errors.Join(err, durable.RemoveTree(orOS(u.fsys), stage))
	}
	return nil
}

// stage makes an empty folder beside Dir, or empties what a killed process
// left of it, and locks it. The lock follows the folder.
func (u *Unpack) stage(ctx context.Context) (name string, lock *os.File, err error) {
	fsys := orOS(u.fsys)
	parent := filepath.Dir(u.Dir)
	if err := durable.MkdirAll(fsys, parent, 0o755); err != nil {
		return "", nil, err
	}
	name = filepath.Join(parent, "."+filepath.Base(u.Dir)+".unpack")
	if err := own(fsys, name, fs.ModeDir); err != nil {
		return "", nil, err
	}
	for {
		if err := fsys.Mkdir(name, dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", nil, err
		}
		lock, err = durable.OpenLocked(ctx, name, os.O_RDONLY, 0, durable.Exclusive)
		if !errors.Is(err, fs.ErrNotExist) { // else who held it has renamed or removed it
			break
		}
	}
	if err != nil {
		return "", nil, err
	}
	entries, err := os.ReadDir(name)
	for _, e := range entries {
		err = errors.Join(err, durable.RemoveTree(fsys, filepath.Join(name, e.Name())))
	}
	if err != nil {
		return "", nil, errors.Join(err, lock.Close())
	}
	return name, lock, nil
}

// place gives the folder its name, or removes it where the same is there.
func (u *Unpack) place(ctx context.Context, stage string) error {
	fsys := orOS(u.fsys)
	entries, err := os.ReadDir(u.Dir)
	switch {
	case err == nil && len(entries) == 0:
		if err := fsys.Remove(u.Dir); err != nil {
			return err
		}
		fallthrough
	case errors.Is(err, fs.ErrNotExist):
		return durable.Rename(fsys, stage, u.Dir)
	case err != nil:
		return errors.Join(ErrExists, err)
	}
	want, err := listing(ctx, stage)
	if err != nil {
		return err
	}
	have, err := listing(ctx, u.Dir)
	if err != nil {
		return err
	}
	if have != want {
		return fmt.Errorf("%s: %w", u.Dir, ErrExists)
	}
	if err := fsys.SyncDir(filepath.Dir(u.Dir)); err != nil { // the name may not be durable yet
		return err
	}
	return durable.RemoveTree(fsys, stage)
}
