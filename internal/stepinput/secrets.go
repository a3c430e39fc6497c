package stepinput

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/masaruk/devops/secrets"
)

// Secrets are the secrets of one attempt of a step, by name. A nil one has
// none.
type Secrets struct {
	values map[string]secrets.Value
	known  *secrets.Redactor // of the secrets
	hidden *secrets.Redactor // and of what else is not to be shown
}

// Lookup asks the source for the secrets of those names; without names it does
// not ask. The error joins every secret that cannot be had, by name.
func Lookup(ctx context.Context, from secrets.Source, names ...string) (*Secrets, error) {
	s := &Secrets{values: map[string]secrets.Value{}}
	var all []secrets.Value
	var errs []error
	for _, name := range names {
		if _, known := s.values[name]; known {
			continue
		}
		v, err := lookup(ctx, from, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("secret %q: %w", name, err))
			continue
		}
		s.values[name] = v
		all = append(all, v)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var bad [2]error
	s.known, bad[0] = secrets.NewRedactor(all...)
	s.hidden, bad[1] = secrets.NewRedactor(all...)
	if err := errors.Join(bad[:]...); err != nil {
		return nil, err
	}
	return s, nil
}

func lookup(ctx context.Context, from secrets.Source, name string) (secrets.Value, error) {
	if from == nil {
		return secrets.Value{}, errors.New("there is no Source to ask for it")
	}
	v, err := from.Lookup(ctx, name)
	if err != nil {
		return secrets.Value{}, err
	}
	if _, err := secrets.NewRedactor(v); err != nil {
		return secrets.Value{}, errors.New("it is empty, or so short that it could be hidden nowhere")
	}
	return v, nil
}

// Check reports names without a source, and empty ones, for a Validate.
func Check(from secrets.Source, names ...string) error {
	switch {
	case slices.Contains(names, ""):
		return errors.New("the name of a secret is empty")
	case from == nil && len(names) > 0:
		return fmt.Errorf("field Source is nil; say where secret %q comes from", names[0])
	}
	return nil
}

// Value returns a secret that was looked up.
func (s *Secrets) Value(name string) secrets.Value {
	if s == nil {
		return secrets.Value{}
	}
	return s.values[name]
}

// Reveal returns the text of a secret that was looked up.
func (s *Secrets) Reveal(name string) string { return s.Value(name).Reveal() }

// Has tells whether the secret was looked up.
func (s *Secrets) Has(name string) bool {
	if s == nil {
		return false
	}
	_, has := s.values[name]
	return has
}

// HideURL also hides path and query of a URL that is a secret, or only the
// query where the path may be shown, and each value in the query: the other side
// may say them back. What is too short to hide is left out.
func (s *Secrets) HideURL(address string, path bool) {
	u, err := url.Parse(address)
	if err != nil {
		return // nobody can be asked by it
	}
	if path {
		s.hide(address, u.Path, strings.Trim(u.Path, "/"))
	}
	s.hide(u.RawQuery)
	for _, values := range u.Query() {
		s.hide(values...)
	}
}

func (s *Secrets) hide(texts ...string) {
	for _, t := range texts {
		_ = s.hidden.Add(secrets.New(t)) // refuses what is too short alone
	}
}

// Holds tells whether text holds a secret.
func (s *Secrets) Holds(text string) bool { return s != nil && s.known.String(text) != text }

// Filter returns text without the secrets and what else is hidden.
func (s *Secrets) Filter(text string) string {
	if s == nil {
		return text
	}
	return s.hidden.String(text)
}

// Error returns err without the secrets and what else is hidden.
func (s *Secrets) Error(err error) error {
	if s == nil || err == nil {
		return err
	}
	return s.hidden.Error(err)
}
