package powercut_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/durable/powercut"
)

// A file that is written durably is whole after every power cut, or not there.
func ExampleNew() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	rec, err := powercut.New(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := durable.WriteFile(rec, filepath.Join(dir, "state"), []byte("new"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	rec.Mark("written")
	err = rec.Recording().Check(nil, func(s powercut.State) error {
		text, err := os.ReadFile(filepath.Join(s.Dir, "state"))
		if len(s.Marks) == 0 && os.IsNotExist(err) {
			return nil // it was cut off before
		}
		if string(text) != "new" {
			return fmt.Errorf("the file holds %q: %w", text, err)
		}
		return nil
	})
	fmt.Println(err)
	// Output: <nil>
}
