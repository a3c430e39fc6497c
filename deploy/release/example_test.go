package release_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing/fstest"

	"github.com/masaruk/devops/deploy/release"
	"github.com/masaruk/devops/secrets"
)

func ExampleNew() {
	root, err := os.MkdirTemp("", "api")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)
	dir, err := release.New(root, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for _, id := range []string{"v1", "v2"} {
		_, err := dir.Stage(ctx, release.Spec{
			ID:      id,
			From:    fstest.MapFS{"server.js": {Data: []byte("// " + id)}}, // os.DirFS("build")
			Env:     map[string]string{"NODE_ENV": "production"},
			Secrets: map[string]secrets.Value{"TOKEN": secrets.New("a b c")},
			Shared:  []string{"uploads"},
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := dir.Activate(ctx, id); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := dir.Prove(ctx, "v1", "0 of 1200 requests failed"); err != nil {
		fmt.Println(err)
		return
	}
	// v2 is not good: back to the last one that is.
	if err := dir.Fail(ctx, "v2", "answers with errors"); err != nil {
		fmt.Println(err)
		return
	}
	last, err := dir.LastProven()
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := dir.Activate(ctx, last.ID); err != nil {
		fmt.Println(err)
		return
	}
	text, err := os.ReadFile(filepath.Join(root, "current/server.js"))
	fmt.Println(string(text), err)
	for r, err := range dir.List() {
		fmt.Println(r.ID, r.State(), err)
	}
	// Output:
	// // v1 <nil>
	// v1 active <nil>
	// v2 failed <nil>
}
