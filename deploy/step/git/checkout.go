package git

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/stepinput"
)

// Checkout is the Action that makes Dir a checkout of exactly one commit. It
// may be repeated: give its step InFlight [deploy.Repeat], and a [Remove] as
// its Undo.
type Checkout struct {
	Repository Repository `json:"repository"`
	// Commit is the full hash, 40 or 64 lower-case hex digits, or ${name} for
	// an output of that name, which the step lists in Binds.
	Commit string `json:"commit"`
	// Dir is where it goes, absolute and clean. What an earlier Checkout made
	// there is replaced, with all that was added to it since; an empty folder
	// too. Anything else is left alone: [ErrForeign].
	Dir string `json:"dir"`
	// Submodules checks out submodules too, at any depth.
	Submodules bool `json:"submodules,omitempty"`
	// Signers, if set, is the content of an allowed-signers file, see
	// ssh-keygen(1): the commit must have an ssh signature by one of them.
	Signers string `json:"signers,omitempty"`
	// Tag, if set, is a tag that must name the commit. With Signers, its
	// signature is verified instead of the commit's.
	Tag string `json:"tag,omitempty"`
}

var _ deploy.Previewer = (*Checkout)(nil)

var (
	commitRE = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
	outputRE = regexp.MustCompile(`^\$\{[A-Za-z0-9][A-Za-z0-9._-]*\}$`)
)

// Spec returns the fields, the credential by name.
func (k *Checkout) Spec() any { return k }

// Validate reports every field that cannot work.
func (k *Checkout) Validate() error {
	errs := []error{k.Repository.validate(), checkDir(k.Dir)}
	if !commitRE.MatchString(k.Commit) && !outputRE.MatchString(k.Commit) {
		errs = append(errs, fmt.Errorf("field Commit: %q is neither a full hash of 40 or 64 lower-case hex digits nor ${output}; use Resolve for a branch", k.Commit))
	}
	if k.Tag != "" {
		if err := checkRef(k.Tag); err != nil {
			errs = append(errs, fmt.Errorf("field Tag: %w", err))
		}
	}
	if k.Signers != "" && strings.TrimSpace(k.Signers) == "" {
		errs = append(errs, errors.New("field Signers names nobody"))
	}
	return errors.Join(errs...)
}

func checkDir(dir string) error {
	if !path.IsAbs(dir) || path.Clean(dir) != dir || dir == "/" || strings.ContainsAny(dir, "\x00\n:") {
		return fmt.Errorf("field Dir: %q is not an absolute, clean path without colons", dir)
	}
	return nil
}

// Preview returns what is done, without the settings that every git command
// gets.
func (k *Checkout) Preview() []string {
	commit := stepinput.Shown(k.Commit)
	lines := []string{
		"git init " + fresh(k.Dir),
		"git fetch --depth=1 " + k.Repository.URL + " " + commit,
	}
	if k.Tag != "" {
		lines = append(lines, "git fetch "+k.Repository.URL+" refs/tags/"+k.Tag)
	}
	lines = append(lines, "git checkout --detach "+commit)
	if k.Submodules {
		lines = append(lines, "git submodule update --init --recursive")
	}
	lines = append(lines, "git fsck --connectivity-only "+commit)
	switch {
	case k.Signers != "" && k.Tag != "":
		lines = append(lines, "git verify-tag "+k.Tag)
	case k.Signers != "":
		lines = append(lines, "git verify-commit "+commit)
	}
	return append(lines, "mv "+fresh(k.Dir)+" "+k.Dir)
}

// Names beside Dir. They are always the same, so that the next run finds what
// a killed one left.
func fresh(dir string) string { return dir + ".checkout-new" }
func aside(dir string) string { return dir + ".checkout-old" }

// Run makes the checkout beside Dir, verifies it and renames it.
func (k *Checkout) Run(ctx context.Context, c *deploy.Call) error {
	commit, err := c.Expand(k.Commit)
	if err == nil && !commitRE.MatchString(commit) {
		err = fmt.Errorf("%q is not a full hash", commit)
	}
	if err == nil {
		err = k.run(ctx, c, commit)
	}
	if err != nil {
		return &Error{Op: "check out", URL: k.Repository.URL, What: cmp.Or(commit, k.Commit), Err: err}
	}
	c.Printf("%s has commit %s, verified", k.Dir, commit)
	return nil
}

func (k *Checkout) run(ctx context.Context, c *deploy.Call, commit string) error {
	if err := k.Validate(); err != nil {
		return err
	}
	s, err := newSession(ctx, c.Exec, k.Repository, path.Dir(k.Dir))
	if err != nil {
		return err
	}
	if err := s.restore(ctx, k.Dir); err != nil {
		return err
	}
	if _, err := s.mine(ctx, k.Dir); err != nil { // before there is any work
		return err
	}
	if err := s.run(ctx, "", "rm", "-rf", fresh(k.Dir)); err != nil {
		return err
	}
	if err := k.build(ctx, s, commit, c.Marker()); err != nil {
		return err
	}
	return k.place(ctx, s)
}

// build makes and verifies the checkout.
func (k *Checkout) build(ctx context.Context, s *session, commit, marker string) error {
	dir := fresh(k.Dir)
	format := "sha1"
	if len(commit) == 64 {
		format = "sha256"
	}
	for _, argv := range [][]string{
		s.git("init", "-q", "--template=", "--object-format="+format, dir),
		s.git("--git-dir="+dir+"/.git", "config", markerKey, marker),
		s.git("--git-dir="+dir+"/.git", "config", "remote.origin.url", k.Repository.URL),
	} {
		if err := s.run(ctx, "", argv...); err != nil {
			return err
		}
	}
	if err := k.fetch(ctx, s, dir, commit); err != nil {
		return err
	}
	if err := k.trust(ctx, s, dir, commit); err != nil { // before any of it is written out
		return err
	}
	if err := s.run(ctx, dir, s.git("checkout", "-q", "--detach", "--force", commit)...); err != nil {
		return err
	}
	if k.Submodules {
		if err := s.run(ctx, dir, s.remote("submodule", "-q", "update", "--init", "--recursive", "--checkout", "--force")...); err != nil {
			return err
		}
	}
	if err := k.verify(ctx, s, dir, commit); err != nil {
		return err
	}
	return s.run(ctx, "", "sync", "-f", dir)
}

// place renames the checkout to its name.
func (k *Checkout) place(ctx context.Context, s *session) error {
	mine, err := s.mine(ctx, k.Dir)
	if err != nil {
		return err
	}
	if mine {
		if err := s.run(ctx, "", "mv", k.Dir, aside(k.Dir)); err != nil {
			return err
		}
	}
	for _, argv := range [][]string{
		{"mv", fresh(k.Dir), k.Dir}, {"sync", "-f", path.Dir(k.Dir)}, {"rm", "-rf", aside(k.Dir)},
	} {
		if err := s.run(ctx, "", argv...); err != nil {
			return err
		}
	}
	return nil
}
