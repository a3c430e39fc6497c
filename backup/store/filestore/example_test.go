package filestore_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/masaruk/devops/backup/store/filestore"
)

func ExampleNew() {
	dir, err := os.MkdirTemp("", "backups-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := filestore.New(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := store.Put(ctx, "data/one", strings.NewReader("content")); err != nil {
		fmt.Println(err)
		return
	}
	for object, err := range store.List(ctx, "data/") {
		fmt.Println(object.Name, object.Size, err)
	}
	// Output: data/one 7 <nil>
}
