package durable_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/masaruk/devops/internal/durable"
)

// The link is replaced in one step: whoever follows it finds the old release
// or the new one, also after a power cut.
func ExampleReplaceSymlink() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	current := filepath.Join(dir, "current")
	for _, release := range []string{"v1", "v2"} {
		if err := durable.ReplaceSymlink(durable.OS{}, release, current); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(os.Readlink(current))
	// Output: v2 <nil>
}
