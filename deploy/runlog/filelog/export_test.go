package filelog

import "github.com/masaruk/devops/internal/durable"

// NewOn is [New] on another file system.
func NewOn(dir string, fsys durable.FS) (*Log, error) {
	l, err := New(dir, nil)
	if err == nil {
		l.fsys = fsys
	}
	return l, err
}
