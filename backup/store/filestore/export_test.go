package filestore

import "github.com/masaruk/devops/internal/durable"

// NewOn is New on another file system.
func NewOn(dir string, fsys durable.FS) *Store { return &Store{dir, fsys} }
