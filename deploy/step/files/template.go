package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/stepinput"
	"github.com/masaruk/devops/secrets"
)

// Template is the Action that writes a file made of a text/template.
type Template struct {
	// To is the absolute path of the file. Each ${name} is the output of that name, a
	// string, which the step lists in Binds. Its folder exists.
	To string
	// Text is the template; the package comment says what it can use.
	// [LoadTemplate] reads it from a file.
	Text string
	// Data is the dot's field Data: a value that encoding/json can write, and
	// that holds no secret. It is part of the plan.
	Data any
	// Secrets are the names of the secrets that the text uses.
	Secrets []string
	Source  secrets.Source
	// Mode are the permissions of the file; zero is 0644, or 0600 where it
	// uses Secrets.
	Mode fs.FileMode

	from string // the file that holds the template, if one does
}

// LoadTemplate returns a Template whose text is that of a file, as it is now.
// Plans show it by the SHA-256 of its text.
func LoadTemplate(fsys fs.FS, name string) (*Template, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("load template: %w", err)
	}
	return &Template{Text: string(text), from: name}, nil
}

// spec is what a template is made of.
type spec struct {
	To      string   `json:"to"`
	From    string   `json:"from,omitempty"`
	Text    string   `json:"text,omitempty"`
	SHA256  string   `json:"sha256"`
	Data    any      `json:"data,omitempty"`
	Secrets []string `json:"secrets,omitempty"`
	Mode    string   `json:"mode"`
}

// Spec returns the template with its secrets by name.
func (f *Template) Spec() any {
	sum := sha256.Sum256([]byte(f.Text))
	s := spec{f.To, f.from, f.Text, hex.EncodeToString(sum[:]), f.Data, f.Secrets, f.mode().String()}
	if f.from != "" {
		s.Text = ""
	}
	return s
}

func (f *Template) mode() fs.FileMode {
	switch {
	case f.Mode != 0:
		return f.Mode
	case len(f.Secrets) > 0:
		return 0o600
	}
	return 0o644
}

// Validate reports a template that cannot be written.
func (f *Template) Validate() error {
	errs := []error{checkPath("To", f.To)}
	if _, err := stepinput.Parse(f.title(), f.Text); err != nil {
		errs = append(errs, fmt.Errorf("field Text: %w", err))
	}
	if f.Mode&^fs.ModePerm != 0 {
		errs = append(errs, fmt.Errorf("field Mode: %s is more than permissions", f.Mode))
	}
	if len(f.Secrets) > 0 && f.Mode&0o007 != 0 {
		errs = append(errs, fmt.Errorf("field Mode: %s lets everybody read the secrets; 0600 is the default", f.Mode))
	}
	errs = append(errs, stepinput.Check(f.Source, f.Secrets...))
	return errors.Join(errs...)
}

func (f *Template) title() string {
	if f.from != "" {
		return f.from
	}
	return "text"
}

// Preview returns the path, the mode and the names of what goes into it.
func (f *Template) Preview() []string {
	line := fmt.Sprintf("write %s, mode %04o, from a template of %d bytes", stepinput.Shown(f.To), f.mode(), len(f.Text))
	if f.from != "" {
		line += " in " + f.from
	}
	if len(f.Secrets) > 0 {
		line += ", with secrets " + strings.Join(slices.Sorted(slices.Values(f.Secrets)), ", ")
	}
	return []string{line}
}

// Step returns a step of that name that writes the file, puts back as its undo
// what was there before, and can be repeated.
func (f *Template) Step(name string) deploy.Step { return step(name, f, f.To) }

// dot is what a template sees.
type dot struct {
	Data                            any
	Run, Service, Environment, Step string
}

// Run writes the file. It leaves one that has the content and the mode already
// as it is.
func (f *Template) Run(ctx context.Context, c *deploy.Call) error {
	p, err := newPlace(c, durable.OS{}, f.To)
	if err != nil {
		return fmt.Errorf("template: %w", err)
	}
	given, err := stepinput.Lookup(ctx, f.Source, f.Secrets...)
	var said string
	if err == nil {
		said, err = f.write(ctx, c, p, given)
	}
	if err != nil {
		return given.Error(fmt.Errorf("template %s: %w", p.to, err))
	}
	c.Printf("%s %s", p.to, said)
	return nil
}

func (f *Template) write(ctx context.Context, c *deploy.Call, p *place, given *stepinput.Secrets) (string, error) {
	text, err := stepinput.Parse(f.title(), f.Text)
	if err != nil {
		return "", err
	}
	content, err := text.Render(c, given, dot{f.Data, string(c.Run), c.Service, c.Environment, c.Step})
	if err != nil {
		return "", err
	}
	return p.write(ctx, content, f.mode())
}

// write places a file of that content.
func (p *place) write(ctx context.Context, content []byte, mode fs.FileMode) (said string, err error) {
	if err := p.begin(isFile); err != nil {
		return "", err
	}
	before, err := os.ReadFile(p.to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err == nil {
		info, err := os.Stat(p.to)
		if err == nil && info.Mode().Perm() == mode && bytes.Equal(before, content) {
			return "has this content already", errors.Join(durable.SyncFile(p.fsys, p.to), p.fsys.SyncDir(filepath.Dir(p.to)))
		}
	}
	if err := p.save(ctx); err != nil {
		return "", err
	}
	if _, err := p.fill(ctx, p.staged, bytes.NewReader(content), mode, true); err != nil {
		return "", errors.Join(err, durable.RemoveTree(p.fsys, p.staged))
	}
	return fmt.Sprintf("written, %d bytes", len(content)), durable.Rename(p.fsys, p.staged, p.to)
}

var _ deploy.Previewer = (*Template)(nil)
