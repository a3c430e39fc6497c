package backup

import "github.com/masaruk/devops/internal/durable"

// SetPartSize makes small parts, so that a test has several.
func (w *Writer) SetPartSize(n int64) { w.partSize = n }

// SetFS lets restores write through a file system of the test.
func (r *Reader) SetFS(fsys durable.FS) { r.fsys = fsys }
