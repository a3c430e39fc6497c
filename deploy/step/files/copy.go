package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/stepinput"
)

// Copy is the Action that copies a file, or a folder with all that is in it.
// Modes are kept, and folders stay writable to their owner.
type Copy struct {
	// From and To are absolute paths. Each ${name} is the output of that name, a
	// string, which the step lists in Binds. The folder of To exists.
	From string `json:"from"`
	To   string `json:"to"`
	// Digest, when set, is the SHA-256 that the file From must have, as
	// "sha256:" and 64 hex digits; not for folders. Each ${name} is an output.
	Digest string `json:"digest,omitempty"`
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Spec returns the fields.
func (f *Copy) Spec() any { return f }

// Validate reports a copy that cannot be made.
func (f *Copy) Validate() error {
	errs := []error{checkPath("From", f.From), checkPath("To", f.To)}
	if f.Digest != "" && stepinput.Placed(f.Digest) == f.Digest && !digestForm.MatchString(f.Digest) {
		errs = append(errs, errors.New("field Digest is not \"sha256:\" and 64 hex digits"))
	}
	return errors.Join(errs...)
}

// Preview returns the two paths.
func (f *Copy) Preview() []string {
	return []string{fmt.Sprintf("copy %s to %s", stepinput.Shown(f.From), stepinput.Shown(f.To))}
}

// Step returns a step of that name that copies, puts back as its undo what was
// there before, and can be repeated.
func (f *Copy) Step(name string) deploy.Step { return step(name, f, f.To) }

func step(name string, do deploy.Action, to string) deploy.Step {
	return deploy.Step{Name: name, Kind: deploy.KindPlace, Do: do, Undo: &Restore{To: to}, InFlight: deploy.Repeat}
}

// Run copies.
func (f *Copy) Run(ctx context.Context, c *deploy.Call) error {
	from, err := c.Expand(f.From)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	if !filepath.IsAbs(from) {
		return fmt.Errorf("copy: %q is no absolute path", from)
	}
	p, err := newPlace(c, durable.OS{}, f.To)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	want, err := c.Expand(f.Digest)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	if want != "" && !digestForm.MatchString(want) {
		return errors.New("copy: Digest is not \"sha256:\" and 64 hex digits")
	}
	said, err := p.copy(ctx, from, want)
	if err != nil {
		return fmt.Errorf("copy %s to %s: %w", from, p.to, err)
	}
	c.Printf("copied %s to %s: %s", from, p.to, said)
	return nil
}

// copy places what is at from.
func (p *place) copy(ctx context.Context, from, want string) (said string, err error) {
	info, err := os.Stat(from)
	if err != nil {
		return "", err
	}
	switch {
	case info.Mode().IsRegular():
		return p.copyFile(ctx, from, info.Mode().Perm(), want)
	case !info.IsDir():
		return "", errors.New("it is neither a file nor a folder")
	case want != "":
		return "", errors.New("it is a folder, and Digest is for files")
	}
	return p.copyTree(ctx, from)
}

// copyFile stages the file and moves it to its place.
func (p *place) copyFile(ctx context.Context, from string, perm os.FileMode, want string) (string, error) {
	if err := p.begin(isFile); err != nil {
		return "", err
	}
	read, err := p.fillFrom(ctx, p.staged, from, perm, true)
	if err == nil && want != "" && read != want {
		err = fmt.Errorf("it has the digest %s, wanted is %s", read, want)
	}
	if err != nil {
		return "", errors.Join(err, durable.RemoveTree(p.fsys, p.staged))
	}
	if err := p.save(ctx); err != nil {
		return "", err
	}
	return read, durable.Rename(p.fsys, p.staged, p.to)
}

var _ deploy.Previewer = (*Copy)(nil)
