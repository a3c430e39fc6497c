package artefact

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
)

// Pack is the Action that makes one archive of a folder and provides its
// digest. Its step may be repeated, and lists the output in Provides.
type Pack struct {
	// Dir is the folder; nobody writes to it meanwhile. The archive holds what
	// is in it, not its own name.
	Dir string `json:"dir"`
	// Archive is the file to make, such as "/srv/build/api.tar.gz", in place
	// of an earlier one; it is not below Dir.
	Archive string `json:"archive"`
	// Exclude are patterns as in [path.Match] for slash-separated names
	// relative to Dir, such as ".git" or "*/.cache". What is below a folder
	// that matches is left out with it.
	Exclude []string `json:"exclude,omitempty"`
	// Signer, if set, signs the archive, in the file Archive.sig.
	Signer *deploy.SigningKey `json:"-"`
	// Output is the output that gets the digest; empty is "artefact".
	Output string `json:"output,omitempty"`

	fsys durable.FS // nil is that of the operating system
}

var _ deploy.Previewer = (*Pack)(nil)

// Spec returns the fields; of Signer the public half.
func (p *Pack) Spec() any {
	type spec struct {
		*Pack
		Signer *deploy.VerifyingKey `json:"signer,omitempty"`
	}
	s := spec{Pack: p}
	if p.Signer != nil && len(p.Signer.Key) == ed25519.PrivateKeySize {
		s.Signer = &deploy.VerifyingKey{Name: p.Signer.Name, Key: p.Signer.Key.Public().(ed25519.PublicKey)}
	}
	return s
}

// Validate reports every field that cannot work.
func (p *Pack) Validate() error {
	errs := []error{checkPath("Dir", p.Dir), checkPath("Archive", p.Archive)}
	if rel, err := filepath.Rel(p.Dir, p.Archive); err == nil && filepath.IsLocal(rel) {
		errs = append(errs, fmt.Errorf("field Archive: %s is in the folder that is packed", p.Archive))
	}
	for i, pattern := range p.Exclude {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			errs = append(errs, fmt.Errorf("field Exclude[%d]: %q is no pattern", i, pattern))
		}
	}
	if p.Signer != nil {
		if _, err := sign(*p.Signer, "", 0); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// checkPath wants a path that means the same wherever the program runs.
func checkPath(field, name string) error {
	if !filepath.IsAbs(name) || filepath.Clean(name) != name || name == filepath.Dir(name) {
		return fmt.Errorf("field %s: %q is not an absolute, clean path", field, name)
	}
	return nil
}

func (p *Pack) output() string {
	if p.Output == "" {
		return "artefact"
	}
	return p.Output
}

// Preview returns what would be made.
func (p *Pack) Preview() []string {
	line := "pack " + p.Dir
	if len(p.Exclude) > 0 {
		line += fmt.Sprintf(" without %q", p.Exclude)
	}
	lines := []string{line + " into " + p.Archive}
	if p.Signer != nil {
		lines = append(lines, "sign it as "+p.Signer.Name+" in "+sigFile(p.Archive))
	}
	return lines
}

// Run makes the archive and provides the digest.
func (p *Pack) Run(ctx context.Context, c *deploy.Call) error {
	digest, err := p.Make(ctx)
	if err != nil {
		return err
	}
	c.Printf("%s is %s", p.Archive, digest)
	return c.Provide(p.output(), digest)
}

// Make is [Pack.Run] for programs without a plan: it makes the archive and
// returns its digest.
func (p *Pack) Make(ctx context.Context) (digest string, err error) {
	digest, err = p.make(ctx)
	return digest, wrap(err, "pack", p.Dir, "")
}

func (p *Pack) make(ctx context.Context) (digest string, err error) {
	if err := p.Validate(); err != nil {
		return "", err
	}
	var size int64
	fsys := orOS(p.fsys)
	err = writeFile(ctx, fsys, p.Archive, func(w io.Writer) error {
		digest, size, err = archive(ctx, w, p.Dir, p.Exclude)
		return err
	})
	if err != nil {
		return "", err
	}
	note := ""
	if p.Signer != nil {
		if note, err = sign(*p.Signer, digest, size); err != nil {
			return "", err
		}
	}
	return digest, writeNote(ctx, fsys, p.Archive, note)
}
