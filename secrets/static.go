package secrets

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
)

// Static is a source of secrets that are at hand, by name: for tests, and for
// what a program got in another way. The map is copied.
func Static(values map[string]Value) Source {
	values = maps.Clone(values)
	return &source{"static map", func(_ context.Context, name string) (Value, error) {
		v, ok := values[name]
		if !ok {
			return Value{}, fmt.Errorf("not in the map: %w", fs.ErrNotExist)
		}
		return v, nil
	}}
}
