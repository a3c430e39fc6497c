package envconfig

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Set is a set of the values that one rule allows. The zero Set is empty:
// nothing is allowed. Sets are immutable and can be compared with ==. As JSON
// a Set is a list of texts.
type Set[T ~string] struct {
	// The members in order, each ended by a line feed: a text, so that a Set
	// compares and is copied as a whole. No known value has a line feed.
	members string
}

// Allow returns the set of those values.
func Allow[T ~string](values ...T) Set[T] {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return Set[T]{members: join(texts)}
}

// Has tells whether the set holds v.
func (s Set[T]) Has(v T) bool { return slices.Contains(split(s.members), string(v)) }

// Values returns the members in the order of their texts.
func (s Set[T]) Values() []T {
	var out []T
	for _, m := range split(s.members) {
		out = append(out, T(m))
	}
	return out
}

// IsZero tells whether the set is empty.
func (s Set[T]) IsZero() bool { return s.members == "" }

// String returns the members, such as "off or sandbox", and "nothing" for the
// empty set.
func (s Set[T]) String() string { return describeMembers(s.members) }

// MarshalJSON returns a list of texts.
func (s Set[T]) MarshalJSON() ([]byte, error) {
	return json.Marshal(append([]string{}, split(s.members)...))
}

// UnmarshalJSON reads a list of texts. Whether they are known is for
// [Environment.Validate] to tell.
func (s *Set[T]) UnmarshalJSON(raw []byte) error {
	var texts []string
	if err := json.Unmarshal(raw, &texts); err != nil {
		return fmt.Errorf("envconfig: a set of what is allowed: %w", err)
	}
	s.members = join(texts)
	return nil
}

// join returns the form that a Set keeps, of any texts in any order.
func join(texts []string) string {
	var b strings.Builder
	texts = slices.Clone(texts)
	slices.Sort(texts)
	for _, t := range slices.Compact(texts) {
		b.WriteString(strings.ReplaceAll(t, "\n", " ") + "\n") // with a space it is unknown, and refused as such
	}
	return b.String()
}

func split(members string) []string {
	if members == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(members, "\n"), "\n")
}

func intersect(a, b string) string {
	other := split(b)
	return join(slices.DeleteFunc(split(a), func(m string) bool { return !slices.Contains(other, m) }))
}

// without returns the members of a that are not in b.
func without(a, b string) string {
	other := split(b)
	return join(slices.DeleteFunc(split(a), func(m string) bool { return slices.Contains(other, m) }))
}

func union(a, b string) string { return join(append(split(a), split(b)...)) }

func describeMembers(members string) string {
	if members == "" {
		return "nothing"
	}
	return strings.Join(split(members), " or ")
}
