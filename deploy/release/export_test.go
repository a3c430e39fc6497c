package release

import "github.com/masaruk/devops/internal/durable"

// NewOn is [New] on another file system.
func NewOn(root string, fsys durable.FS) (*Dir, error) {
	d, err := New(root, nil)
	if err == nil {
		d.fsys = fsys
	}
	return d, err
}

// Quote is how a value is written to the env file.
func Quote(value string) (string, bool) { return quote(value) }
