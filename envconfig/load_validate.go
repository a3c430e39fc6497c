package envconfig

import (
	"encoding/base64"
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/masaruk/devops/secrets"
)

// validate calls the struct's own method and hides the secrets that were
// loaded in what it says.
func (r *run) validate(g *group, v reflect.Value, in *element) {
	err := v.Addr().Interface().(validator).Validate()
	if err == nil {
		return
	}
	field := strings.TrimSuffix(in.path(g.path), ".")
	if field == "" {
		field = typeName(r.loader.typ)
	}
	texts := r.hiddenTexts()
	for _, one := range unjoin(err) {
		p := &Problem{Field: field, Rule: "passes its method Validate", Fix: withhold(one.Error(), texts)}
		if !r.promoted(g, in, p) {
			r.problem(p)
			r.invalid++
		}
	}
}

// promoted tells whether an embedded struct has said the same: its method is
// also that of the struct around it.
func (r *run) promoted(g *group, in *element, p *Problem) bool {
	for _, path := range g.embeds {
		path = in.path(path)
		if slices.ContainsFunc(r.problems, func(o *Problem) bool { return o.Field == path && o.Rule == p.Rule && o.Fix == p.Fix }) {
			return true
		}
	}
	return false
}

// unjoin lists the errors that errors.Join joined.
func unjoin(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, unjoin(one)...)
	}
	return all
}

// hiddenTexts returns the secrets that were loaded: whole, and in the parts
// that the text has for the field.
func (r *run) hiddenTexts() []string {
	var texts []string
	for i := range r.settings {
		s := &r.settings[i]
		if s.text == "" || !s.isHidden() {
			continue
		}
		texts = append(texts, s.text)
		texts = append(texts, s.parts()...)
	}
	return texts
}

// parts returns the pieces of a text that a message may hold alone.
func (s *setting) parts() []string {
	var out []string
	if s.leaf.kind.list || s.leaf.kind.dict {
		for one := range strings.SplitSeq(s.text, s.leaf.sep) {
			out = append(out, strings.TrimSpace(one))
			if _, value, ok := strings.Cut(one, ":"); ok && s.leaf.kind.dict {
				out = append(out, strings.TrimSpace(value))
			}
		}
	}
	if u, err := url.Parse(s.text); err == nil {
		if password, ok := u.User.Password(); ok {
			out = append(out, password)
		}
	}
	if s.leaf.kind.text == "base64" {
		if b, err := base64.StdEncoding.DecodeString(s.text); err == nil {
			out = append(out, string(b))
		}
	}
	return out
}

// variables returns what is set, for the rules of an environment to judge.
func (r *run) variables() []Variable {
	var all []Variable
	for i := range r.settings {
		if s := &r.settings[i]; s.input != nowhere {
			all = append(all, Variable{Name: s.name(), Value: secrets.New(s.text), Secret: s.isHidden()})
		}
	}
	return all
}

// judge reports each value that the rules of the environment refuse.
func (r *run) judge() {
	env := r.loader.opts.Environment
	if env == nil {
		return
	}
	for _, err := range unjoin(env.CheckValues(r.variables())) {
		p := &Problem{Rule: "keeps the rules of " + env.Name, Fix: err.Error()}
		var v *Violation
		if errors.As(err, &v) {
			p.Variable, p.Rule, p.Fix = v.Field, v.Rule, "want "+v.Want+", got "+v.Got
			if v.Hint != "" {
				p.Fix += "; " + v.Hint
			}
		}
		for i := range r.settings {
			if s := &r.settings[i]; s.name() == p.Variable {
				p.Field, p.Origin = s.path(), r.loader.origin(s)
			}
		}
		r.problem(p)
	}
}
