package deploy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Output is the handle of an output whose type is known: the step that sets it
// lists Decl in its Provides and calls Provide, and those that read it list
// Decl in their Binds and call Bind. The declaration is part of the plan, so
// people see what is handed on, and a plan in which the two do not agree is
// refused.
//
//	var address = deploy.Output[string]{Name: "address"}
type Output[T any] struct {
	// Name is unique in the plan.
	Name string
	// Version is that of what T means; raise it when a program that knows the
	// older T would misread the newer. It is kept with the value.
	Version int
}

// Decl is the declaration of the output, as Provides and Binds list it: the
// name, the version and the Go type, such as "address@0:string".
func (o Output[T]) Decl() string {
	return fmt.Sprintf("%s@%d:%s", o.Name, o.Version, reflect.TypeFor[T]())
}

// Provide sets the output as [Call.Provide] does: it refuses secrets, and more
// than [MaxOutput].
func (o Output[T]) Provide(c *Call, v T) error { return c.provide(o.Name, o.Decl(), v) }

// Bind reads the output as [Call.Bind] does. It refuses a value of another
// version, which a step of another build of the program may have left in the
// log; the error wraps [ErrOutputVersion].
func (o Output[T]) Bind(c *Call) (v T, err error) {
	raw, decl, err := c.bound(o.Name)
	if err == nil {
		v, err = o.read(raw, decl)
	}
	if err != nil {
		return v, fmt.Errorf("output %q: %w", o.Name, err)
	}
	return v, nil
}

// Of reads the output from the report of a run; the error is as that of Bind.
func (o Output[T]) Of(r *Report) (v T, err error) {
	raw, ok := r.Outputs[o.Name]
	if err = ErrNoOutput; ok {
		v, err = o.read(raw, r.Typed[o.Name])
	}
	if err != nil {
		return v, fmt.Errorf("%s@%s run %s: output %q: %w", r.Service, r.Environment, r.Run, o.Name, err)
	}
	return v, nil
}

func (o Output[T]) read(raw json.RawMessage, decl string) (v T, err error) {
	if d, err := parseDecl(decl); decl != "" && (err != nil || d.version != o.Version) {
		return v, fmt.Errorf("%w: it was set as %q, and is read as %q; undo the run, or read the older version too", ErrOutputVersion, decl, o.Decl())
	}
	return v, json.Unmarshal(raw, &v)
}

// declaration is one entry of Provides or Binds. Without a type it is the name
// alone.
type declaration struct {
	name    string
	version int
	typ     string
}

// nameOf is the name in an entry of Provides or Binds.
func nameOf(decl string) string {
	name, _, _ := strings.Cut(decl, "@")
	return name
}

func parseDecl(decl string) (declaration, error) {
	name, rest, typed := strings.Cut(decl, "@")
	d := declaration{name: name}
	if !nameRE.MatchString(name) {
		return d, fmt.Errorf("%q is not a name of letters, digits, \".\", \"_\" and \"-\", nor what Output.Decl returns", decl)
	}
	if !typed {
		return d, nil
	}
	number, typ, whole := strings.Cut(rest, ":")
	version, err := strconv.Atoi(number)
	if err != nil || !whole || typ == "" || version < 0 {
		return d, fmt.Errorf("%q has no version and type behind the name; take what Output.Decl returns", decl)
	}
	d.version, d.typ = version, typ
	return d, nil
}

// declares returns the entry for a name.
func declares(list []string, name string) (decl string, ok bool) {
	i := slices.IndexFunc(list, func(decl string) bool { return nameOf(decl) == name })
	if i < 0 {
		return "", false
	}
	return list[i], true
}

// declared are the declarations of those outputs of a step that have one.
func declared(s Step, outputs map[string]json.RawMessage) map[string]string {
	var all map[string]string
	for _, decl := range s.Provides {
		if name := nameOf(decl); name != decl && outputs[name] != nil {
			if all == nil {
				all = map[string]string{}
			}
			all[name] = decl
		}
	}
	return all
}

// validateBinds checks that each output has one provider, which is done
// before its readers start and means the same by it.
func (p Plan) validateBinds() []error {
	var errs []error
	index, provider, decls := p.index(), map[string]int{}, map[string]string{}
	for i, s := range p.Steps {
		for _, decl := range s.Provides {
			d, err := parseDecl(decl)
			if err != nil {
				errs = append(errs, fmt.Errorf("field Steps[%d] %q: Provides %w", i, s.Name, err))
			}
			if first, dup := provider[d.name]; dup {
				errs = append(errs, fmt.Errorf("field Steps[%d] %q: Provides %q, which step %q provides already", i, s.Name, d.name, p.Steps[first].Name))
				continue
			}
			provider[d.name], decls[d.name] = i, decl
		}
	}
	for i, s := range p.Steps {
		for _, decl := range s.Binds {
			d, err := parseDecl(decl)
			from, ok := provider[d.name]
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("field Steps[%d] %q: Binds %w", i, s.Name, err))
			case !ok:
				errs = append(errs, fmt.Errorf("field Steps[%d] %q: Binds %q, which no step provides", i, s.Name, d.name))
			case from != i && !p.waitsFor(i, from, index):
				errs = append(errs, fmt.Errorf("field Steps[%d] %q: Binds %q of step %q, which it does not need", i, s.Name, d.name, p.Steps[from].Name))
			case d.typ != "" && decl != decls[d.name]:
				errs = append(errs, fmt.Errorf("field Steps[%d] %q: Binds %q, and step %q provides %q; both take the same Output", i, s.Name, decl, p.Steps[from].Name, decls[d.name]))
			}
		}
	}
	return errs
}
