package secrets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
)

// Chain is a source that asks the sources in order and gives the secret of the
// first that has it. An empty secret is one too and ends the search.
//
// An error other than not found also ends it and is returned. The first source
// may well have the secret and only be out of reach; the next would then give
// an older or a weaker one, and nobody would notice until it is used. Not
// found is an answer of all of them; the error joins theirs.
func Chain(sources ...Source) Source {
	sources = append([]Source(nil), sources...)
	return &source{"chain", func(ctx context.Context, name string) (Value, error) {
		var missing []error
		for _, from := range sources {
			v, err := ask(ctx, from, name)
			if err == nil {
				return v, nil
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return Value{}, err
			}
			missing = append(missing, err)
			if ctx.Err() != nil {
				return Value{}, context.Cause(ctx)
			}
		}
		if len(missing) == 0 {
			return Value{}, fmt.Errorf("there is no source in the chain: %w", fs.ErrNotExist)
		}
		return Value{}, errors.Join(missing...)
	}}
}

// Prefix is a source that puts prefix, as it is, before each name and asks
// from: Prefix(vault, "prod/api/") has what vault has below that. It is no
// fence: what a name such as "../web/key" means is for from to say. (A folder
// refuses it.)
func Prefix(from Source, prefix string) Source {
	return &source{fmt.Sprintf("prefix %q", prefix), func(ctx context.Context, name string) (Value, error) {
		return ask(ctx, from, prefix+name)
	}}
}

// Rename is a source that asks from for names[name]. Names that are not in the
// map are asked for as they are. The map is copied.
//
//	variables, err := secrets.NewEnvironment("DB_PASSWORD")
//	source := secrets.Rename(variables, map[string]string{"db/password": "DB_PASSWORD"})
func Rename(from Source, names map[string]string) Source {
	names = maps.Clone(names)
	return &source{"rename", func(ctx context.Context, name string) (Value, error) {
		if other, ok := names[name]; ok {
			name = other
		}
		return ask(ctx, from, name)
	}}
}
