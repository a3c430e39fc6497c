package sourcetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/masaruk/devops/secrets"
)

// minLength is the length in bytes of the shortest value that is looked for in
// errors: a shorter one may be there by chance.
const minLength = 8

// Run proves the sources that newSource makes, each check in a subtest with a
// source of its own. It reports what a source does wrong, and goes on with the
// next check.
//
// The secrets of every source are known, others it may have; at least two of
// different values, of which all that are not empty have 8 bytes or more and
// are part of no name. An empty one proves more, where the source can hold it.
func Run(t *testing.T, known map[string]secrets.Value, newSource func() (secrets.Source, error)) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.prove(t.Context(), known, newSource); err != nil {
				t.Error(err)
			}
		})
	}
}

// check is one promise of the contract.
type check struct {
	name string
	run  func(ctx context.Context, s *source) error
}

func (c check) prove(ctx context.Context, known map[string]secrets.Value, newSource func() (secrets.Source, error)) error {
	if err := suitable(known); err != nil {
		return err
	}
	from, err := newSource()
	if err != nil {
		return fmt.Errorf("new source: %w", err)
	}
	if from == nil {
		return errors.New("new source: it is nil")
	}
	return c.run(ctx, &source{from, known, slices.Sorted(maps.Keys(known))})
}

func checks() []check {
	return []check{
		{"present", present},
		{"absent", absent},
		{"empty name", emptyName},
		{"exact names", exactNames},
		{"context", endedContext},
		{"concurrent", concurrent},
		{"leaving callers", leavingCallers},
		{"errors hide values", errorsHideValues},
	}
}

// suitable tells whether the known secrets can prove anything.
func suitable(known map[string]secrets.Value) error {
	distinct := map[string]bool{}
	for name, v := range known {
		text := v.Reveal()
		switch {
		case name == "":
			return errors.New("a known secret needs a name")
		case text != "" && len(text) < minLength:
			return fmt.Errorf("the known secret %q is shorter than %d bytes", name, minLength)
		}
		for other := range known {
			if text != "" && strings.Contains(other, text) {
				return fmt.Errorf("the value of the known secret %q is a part of a name", name)
			}
		}
		distinct[text] = true
	}
	if len(distinct) < 2 {
		return errors.New("the kit needs two known secrets of different values")
	}
	return nil
}

// source is the source under test and what it has.
type source struct {
	secrets.Source
	known map[string]secrets.Value
	names []string // of known, sorted
}

// find expects a known secret.
func (s *source) find(ctx context.Context, name string) error {
	v, err := s.Lookup(ctx, name)
	switch {
	case err != nil:
		return fmt.Errorf("known secret %q: %s", name, s.hide(err))
	case !v.Equal(s.known[name]):
		return fmt.Errorf("known secret %q: another value came, of %d bytes instead of %d", name, len(v.Reveal()), len(s.known[name].Reveal()))
	}
	return nil
}

// miss expects that the name is answered by not found.
func (s *source) miss(ctx context.Context, name string) error {
	err := s.fail(ctx, name)
	switch {
	case err.refusal != nil:
		return err.refusal
	case !errors.Is(err.got, fs.ErrNotExist):
		return fmt.Errorf("secret %q, which is not there: the error does not wrap fs.ErrNotExist: %s", name, s.hide(err.got))
	case !strings.Contains(err.got.Error(), name) && !strings.Contains(err.got.Error(), quoted(name)):
		return fmt.Errorf("secret %q, which is not there: the error does not say its name: %s", name, s.hide(err.got))
	}
	return nil
}

// failed is what a lookup gave that had to fail.
type failed struct {
	got     error // its error, as it should be
	refusal error // what is wrong with it otherwise
}

// fail expects an error and no value.
func (s *source) fail(ctx context.Context, name string) failed {
	v, err := s.Lookup(ctx, name)
	if err == nil {
		return failed{refusal: fmt.Errorf("secret %q: a value of %d bytes came, want an error", name, len(v.Reveal()))}
	}
	if !v.IsZero() {
		return failed{refusal: fmt.Errorf("secret %q: a value of %d bytes came beside the error: %s", name, len(v.Reveal()), s.hide(err))}
	}
	return failed{got: err}
}

// hide returns the text of err, unless that shows a known value.
func (s *source) hide(err error) string {
	if s.shows(err.Error()) != "" {
		return "(an error whose text shows a known value)"
	}
	return err.Error()
}

// shows returns the name of a known secret whose value text holds: whole, as
// %q writes it, or a line of it.
func (s *source) shows(text string) string {
	for _, name := range s.names {
		v := s.known[name].Reveal()
		for _, part := range append(strings.Split(v, "\n"), v, quoted(v)) {
			if len(part) >= minLength && strings.Contains(text, part) {
				return name
			}
		}
	}
	return ""
}

func quoted(s string) string {
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

// unknown is a name that nobody has.
func unknown() string { return "sourcetest-" + strings.ToLower(rand.Text()) }
