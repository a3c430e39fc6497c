package envconfig

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Drift is a way in which a variable of a mirror differs from the original.
type Drift string

// The kinds of drift.
const (
	DriftMissing Drift = "missing"             // not declared or not set in the mirror
	DriftExtra   Drift = "extra"               // not declared or not set in the original
	DriftType    Drift = "type"                // of another type, or a secret in one of the two only
	DriftRules   Drift = "rules"               // other rules hold for its value
	DriftValue   Drift = "differs"             // another value
	DriftAllowed Drift = "differs-but-allowed" // an Exception allows it, or it is a secret
)

// Exception is a difference that a mirror may have.
type Exception struct {
	Variable string `json:"variable"`
	// Kind is the one that is allowed: any but DriftAllowed. Empty means
	// DriftValue.
	Kind Drift `json:"kind,omitempty"`
	// Reason is why; there has to be one.
	Reason string `json:"reason"`
}

// Difference is one variable of a mirror that differs from the original in one
// way.
type Difference struct {
	Variable string `json:"variable"`
	Kind     Drift  `json:"kind"`
	// Original and Mirror are what the two have: a value in quotes, a type,
	// rules, or words such as "not set". Never a secret.
	Original string `json:"original"`
	Mirror   string `json:"mirror"`
	// Reason is why it is allowed, with DriftAllowed.
	Reason string `json:"reason,omitempty"`
}

// Differences is what [Diff] found.
type Differences struct {
	// Original and Mirror are the names of the environments.
	Original string `json:"original"`
	Mirror   string `json:"mirror"`
	// List is in the order of variables, and then of kinds.
	List []Difference `json:"differences"`
	// Stale are the exceptions that nothing needs any more.
	Stale []Exception `json:"stale,omitempty"`
}

// Diff compares a mirror, such as staging, with its original, which is
// production. The two may have been made on different machines.
//
// A secret differs and may: each environment has its own, which [CheckShared]
// proves. It has to be set where that of the original is. The same goes for the
// address of a database.
//
// The error joins a [*Violation] for everything that is wrong with the
// snapshots and the exceptions: one without a reason, for an unknown kind, or
// given twice.
func Diff(original, mirror Snapshot, exceptions ...Exception) (Differences, error) {
	d := Differences{Original: original.Environment, Mirror: mirror.Environment}
	allowed, err := index(exceptions)
	errs := []error{err}
	for _, s := range []Snapshot{original, mirror} {
		if err := s.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("envconfig: snapshot of %.60q: %w", s.Environment, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Differences{}, err
	}
	ours, theirs := original.byVariable(), mirror.byVariable()
	names := slices.Sorted(maps.Keys(ours))
	for name := range theirs {
		if _, both := ours[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	used := map[Exception]bool{}
	for _, name := range names {
		a, inA := ours[name]
		b, inB := theirs[name]
		for _, x := range compareEntries(a, b, inA, inB) {
			x.Variable = name
			if e, ok := allowed[Exception{Variable: name, Kind: x.Kind}]; ok {
				used[e] = true
				x.Kind, x.Reason = DriftAllowed, e.Reason
			}
			d.List = append(d.List, x)
		}
	}
	for _, e := range exceptions {
		e.Kind = cmp.Or(e.Kind, DriftValue)
		if !used[e] {
			d.Stale = append(d.Stale, e)
		}
	}
	return d, nil
}

// index checks the exceptions and returns them by variable and kind.
func index(exceptions []Exception) (map[Exception]Exception, error) {
	var errs []error
	out := map[Exception]Exception{}
	for i, e := range exceptions {
		e.Kind = cmp.Or(e.Kind, DriftValue)
		wrong := func(field, rule, want, got, hint string) {
			errs = append(errs, &Violation{Field: fmt.Sprintf("exceptions[%d].%s", i, field), Rule: rule, Want: want, Got: got, Hint: hint})
		}
		if e.Variable == "" || cell(e.Variable) != e.Variable {
			wrong("Variable", "names a variable", "a name", fmt.Sprintf("%.60q", e.Variable), "an exception is for one variable")
		}
		if !slices.Contains([]Drift{DriftMissing, DriftExtra, DriftType, DriftRules, DriftValue}, e.Kind) {
			wrong("Kind", "is a kind that can be allowed", "missing, extra, type, rules or differs", fmt.Sprintf("%.40q", string(e.Kind)), "use one of the constants")
		}
		if strings.TrimSpace(e.Reason) == "" {
			wrong("Reason", "says why", "a reason", "none", "write down why the two have to differ")
		}
		key := Exception{Variable: e.Variable, Kind: e.Kind}
		if _, again := out[key]; again {
			wrong("Variable", "is given once for a kind", "one exception", fmt.Sprintf("another one for %.60q", e.Variable), "keep one of the two")
		}
		out[key] = e
	}
	return out, errors.Join(errs...)
}

func (s Snapshot) byVariable() map[string]Entry {
	out := make(map[string]Entry, len(s.Entries))
	for _, e := range s.Entries {
		out[e.Variable] = e
	}
	return out
}

// compareEntries returns the differences between the original's entry and the
// mirror's; inA and inB tell whether there is one.
func compareEntries(a, b Entry, inA, inB bool) []Difference {
	var out []Difference
	add := func(kind Drift, original, mirror, reason string) {
		out = append(out, Difference{Kind: kind, Original: original, Mirror: mirror, Reason: reason})
	}
	switch {
	case !inB || inA && a.Set && !b.Set:
		add(DriftMissing, a.presence(inA), b.presence(inB), "")
	case !inA || b.Set && !a.Set:
		add(DriftExtra, a.presence(inA), b.presence(inB), "")
	case a.Secret != b.Secret || !a.Set:
	case a.Secret:
		if a.Fingerprint != b.Fingerprint && a.Fingerprint.SameKey(b.Fingerprint) {
			add(DriftAllowed, "a secret", "another secret", "each environment has secrets of its own")
		}
	case a.Value != b.Value && len(databasesOf(a.Value)) > 0 && len(databasesOf(b.Value)) > 0:
		add(DriftAllowed, a.show(), b.show(), "each environment has databases of its own")
	case a.Value != b.Value:
		add(DriftValue, a.show(), b.show(), "")
	}
	if !inA || !inB {
		return out
	}
	if a.kind() != b.kind() {
		add(DriftType, a.kind(), b.kind(), "")
	}
	if a.Rules != b.Rules {
		add(DriftRules, cmp.Or(cell(a.Rules), "none"), cmp.Or(cell(b.Rules), "none"), "")
	}
	return out
}

func (e Entry) presence(declared bool) string {
	switch {
	case !declared:
		return "not declared"
	case !e.Set:
		return "not set"
	}
	return "set"
}

// show returns the value of an entry that is no secret.
func (e Entry) show() string { return fmt.Sprintf("%q", e.Value) }

func (e Entry) kind() string {
	if e.Secret {
		return strings.TrimSpace("secret " + cell(e.Type))
	}
	return cmp.Or(cell(e.Type), "unknown")
}
