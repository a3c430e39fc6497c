package git

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/masaruk/devops/deploy"
)

// markerKey is the setting, in the checkout's own configuration, that says who
// made it: the marker of the run.
const markerKey = "devops.checkout"

// maker returns the marker of the run that made the checkout in dir, "" if it
// is none of ours.
func (s *session) maker(ctx context.Context, dir string) (string, error) {
	if there, err := s.holds(ctx, "test", "-d", dir+"/.git"); err != nil || !there {
		return "", err
	}
	marker, err := s.ask(ctx, "", s.git("--git-dir="+dir+"/.git", "config", "--local", "--get", markerKey)...)
	var exit *deploy.ExitError
	if errors.As(err, &exit) {
		return "", nil // no repository, or one without the setting
	}
	return marker, err
}

// exists tells whether dir has that name, be it a link that leads nowhere.
func (s *session) exists(ctx context.Context, dir string) (bool, error) {
	there, err := s.holds(ctx, "test", "-e", dir)
	if err == nil && !there {
		there, err = s.holds(ctx, "test", "-L", dir)
	}
	return there, err
}

// mine tells whether dir has an earlier checkout. An empty folder is removed;
// anything else is an error.
func (s *session) mine(ctx context.Context, dir string) (bool, error) {
	there, err := s.exists(ctx, dir)
	if err != nil || !there {
		return false, err
	}
	link, err := s.holds(ctx, "test", "-L", dir)
	if err != nil {
		return false, err
	}
	marker, err := s.maker(ctx, dir)
	if err != nil {
		return false, err
	}
	if !link && marker != "" {
		return true, nil
	}
	var exit *deploy.ExitError
	if err := s.run(ctx, "", "rmdir", dir); errors.As(err, &exit) {
		return false, fmt.Errorf("%s: %w", dir, ErrForeign)
	} else if err != nil {
		return false, err
	}
	return false, nil
}

// restore undoes what a run that was killed between its renames left: the
// older checkout gets its name back, or goes if there is a newer one.
func (s *session) restore(ctx context.Context, dir string) error {
	old, err := s.maker(ctx, aside(dir))
	if err != nil {
		return err
	}
	there, err := s.exists(ctx, dir)
	if err != nil {
		return err
	}
	switch {
	case there:
		return s.run(ctx, "", "rm", "-rf", aside(dir))
	case old != "":
		if err := s.run(ctx, "", "mv", aside(dir), dir); err != nil {
			return err
		}
		return s.run(ctx, "", "sync", "-f", path.Dir(dir))
	}
	return nil
}

// Remove is the Action that takes back a [Checkout] of the same run: it
// removes Dir, if this run made it, and what a killed Checkout left beside it.
// A checkout of another run, and whatever else may be there, stays. The
// checkout that was replaced does not come back, unless the run was killed
// while it stood aside.
type Remove struct {
	// Dir is that of the Checkout.
	Dir string `json:"dir"`
}

var _ deploy.Previewer = (*Remove)(nil)

// Spec returns the field.
func (r *Remove) Spec() any { return r }

// Validate reports a Dir that cannot be right.
func (r *Remove) Validate() error { return checkDir(r.Dir) }

// Preview returns what is removed.
func (r *Remove) Preview() []string {
	return []string{"rm -rf " + r.Dir + " if this run made it", "rm -rf " + fresh(r.Dir)}
}

// Run removes what is there.
func (r *Remove) Run(ctx context.Context, c *deploy.Call) error {
	if err := r.run(ctx, c); err != nil {
		return &Error{Op: "remove", What: r.Dir, Err: err}
	}
	return nil
}

func (r *Remove) run(ctx context.Context, c *deploy.Call) error {
	if err := r.Validate(); err != nil {
		return err
	}
	s, err := newSession(ctx, c.Exec, Repository{}, path.Dir(r.Dir))
	if err != nil {
		return err
	}
	if err := s.run(ctx, "", "rm", "-rf", fresh(r.Dir)); err != nil {
		return err
	}
	if err := s.restore(ctx, r.Dir); err != nil {
		return err
	}
	marker, err := s.maker(ctx, r.Dir)
	if err != nil {
		return err
	}
	if marker != c.Marker() {
		c.Printf("%s is not of this run and stays as it is", r.Dir)
		return nil
	}
	// Under another name first: half of a checkout could not be told from what
	// is somebody else's.
	for _, argv := range [][]string{{"mv", r.Dir, fresh(r.Dir)}, {"rm", "-rf", fresh(r.Dir)}} {
		if err := s.run(ctx, "", argv...); err != nil {
			return err
		}
	}
	c.Printf("removed %s", r.Dir)
	return nil
}
