package artefact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/stepinput"
)

// Push is the Action that puts an archive into a store, with its signature if
// there is one beside it and the store keeps such. It may be repeated.
type Push struct {
	// Archive is the file.
	Archive string `json:"archive"`
	// Digest is what the archive must have: "sha256:" and 64 hex digits, or
	// ${name} for an output of that name, which the step lists in Binds.
	Digest string `json:"digest"`
	Store  Store  `json:"-"`
}

var _ deploy.Previewer = (*Push)(nil)

// Spec returns the fields; of Store where it is.
func (p *Push) Spec() any {
	return struct {
		*Push
		Store string `json:"store"`
	}{p, where(p.Store)}
}

// Validate reports every field that cannot work.
func (p *Push) Validate() error {
	return errors.Join(checkPath("Archive", p.Archive), checkDigestField(p.Digest), checkStore(p.Store))
}

func checkStore(s Store) error {
	if s == nil {
		return errors.New("field Store is nil")
	}
	return nil
}

// Preview returns what would be put where.
func (p *Push) Preview() []string {
	return []string{fmt.Sprintf("put %s (%s) into %s", p.Archive, stepinput.Shown(p.Digest), where(p.Store))}
}

// Run puts the archive.
func (p *Push) Run(ctx context.Context, c *deploy.Call) error {
	digest, err := bound(c, p.Digest)
	if err == nil {
		err = p.push(ctx, digest)
	}
	if err != nil {
		return wrap(err, "push", p.Archive, digest)
	}
	c.Printf("%s is in %s", digest, where(p.Store))
	return nil
}

func (p *Push) push(ctx context.Context, digest string) error {
	if err := p.Validate(); err != nil {
		return err
	}
	f, err := os.Open(p.Archive)
	if err != nil {
		return err
	}
	defer f.Close()                                                    // read only
	if _, err := copyChecked(ctx, io.Discard, f, digest); err != nil { // before anybody is asked
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := p.Store.Put(ctx, digest, f); err != nil {
		return err
	}
	note, err := readNote(p.Archive)
	if errors.Is(err, ErrSignature) {
		return nil // not signed
	}
	if err != nil {
		return err
	}
	store, ok := signatures(p.Store)
	if !ok {
		return fmt.Errorf("%s is there, and %s keeps no signatures; use another store", sigFile(p.Archive), where(p.Store))
	}
	return store.PutSignature(ctx, digest, note)
}

// Pull is the Action that gets an archive from a store, and verifies it. It
// may be repeated.
type Pull struct {
	Store Store `json:"-"`
	// Digest is what is wanted, as in [Push].
	Digest string `json:"digest"`
	// Archive is the file to make, in place of an earlier one. The signature
	// goes to Archive.sig.
	Archive string `json:"archive"`
	// Keys, if any, are those of which one must have signed it.
	Keys []deploy.VerifyingKey `json:"keys,omitempty"`

	fsys durable.FS // nil is that of the operating system
}

var _ deploy.Previewer = (*Pull)(nil)

// Spec returns the fields; of Store where it is.
func (p *Pull) Spec() any {
	return struct {
		*Pull
		Store string `json:"store"`
	}{p, where(p.Store)}
}

// Validate reports every field that cannot work.
func (p *Pull) Validate() error {
	return errors.Join(checkStore(p.Store), checkDigestField(p.Digest), checkPath("Archive", p.Archive), checkKeys(p.Keys))
}

// Preview returns what would be got from where.
func (p *Pull) Preview() []string {
	line := fmt.Sprintf("get %s from %s into %s", stepinput.Shown(p.Digest), where(p.Store), p.Archive)
	return append([]string{line}, previewKeys(p.Keys)...)
}

func previewKeys(keys []deploy.VerifyingKey) (lines []string) {
	if len(keys) == 0 {
		return nil
	}
	var names []string
	for _, k := range keys {
		names = append(names, k.Name)
	}
	return []string{"require a signature by " + strings.Join(names, " or ")}
}

// Run gets the archive.
func (p *Pull) Run(ctx context.Context, c *deploy.Call) error {
	digest, err := bound(c, p.Digest)
	if err == nil {
		err = p.pull(ctx, digest)
	}
	if err != nil {
		return wrap(err, "pull", p.Archive, digest)
	}
	c.Printf("%s has %s from %s", p.Archive, digest, where(p.Store))
	return nil
}

func (p *Pull) pull(ctx context.Context, digest string) error {
	if err := p.Validate(); err != nil {
		return err
	}
	note, err := p.signature(ctx, digest)
	if err != nil {
		return err
	}
	fsys := orOS(p.fsys)
	err = writeFile(ctx, fsys, p.Archive, func(w io.Writer) error { return p.fetch(ctx, w, digest, note) })
	if err != nil {
		return err
	}
	return writeNote(ctx, fsys, p.Archive, note)
}

// signature returns what the store has, "" if that is nothing.
func (p *Pull) signature(ctx context.Context, digest string) (string, error) {
	store, ok := signatures(p.Store)
	if !ok {
		return "", nil
	}
	note, err := store.Signature(ctx, digest)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil && len(note) > maxNote {
		err = fmt.Errorf("%w: the signature has more than %d bytes", ErrLimit, maxNote)
	}
	return note, err
}

// fetch writes the archive, which counts only if there is no error.
func (p *Pull) fetch(ctx context.Context, w io.Writer, digest, note string) error {
	r, err := p.Store.Get(ctx, digest)
	if err != nil {
		return err
	}
	size, err := copyChecked(ctx, w, r, digest)
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if len(p.Keys) == 0 {
		return nil
	}
	return checkNote(p.Keys, note, digest, size)
}
