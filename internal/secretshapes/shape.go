package secretshapes

import "slices"

const (
	// MaxBefore is how many bytes before its anchor a matcher looks at, for
	// instance to see whether a word begins there.
	MaxBefore = 64
	// MaxAfter is how many bytes a matcher looks at from the beginning of its
	// anchor, and so the greatest distance from there to the end of a match.
	MaxAfter = 24 << 10
)

// Shape is one known form of secrets.
type Shape struct {
	// ID names the shape in reports and allow comments: lower-case words with
	// hyphens, such as "stripe-key".
	ID string
	// Name is for people.
	Name string
	// Generic says that the shape tells by the words around a text that it is
	// a secret, and not by its form. Where another shape matches the same text,
	// that one says more.
	Generic bool
	// MinEntropy is in bits per byte; see [Entropy].
	MinEntropy float64

	anchors []string
	fold    bool // anchors are lower case and stand for every case
	match   matcher
}

// Match is a secret in a text.
type Match struct {
	// Shape is the ID of the shape.
	Shape string
	// Generic is that of the Shape.
	Generic bool
	// Start and End are where the secret is in the text, in bytes. Start is not
	// before the anchor.
	Start, End int
}

// matcher looks at the anchor at t.b[at:end] and returns where the secret that
// belongs to it is, and where in it the part is that has to be random.
type matcher func(t *text, at, end int) (found, bool)

// found is what a matcher returns: the secret is start:end, and the part of it
// that nobody could guess is body:end.
type found struct{ start, body, end int }

// at decides about the anchor t.b[at:end]. Open tells that the text ends too
// early: with more of it the answer may be another.
func (s *Shape) at(t *text, at, end int) (m Match, ok, open bool) {
	t.limit, t.open = at+MaxAfter, false
	f, ok := s.match(t, at, end)
	if !ok {
		return Match{}, false, t.open
	}
	body := t.b[f.body:f.end]
	if !random(body, s.MinEntropy) || isPlaceholder(body) {
		return Match{}, false, t.open
	}
	return Match{Shape: s.ID, Generic: s.Generic, Start: f.start, End: f.end}, true, t.open
}

// All returns every shape, in a fixed order. The IDs are unique.
func All() []Shape {
	return slices.Concat(tokenShapes(), structuredShapes(), addressShapes(), contextShapes())
}
