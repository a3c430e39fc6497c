package envconfig

import (
	"context"
	"reflect"
)

// LoadType is Load for a type that a test makes; the result is what Load's
// Value would be, and what is shown of it.
func LoadType(ctx context.Context, t reflect.Type, opts *LoadOptions) (reflect.Value, *Loaded[struct{}], error) {
	ld, err := newLoader(t, opts)
	if err != nil {
		return reflect.Value{}, nil, err
	}
	v := reflect.New(t).Elem()
	r, err := ld.load(ctx, v)
	return v, &Loaded[struct{}]{report: func() *run { return r }}, err
}

// Intersect returns what both sets allow, as Derive finds it.
func Intersect[T ~string](a, b Set[T]) Set[T] {
	return Set[T]{members: intersect(a.members, b.members)}
}

// Distance is the number of slips between two names.
var Distance = distance
