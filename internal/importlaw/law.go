package importlaw

import (
	"fmt"
	"slices"
	"strings"
)

// Violation is one breach of the law.
type Violation struct {
	// Package is relative to the module; "." is the root.
	Package string
	// File is relative to the module; empty if the breach is not one file's.
	File string
	// Rule says what is forbidden and what was found.
	Rule string
}

// String names the package or file and the rule.
func (v Violation) String() string {
	if v.File != "" {
		return v.File + ": " + v.Rule
	}
	return v.Package + ": " + v.Rule
}

// Check reads the module whose root is the folder given and returns every
// breach of the law, sorted by package. It fails if the source cannot be read.
func Check(root string) ([]Violation, error) {
	all, err := load(root)
	if err != nil {
		return nil, fmt.Errorf("read the imports: %w", err)
	}
	var found []Violation
	for _, p := range sorted(all) {
		at, err := findPlace(p.path)
		if err != nil {
			found = append(found, Violation{Package: p.path, Rule: err.Error()})
			continue
		}
		for _, f := range p.files {
			for _, i := range f.imports {
				if rule := breach(p.path, at, f, i); rule != "" {
					found = append(found, Violation{p.path, f.path, rule})
				}
			}
			if rule := exposes(at, f, p); rule != "" {
				found = append(found, Violation{p.path, f.path, rule})
			}
		}
		if chain := reaches(all, p, at); chain != "" {
			found = append(found, Violation{Package: p.path, Rule: "reaches third-party code: " + chain})
		}
	}
	return found, nil
}

// breach returns the rule that one import breaks, or nothing.
func breach(from string, at place, f file, i imported) string {
	switch {
	case i.name == "_" && (!f.test || i.path != "embed"):
		return fmt.Sprintf("blank import of %s", i.path)
	case i.std:
		return ""
	case !i.ours:
		return thirdParty(from, at, f, i.path)
	}
	to, err := findPlace(i.path)
	if err != nil {
		return fmt.Sprintf("imports %s: %v", i.path, err)
	}
	if rule := always(from, at, i.path, to); rule != "" {
		return rule
	}
	if f.test {
		return inTests(at, i.path, to)
	}
	return inCode(from, at, i.path, to)
}

// thirdParty judges an import of another module.
func thirdParty(from string, at place, f file, to string) string {
	switch {
	case within(to, []string{retryable}) && from != "internal/retryhttp":
		return "only internal/retryhttp imports " + retryable
	case within(to, []string{testify}):
		if f.test {
			return ""
		}
		return "testify belongs in _test.go files only"
	case within(to, at.wraps), f.test && within(to, at.tests):
		return ""
	}
	return fmt.Sprintf("imports %s, which the map does not allow it", to)
}

// always holds for code and tests alike.
func always(from string, at place, to string, target place) string {
	switch {
	case isCoreTree(tree(from)) && isCoreTree(tree(to)) && tree(from) != tree(to):
		return fmt.Sprintf("%s and %s never import each other, and it imports %s", tree(from), tree(to), to)
	case target.kind == example && (at.kind != example || foreignExample(from, to)):
		return fmt.Sprintf("nobody imports an example, and it imports %s", to)
	case target.kind == manual:
		return "the root is documentation only, nobody imports it"
	case target.kind == command:
		return fmt.Sprintf("imports the program %s", to)
	}
	return ""
}

// foreignExample reports whether to belongs to another example than from, and
// not to what the examples share.
func foreignExample(from, to string) bool {
	name := func(p string) string { return strings.SplitN(p, "/", 3)[1] }
	return name(from) != name(to) && name(to) != "internal"
}

// inTests holds for tests, which may use what is above them, but for recipes.
func inTests(at place, to string, target place) string {
	switch {
	case target.kind == recipe && at.kind != recipe && at.kind != example:
		return fmt.Sprintf("nobody imports a recipe, and its test imports %s", to)
	case at.kind == example && target.kind == internal && !isTestOnly(to):
		return fmt.Sprintf("the tests of examples import none of the root's internal packages but those for tests, and it imports %s", to)
	}
	return ""
}

// inCode holds for what is not a test: the floors.
func inCode(from string, at place, to string, target place) string {
	switch {
	case at.kind == manual:
		return fmt.Sprintf("is documentation only, and it imports %s", to)
	case at.kind == example && target.kind == internal:
		return fmt.Sprintf("examples never import the root's internal packages, and it imports %s", to)
	case target.kind == kit && at.kind != kit:
		return fmt.Sprintf("conformance kits are for tests, and it imports %s", to)
	case isTestOnly(to) && !isTestOnly(from) && at.kind != command:
		return fmt.Sprintf("imports %s, which is for tests", to)
	case target.kind == recipe && at.kind != example:
		return fmt.Sprintf("nobody imports a recipe, and it imports %s", to)
	case target.kind == adapter && at.kind == adapter:
		return fmt.Sprintf("adapters never import each other, and it imports %s", to)
	case target.kind == part && at.kind == part:
		return fmt.Sprintf("the parts of a core never import each other, and it imports %s", to)
	case at.kind == internal && target.kind != internal && !slices.Contains(at.uses, to):
		return fmt.Sprintf("internal packages import no public package, and it imports %s", to)
	case at.kind == command && target.kind != internal && !slices.Contains(at.uses, to):
		return fmt.Sprintf("internal programs import no public package, and it imports %s", to)
	case target.kind != internal && at.kind != internal && at.kind != command && height(target.kind) > height(at.kind):
		return fmt.Sprintf("is on floor %d and imports %s on floor %d", height(at.kind), to, height(target.kind))
	case at.kind == core && target.kind == part:
		return fmt.Sprintf("a core imports none of its parts, and it imports %s", to)
	}
	return ""
}

// isTestOnly reports whether an internal package is for tests.
func isTestOnly(p string) bool {
	return within(p, []string{"internal/testenv", "internal/importlaw", "internal/durable/powercut", "internal/actiontest"})
}

// height is the floor of a public package.
func height(k kind) int {
	switch k {
	case manual:
		return -1
	case floor0:
		return 0
	case floor1:
		return 1
	case core, part, kit:
		return 2
	case adapter:
		return 3
	case recipe:
		return 4
	default:
		return 5
	}
}
