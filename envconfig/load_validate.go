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

// validate calls the struct's own method. What that says stays as it is until
// all secrets are loaded; see redact.
func (r *run) validate(g *group, v reflect.Value, in *element) {
	said, panicked := callValidate(v)
	field := strings.TrimSuffix(in.path(g.path), ".")
	if field == "" {
		field = typeName(r.loader.typ)
	}
	if panicked {
		r.problem(&Problem{
			Field: field, Rule: "passes its method Validate",
			Fix: "mend the method, which panics; one of an embedded pointer is called with nil where nothing of that is set, unless the struct around it has its own",
		})
		r.invalid++
		return
	}
	for _, one := range said {
		p := &Problem{Field: field, Rule: "passes its method Validate", Fix: one}
		if !r.promoted(g, in, p) {
			r.problem(p)
			r.said = append(r.said, p)
			r.invalid++
		}
	}
}

// callValidate returns what the method says, and drops what a panic says, which
// may hold a value.
func callValidate(v reflect.Value) (said []string, panicked bool) {
	defer func() { panicked = recover() != nil }()
	for _, err := range unjoin(v.Addr().Interface().(validator).Validate()) {
		said = append(said, err.Error())
	}
	return said, false
}

// redact hides the secrets that were loaded in what methods Validate said.
func (r *run) redact() {
	if len(r.said) == 0 {
		return
	}
	hide := withholder(r.hiddenTexts())
	for _, p := range r.said {
		p.Fix = hide(p.Fix)
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

func (s *setting) variable() Variable {
	return Variable{Name: s.name(), Value: secrets.New(s.text), Secret: s.isHidden()}
}

// variables returns what is set, for the rules of an environment to judge.
func (r *run) variables() []Variable {
	var all []Variable
	for i := range r.settings {
		if s := &r.settings[i]; s.input != nowhere {
			all = append(all, s.variable())
		}
	}
	return all
}

// judge reports each value that the rules of the environment refuse: of the
// fields, and of variables that no field has but that are this program's.
func (r *run) judge() {
	env := r.loader.opts.Environment
	if env == nil {
		return
	}
	if err := env.Validate(); err != nil { // an exemption may have ended
		for _, err := range unjoin(err) {
			r.problem(&Problem{Rule: "keeps the rules of " + env.Name, Fix: err.Error()})
		}
		return
	}
	for i := range r.settings {
		if s := &r.settings[i]; s.input != nowhere {
			r.broken(env, s.variable(), s.path(), r.loader.origin(s))
		}
	}
	before := len(r.problems)
	defer func() { slices.SortStableFunc(r.problems[before:], byVariable) }()
	for i, in := range r.inputs {
		_, isFile := in.(*file)
		in.each(func(name string, line int) {
			if !isFile && !r.loader.owns(name) || r.known(name) {
				return
			}
			if text, first, _ := r.find(name); int(first) == i {
				v := Variable{Name: r.shown(name), Value: secrets.New(text), Secret: holdsSecret(text)}
				r.broken(env, v, "", Origin{Input: r.loader.inputs[i], Line: line})
			}
		})
	}
}

// broken reports what the rules of an environment have against a value.
func (r *run) broken(env *Environment, v Variable, path string, from Origin) {
	for _, broken := range Violations(errors.Join(env.checkValue(v)...)) {
		fix := "want " + broken.Want + ", got " + broken.Got
		if broken.Hint != "" {
			fix += "; " + broken.Hint
		}
		r.problem(&Problem{Variable: v.Name, Field: path, Rule: broken.Rule, Origin: from, Fix: fix})
	}
}
