package artefact

import (
	"context"
	"io"

	"github.com/masaruk/devops/internal/durable"
)

// PackOn, PushTo, PullOn and UnpackOn are the Actions without a plan, on
// another file system.

func PackOn(ctx context.Context, fsys durable.FS, p Pack) (string, error) {
	p.fsys = fsys
	return p.Make(ctx)
}

func PushTo(ctx context.Context, p Push) error { return p.push(ctx, p.Digest) }

func PullOn(ctx context.Context, fsys durable.FS, p Pull) error {
	p.fsys = fsys
	return p.pull(ctx, p.Digest)
}

func UnpackOn(ctx context.Context, fsys durable.FS, u Unpack) error {
	u.fsys = fsys
	return u.unpack(ctx, u.Digest)
}

// NewFolderOn is [NewFolder] on another file system.
func NewFolderOn(dir string, fsys durable.FS) *Folder { return &Folder{dir, fsys} }

// Extract is what Unpack does with what it has verified.
func Extract(ctx context.Context, r io.Reader, dir string, limits Limits) error {
	return extract(ctx, durable.OS{}, r, dir, limits)
}

// CheckLink is how links are judged.
func CheckLink(name, target string) error { return checkLink(name, target) }

// Archive is what Pack does, without syncing anything.
func Archive(ctx context.Context, w io.Writer, dir string) (digest string, err error) {
	digest, _, err = archive(ctx, w, dir, nil)
	return digest, err
}
