package secrets_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/masaruk/devops/secrets"
)

func ExampleNewCache() {
	calls := 0
	vault := secrets.SourceFunc(func(context.Context, string) (secrets.Value, error) {
		calls++
		return secrets.New("correct horse"), nil
	})
	cache, err := secrets.NewCache(vault, &secrets.CacheOptions{
		OnEvent: func(e secrets.CacheEvent) { fmt.Println(e.Name, e.Kind) },
	})
	if err != nil {
		panic(err)
	}
	for range 3 {
		if _, err := cache.Lookup(context.Background(), "db/password"); err != nil {
			panic(err)
		}
	}
	if err := cache.Close(); err != nil {
		panic(err)
	}
	fmt.Println("asked:", calls)
	// Output:
	// db/password loaded
	// asked: 1
}

// The vault has a new password, and the cache an old one, which the database
// no longer takes.
func ExampleCache_Refresh() {
	ctx, password := context.Background(), "old"
	connect := func(with secrets.Value) error {
		if with.Reveal() != password {
			return errors.New("authentication failed")
		}
		return nil
	}
	cache, err := secrets.NewCache(secrets.SourceFunc(func(context.Context, string) (secrets.Value, error) {
		return secrets.New(password), nil
	}), nil)
	if err != nil {
		panic(err)
	}
	defer cache.Close()
	if _, err := cache.Lookup(ctx, "db/password"); err != nil {
		panic(err)
	}
	password = "new"

	current, err := cache.Lookup(ctx, "db/password")
	if err != nil {
		panic(err)
	}
	fmt.Println(connect(current))
	if current, err = cache.Refresh(ctx, "db/password", current); err != nil {
		panic(err)
	}
	fmt.Println(connect(current))

	// What was signed with the old one can still be verified for a while.
	pair, err := cache.Pair(ctx, "db/password")
	fmt.Println(pair.Verify(func(v secrets.Value) bool { return v.Equal(secrets.New("old")) }), err)
	// Output:
	// authentication failed
	// <nil>
	// true <nil>
}

func ExampleCache_Watch() {
	cache, err := secrets.NewCache(secrets.Static(map[string]secrets.Value{"tls.key": secrets.New("correct horse")}), nil)
	if err != nil {
		panic(err)
	}
	defer cache.Close()
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	for key, err := range cache.Watch(ctx, "tls.key") {
		fmt.Println(len(key.Reveal()), err)
		stop(errors.New("the server stops")) // as something else would
	}
	// Output:
	// 13 <nil>
	// 0 cache: secret "tls.key": the server stops
}
