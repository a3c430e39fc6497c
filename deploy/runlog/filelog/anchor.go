package filelog

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
)

// Anchor keeps the newest head of each stream as a file: that of "stg/api" is
// stg/api/@head in its directory. It is safe for concurrent use, also by other
// processes. It is worth something only where those who can write the log
// cannot write: on another disk, or under another user.
type Anchor struct {
	dir  string
	fsys durable.FS
}

var _ deploy.Anchor = (*Anchor)(nil)

// NewAnchor returns the anchor in dir, which need not exist. It does no I/O.
func NewAnchor(dir string) (*Anchor, error) {
	if dir == "" {
		return nil, &Error{Op: "open", Path: dir, Err: errors.New("the directory has no name; give one")}
	}
	abs, err := filepath.Abs(dir) // the program may change its working directory
	if err != nil {
		return nil, &Error{Op: "open", Path: dir, Err: err}
	}
	return &Anchor{abs, durable.OS{}}, nil
}

// file is the file of a stream's head. No element of a stream's name has "@".
func (a *Anchor) file(ctx context.Context, stream string) (string, error) {
	path := filepath.Join(a.dir, filepath.FromSlash(stream), "@head")
	if _, err := streamPath(stream); err != nil {
		return path, err
	}
	return path, context.Cause(ctx)
}

// Last returns the head that was kept last, "" when none was.
func (a *Anchor) Last(ctx context.Context, stream string) (head string, err error) {
	path, err := a.file(ctx, stream)
	if err != nil {
		return "", &Error{Op: "read", Path: path, Err: err}
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", &Error{Op: "read", Path: path, Err: explain(err)}
	}
	return string(text), nil
}

// Keep makes head the last one, durably.
func (a *Anchor) Keep(ctx context.Context, stream, head string) error {
	path, err := a.file(ctx, stream)
	if err != nil {
		return &Error{Op: "write", Path: path, Err: err}
	}
	err = durable.MkdirAll(a.fsys, filepath.Dir(path), dirPerm)
	if err == nil {
		err = durable.WriteFile(a.fsys, path, []byte(head), filePerm)
	}
	if err != nil {
		return &Error{Op: "write", Path: path, Err: explain(err)}
	}
	return nil
}
