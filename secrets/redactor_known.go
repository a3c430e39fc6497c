package secrets

import (
	"fmt"
	"maps"
	"slices"

	"github.com/masaruk/devops/internal/leakforms"
	"github.com/masaruk/devops/internal/multimatch"
)

// known is what a Redactor was told.
type known struct {
	texts    map[string]bool
	bytes    int  // of the texts
	fresh    bool // texts were added since the last compile
	patterns []Pattern
}

// value adds the forms of s, or tells why they are too much.
func (k *known) value(s string) string {
	if len(s) > multimatch.MaxBytes/8 { // hex and base64 alone are 7 times as long
		return fmt.Sprintf("has %d bytes, which are too many to look for in all forms; register the secret parts of it only", len(s))
	}
	forms := leakforms.Of(s)
	size, count := 0, 0
	for _, f := range forms {
		if !k.texts[f.Text] {
			size, count = size+len(f.Text), count+1
		}
	}
	if k.bytes+size > multimatch.MaxBytes || len(k.texts)+count > multimatch.MaxTexts {
		return fmt.Sprintf("takes %d texts of %d bytes in all its forms, beside %d of %d bytes of the other values, and a Redactor looks for at most %d of %d bytes; use several, or register the secret parts only",
			count, size, len(k.texts), k.bytes, multimatch.MaxTexts, multimatch.MaxBytes)
	}
	for _, f := range forms {
		k.texts[f.Text] = true
	}
	k.bytes += size
	k.fresh = k.fresh || count > 0
	return ""
}

// compile makes an engine of what is known; old is the one before.
func (k *known) compile(old *engine) *engine {
	e := &engine{}
	if old != nil {
		e.values = old.values
	}
	if k.fresh {
		set, err := multimatch.New(slices.Collect(maps.Keys(k.texts)))
		if err != nil {
			panic(err) // known.value keeps to the limits
		}
		e.values, k.fresh = set, false
	}
	for _, p := range k.patterns {
		e.shapes = append(e.shapes, p.finder())
	}
	switch {
	case len(e.shapes) > 0:
	case e.values.Len() == 0:
		return nil
	default:
		e.least = e.values.Least()
	}
	return e
}
