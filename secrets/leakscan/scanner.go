package leakscan

import (
	"fmt"
	"path"
	"runtime"
	"slices"

	"github.com/masaruk/devops/internal/secretshapes"
	"github.com/masaruk/devops/secrets"
)

// LoadedValue is the rule of findings that are values of Options.Redactor.
const LoadedValue = "loaded-value"

// Options are those of [New]. The zero value is the default.
type Options struct {
	// Redactor knows the secrets that this program loaded. Whatever it would
	// replace is found under the rule [LoadedValue], in every encoding. Give
	// one to which no patterns were added: the rules here tell more. Nil means
	// that there are none. Values that are added later are found from then on.
	Redactor *secrets.Redactor
	// Disable has the rules that are not to be looked for. LoadedValue cannot
	// be disabled.
	Disable []string
	// Skip has patterns as in [path.Match]. A file or a directory is passed over
	// where one of them matches its name or its whole path. Nil means ".git"
	// and "node_modules"; an empty slice that is not nil means none.
	Skip []string
	// Baseline has the findings that [Scanner.Check] does not fail for. Nil
	// means none. The other methods give all findings; see [Baseline.Filter].
	Baseline *Baseline
	// Workers is how many files Tree reads at the same time. Zero means
	// GOMAXPROCS, negative means 1.
	Workers int
}

// Rule is what a finding can be.
type Rule struct {
	ID   string // such as "stripe-key"
	Name string // for people
}

// Scanner finds secrets. Use [New] to make one. It is safe for concurrent use.
type Scanner struct {
	set      *secretshapes.Set // of all rules, for text
	specific *secretshapes.Set // without the generic ones, for binary files
	names    map[string]string
	redactor *secrets.Redactor
	skip     []string
	baseline *Baseline
	workers  int
}

// New returns a Scanner. Nil options are the default. It refuses a rule that
// does not exist and a pattern that is none.
func New(opts *Options) (*Scanner, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	s := &Scanner{redactor: o.Redactor, skip: slices.Clone(o.Skip), baseline: o.Baseline, workers: o.Workers, names: map[string]string{}}
	if o.Skip == nil {
		s.skip = []string{".git", "node_modules"}
	}
	for i, pattern := range s.skip {
		if _, err := path.Match(pattern, "x"); err != nil {
			return nil, fmt.Errorf("leakscan: Options.Skip[%d] %q: %w", i, pattern, err)
		}
	}
	switch {
	case o.Workers == 0:
		s.workers = runtime.GOMAXPROCS(0)
	case o.Workers < 0:
		s.workers = 1
	}
	for _, r := range Rules() {
		s.names[r.ID] = r.Name
	}
	for i, id := range o.Disable {
		if s.names[id] == "" || id == LoadedValue {
			return nil, fmt.Errorf("leakscan: Options.Disable[%d]: there is no rule %q that can be disabled; Rules lists them", i, id)
		}
	}
	shapes := slices.DeleteFunc(secretshapes.All(), func(shape secretshapes.Shape) bool { return slices.Contains(o.Disable, shape.ID) })
	s.set = secretshapes.NewSet(shapes)
	s.specific = secretshapes.NewSet(slices.DeleteFunc(shapes, func(shape secretshapes.Shape) bool { return shape.Generic }))
	return s, nil
}

// Rules lists all rules, also those that are disabled.
func Rules() []Rule {
	rules := []Rule{{LoadedValue, "secret that this program loaded"}}
	for _, shape := range secretshapes.All() {
		rules = append(rules, Rule{shape.ID, shape.Name})
	}
	return rules
}

// skips tells whether a path is passed over, or one of the directories that it
// is in.
func (s *Scanner) skips(name string) bool {
	for ; name != "." && name != "/" && name != ""; name = path.Dir(name) {
		if s.skipsEntry(name) {
			return true
		}
	}
	return false
}

func (s *Scanner) skipsEntry(name string) bool {
	return slices.ContainsFunc(s.skip, func(pattern string) bool {
		whole, _ := path.Match(pattern, name) // New tested the pattern
		base, _ := path.Match(pattern, path.Base(name))
		return whole || base
	})
}
