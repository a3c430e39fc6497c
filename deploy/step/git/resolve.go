package git

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/masaruk/devops/deploy"
)

// Resolve is the Action that finds out which commit a branch or tag has now.
// It changes nothing, so it may be repeated; the commit that a run has found
// is in its log, and stays the same for the rest of it.
type Resolve struct {
	Repository Repository `json:"repository"`
	// Ref is a branch or tag by its short or full name, such as "main" or
	// "refs/tags/v1.2.0"; empty is the default branch.
	Ref string `json:"ref,omitempty"`
	// Output is the output that gets the commit's full hash; empty is
	// "commit". The step lists it in Provides.
	Output string `json:"output,omitempty"`
	// Committed, if set, is the output that gets the time of the commit, in
	// the form of [time.RFC3339]. That needs a fetch of the commit.
	Committed string `json:"committed,omitempty"`
}

var _ deploy.Previewer = (*Resolve)(nil)

// Spec returns the fields, the credential by name.
func (r *Resolve) Spec() any { return r }

// Validate reports every field that cannot work.
func (r *Resolve) Validate() error {
	errs := []error{r.Repository.validate()}
	if r.Ref != "" {
		if err := checkRef(r.Ref); err != nil {
			errs = append(errs, fmt.Errorf("field Ref: %w", err))
		}
	}
	if r.Committed != "" && r.Committed == r.output() {
		errs = append(errs, errors.New("field Committed names the same output as Output"))
	}
	return errors.Join(errs...)
}

func (r *Resolve) output() string {
	if r.Output == "" {
		return "commit"
	}
	return r.Output
}

func (r *Resolve) ref() string {
	if r.Ref == "" {
		return "HEAD"
	}
	return r.Ref
}

// Preview returns the commands.
func (r *Resolve) Preview() []string {
	lines := []string{"git ls-remote " + r.Repository.URL + " " + r.ref()}
	if r.Committed != "" {
		lines = append(lines, "git fetch --depth=1 "+r.Repository.URL+" "+r.ref()+" into a temporary folder")
	}
	return lines
}

// Run provides the outputs.
func (r *Resolve) Run(ctx context.Context, c *deploy.Call) error {
	change, err := r.find(ctx, c.Exec, r.Committed != "")
	if err != nil {
		return err
	}
	c.Printf("%s of %s is %s", r.ref(), r.Repository.URL, change.Commit)
	if r.Committed != "" {
		if err := c.Provide(r.Committed, change.Committed.Format(time.RFC3339)); err != nil {
			return err
		}
	}
	return c.Provide(r.output(), change.Commit)
}

// Find returns commit and time of the ref as it is now, for a plan that is to
// be made: the result is [deploy.Plan].Change without an artefact.
func (r *Resolve) Find(ctx context.Context, exec deploy.Executor) (deploy.Change, error) {
	return r.find(ctx, exec, true)
}

func (r *Resolve) find(ctx context.Context, exec deploy.Executor, timed bool) (deploy.Change, error) {
	change, err := r.lookup(ctx, exec, timed)
	if err != nil {
		return deploy.Change{}, &Error{Op: "resolve", URL: r.Repository.URL, What: r.ref(), Err: err}
	}
	return change, nil
}

func (r *Resolve) lookup(ctx context.Context, exec deploy.Executor, timed bool) (change deploy.Change, err error) {
	if err := r.Validate(); err != nil {
		return change, err
	}
	s, err := newSession(ctx, exec, r.Repository, "/")
	if err != nil {
		return change, err
	}
	names := candidates(r.ref())
	out, err := s.ask(ctx, "/", s.remote(append([]string{"ls-remote", "-q", r.Repository.URL}, names...)...)...)
	if err != nil {
		return change, err
	}
	ref, commit, err := choose(out, names)
	if err != nil {
		return change, err
	}
	if !timed {
		return deploy.Change{Commit: commit}, nil
	}
	return s.read(ctx, ref)
}

// candidates are the full names that a name may stand for, each tag also as
// what it points at.
func candidates(ref string) []string {
	names := []string{ref}
	if ref != "HEAD" && !strings.HasPrefix(ref, "refs/") {
		names = []string{"refs/heads/" + ref, "refs/tags/" + ref}
	}
	for _, n := range names {
		if strings.HasPrefix(n, "refs/tags/") {
			names = append(names, n+"^{}")
		}
	}
	return names
}

// choose returns the one ref of ls-remote's answer, which may list names that
// only end like ours.
func choose(answer string, names []string) (ref, commit string, err error) {
	found := map[string]string{}
	for line := range strings.Lines(answer) {
		hash, name, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok || !commitRE.MatchString(hash) {
			return "", "", fmt.Errorf("git answered %.80q, which is no ref", line)
		}
		found[name] = hash
	}
	for _, n := range names {
		hash, ok := found[n]
		if !ok {
			continue
		}
		if peeled, is := strings.CutSuffix(n, "^{}"); is {
			if peeled == ref {
				commit = hash
			}
			continue
		}
		if ref != "" {
			return "", "", fmt.Errorf("%w: both %s and %s are there; give the full name", ErrUnresolved, ref, n)
		}
		ref, commit = n, hash
	}
	if ref == "" {
		return "", "", fmt.Errorf("%w: the repository has no such branch or tag", ErrUnresolved)
	}
	return ref, commit, nil
}

// read fetches the commit of a ref, as it is then, and returns its hash and
// time.
func (s *session) read(ctx context.Context, ref string) (change deploy.Change, err error) {
	dir, err := s.makeTemp(ctx)
	if err != nil {
		return change, err
	}
	defer func() {
		err = errors.Join(err, s.run(context.WithoutCancel(ctx), "", "rm", "-rf", dir))
	}()
	for _, argv := range [][]string{
		s.git("init", "-q", "--bare", "--template=", dir),
		s.git("--git-dir="+dir, "config", "remote.origin.url", s.repo.URL),
		s.remote("--git-dir="+dir, "fetch", "-q", "--depth=1", "--filter=tree:0", "--no-tags", "origin", ref),
	} {
		if err := s.run(ctx, "", argv...); err != nil {
			return change, err
		}
	}
	text, err := s.ask(ctx, "", s.git("--git-dir="+dir, "log", "-1", "--no-show-signature", "--format=%H %cI", "FETCH_HEAD^{commit}")...)
	if err != nil {
		return change, err
	}
	hash, when, _ := strings.Cut(text, " ")
	committed, err := time.Parse(time.RFC3339, when)
	if err != nil || !commitRE.MatchString(hash) {
		return change, fmt.Errorf("git answered %.80q, which is no commit with its time", text)
	}
	return deploy.Change{Commit: hash, Committed: committed.UTC()}, nil
}

// makeTemp makes a folder that the host deletes some day, should nobody else.
func (s *session) makeTemp(ctx context.Context) (string, error) {
	res, err := s.exec.Run(ctx, s.command("", []string{"mktemp", "-d"}))
	dir := strings.TrimSuffix(string(res.Stdout), "\n")
	if err == nil && checkDir(dir) != nil {
		err = fmt.Errorf("mktemp answered %.80q", dir)
	}
	return dir, err
}
