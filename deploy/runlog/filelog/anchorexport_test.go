package filelog

import "github.com/masaruk/devops/internal/durable"

// NewAnchorOn is [NewAnchor] on another file system.
func NewAnchorOn(dir string, fsys durable.FS) (*Anchor, error) {
	a, err := NewAnchor(dir)
	if err == nil {
		a.fsys = fsys
	}
	return a, err
}
