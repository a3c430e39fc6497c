package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/masaruk/devops/internal/durable"
)

// fill makes a file of what in gives, in place of one that may be there, and
// returns its digest. With sync its content is durable; its name is not.
func (p *place) fill(ctx context.Context, name string, in io.Reader, perm os.FileMode, sync bool) (digest string, err error) {
	if err := durable.RemoveTree(p.fsys, name); err != nil {
		return "", err
	}
	out, err := p.fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum), &reader{ctx, in})
	if err == nil {
		err = os.Chmod(name, perm) // the umask may have kept some of it away
	}
	if err == nil && sync {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return "", err
	}
	digest = digestOf(sum)
	if written, err := digestFile(name); err != nil || written != digest {
		return "", errors.Join(err, fmt.Errorf("%s: what was written is not what was read", name))
	}
	return digest, nil
}

// fillFrom is fill with the content of a file.
func (p *place) fillFrom(ctx context.Context, name, from string, perm os.FileMode, sync bool) (digest string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	return p.fill(ctx, name, in, perm, sync)
}

func digestOf(sum hash.Hash) string { return "sha256:" + hex.EncodeToString(sum.Sum(nil)) }

func digestFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return digestOf(sum), nil
}

// reader ends when ctx does.
type reader struct {
	ctx context.Context
	in  io.Reader
}

// Read reads.
func (r *reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.in.Read(p)
}
