package envconfig

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/masaruk/devops/secrets"
)

// fromFile takes the value from the file that NAME_FILE names, where that is
// what is set. It returns false if there is a problem.
func (r *run) fromFile(s *setting) bool {
	name := s.name() + fileSuffix
	path, input, line := r.find(name)
	if input == nowhere || s.input != nowhere && s.input < input {
		return true
	}
	if s.input == input {
		r.refuse(s, &fault{"is given in one way", "remove it or " + name + "; both are set in the same place"})
		return false
	}
	s.input, s.line, s.via = input, line, viaFile
	text, err := readBounded(path, openRegular)
	if err != nil {
		r.problem(&Problem{
			Variable: name, Field: s.path(), Rule: "is the path of a file that can be read", Origin: Origin{Input: r.loader.inputs[input], Line: int(line)},
			Fix: "check the path and the file: " + why(err), cause: sentinel(err),
		})
		return false
	}
	s.text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	return true
}

// resolve expands and looks up, as far as the field says so. It returns false
// if there is a problem.
func (r *run) resolve(ctx context.Context, s *setting) bool {
	switch {
	case s.via == viaFile:
		// What is in a file is the value itself.
	case s.leaf.tag.expand && strings.Contains(s.text, "${"):
		if f := r.expand(s); f != nil {
			r.refuse(s, f)
			return false
		}
	case s.leaf.tag.ref && strings.HasPrefix(s.text, refPrefix):
		if !r.lookup(ctx, s) {
			return false
		}
	}
	return true
}

// expand replaces each ${NAME} by the variable, once, and $${ by ${.
func (r *run) expand(s *setting) *fault {
	var b strings.Builder
	rest := s.text
	for n := 1; ; n++ {
		before, after, found := strings.Cut(rest, "${")
		if literal, ok := strings.CutSuffix(before, "$"); found && ok {
			b.WriteString(literal + "${")
			rest = after
			continue
		}
		b.WriteString(before)
		if !found {
			s.text = b.String()
			return nil
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed || !validName(name) {
			return &fault{"has only references of the form ${NAME}", "mend reference " + strconv.Itoa(n) + "; write $${ for ${ itself"}
		}
		text, input, _ := r.find(name)
		if input == nowhere {
			return &fault{"refers only to variables that are set", "reference " + strconv.Itoa(n) + " is to one that is not; set it, or write $${ for ${ itself"}
		}
		if l := r.loader.root.leafOf(name); l != nil && l.secret {
			s.hidden = true
		}
		b.WriteString(text)
		rest = tail
	}
}

// lookup asks the secret source.
func (r *run) lookup(ctx context.Context, s *setting) bool {
	written := s.text
	name := strings.TrimPrefix(s.text, refPrefix)
	source := r.loader.opts.Secrets
	if source == nil {
		r.refuse(s, &fault{"is a secret that can be looked up", "set LoadOptions.Secrets to the source of the reference"})
		return false
	}
	v, err := source.Lookup(ctx, name)
	if err == nil {
		s.text, s.via = v.Reveal(), viaSource
		return true
	}
	p := &Problem{Variable: s.name(), Field: s.path(), Rule: "is a secret that can be looked up", Origin: r.loader.origin(s), cause: sentinel(err)}
	if ctx.Err() != nil {
		p.cause = context.Cause(ctx)
	}
	said := err.Error()
	if s.input != fromDefault {
		// Somebody may have written the secret where its name belongs.
		said = withholder([]string{written, name})(said)
	}
	p.Fix = "check the reference and the source, which says: " + said
	r.problem(p)
	return false
}

const withheld = "(withheld, because it may show a secret)"

// withholder returns a function that removes texts from what somebody else
// says; all of it, if one is too short to be removed.
func withholder(texts []string) func(said string) string {
	var values []secrets.Value
	var short []string
	for _, text := range texts {
		v := secrets.New(text)
		if _, err := secrets.NewRedactor(v); err == nil {
			values = append(values, v)
		} else if text != "" {
			short = append(short, strings.TrimSpace(text))
		}
	}
	r, err := secrets.NewRedactor(values...)
	return func(said string) string {
		said = strings.ReplaceAll(said, "\n", "; ")
		if err != nil || slices.ContainsFunc(short, func(text string) bool { return strings.Contains(said, text) }) {
			return withheld
		}
		return r.String(said)
	}
}

// isHidden tells whether the text is a secret: because the field says so, or
// because it holds one although nobody said so, such as a URL with a password
// or a connection string with a key for one.
func (s *setting) isHidden() bool { return s.hidden || holdsSecret(s.text) }
